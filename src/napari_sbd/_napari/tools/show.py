"""Micrographs in a window of their own."""

from __future__ import annotations

import napari

from ...micrograph import Micrograph
from ..layers.micrographs import to_layer


def show(images: list[Micrograph], title: str) -> None:
    """Open napari with one layer for each image, the last on top; returns when it is closed."""
    viewer = napari.Viewer(title=title)
    for micrograph in images:
        viewer.add_layer(napari.layers.Layer.create(*to_layer(micrograph)))
    napari.run()
