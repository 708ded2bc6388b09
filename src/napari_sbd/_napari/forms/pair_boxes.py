"""Two boxes for a denoised image and its raw one, which find each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Layer

from ...recipe import is_result
from ..layers.micrographs import AIDS
from .layer_box import LayerBox

if TYPE_CHECKING:
    import napari


def is_image(layer: Layer) -> bool:
    """Whether a layer is an image, and not a map or a difference that we drew of one."""
    return isinstance(layer, Image) and AIDS not in layer.metadata


def is_denoised(layer: Layer) -> bool:
    """Whether a layer is an image that this program made of another."""
    return is_image(layer) and is_result(layer.metadata)


def is_raw(layer: Layer) -> bool:
    """Whether a layer is an image that came from elsewhere."""
    return is_image(layer) and not is_denoised(layer)


def pair_boxes(viewer: napari.viewer.Viewer) -> tuple[LayerBox, LayerBox]:
    """Boxes for the raw and the denoised image.

    The raw one changes with the denoised one: results are named after their source.
    """
    raw = LayerBox(viewer, "The raw image.", is_raw)
    denoised = LayerBox(viewer, "The denoised image.", is_denoised)
    raw.held = True

    def find_raw() -> None:
        result = denoised.layer
        for layer in viewer.layers:
            if result is not None and result.name.startswith(f"{layer.name} "):
                raw.choose(layer)

    denoised.chosen.connect(find_raw)
    find_raw()
    return raw, denoised
