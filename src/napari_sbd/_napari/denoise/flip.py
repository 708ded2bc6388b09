"""Before and after: the raw image shows for as long as a key is held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..layers.pairs import is_raw

if TYPE_CHECKING:
    import napari

KEY = "b"


def bind_flip(viewer: napari.viewer.Viewer) -> None:
    """Hide everything but raw images while the key is held; then bring it back."""
    viewer.bind_key(KEY, _flip, overwrite=True)


def _flip(viewer: napari.viewer.Viewer) -> Iterator[None]:
    hidden = [layer for layer in viewer.layers if layer.visible and not is_raw(layer)]
    for layer in hidden:
        layer.visible = False
    yield
    for layer in hidden:
        layer.visible = True
