"""One pixel size for an image and all that was made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..layers import micrographs as layers
from ..layers.calibrating import calibrate
from ..layers.pairs import is_denoised, raw_of

if TYPE_CHECKING:
    from napari.layers import Image

    import napari


def calibrate_all(
    viewer: napari.viewer.Viewer, layer: Image, pixel_size: tuple[float, float]
) -> None:
    """Give a layer, its raw image and all results of that a pixel size [nm].

    Gain and offset of each stay.
    """
    raw = raw_of(layer, viewer.layers) if is_denoised(layer) else None
    if raw is not None and raw.data.shape[-2:] != layer.data.shape[-2:]:
        raw = None
    for one in (layer, raw):
        if one is not None:
            m = layers.micrograph_of(one)
            calibrate(one, pixel_size, m.gain, m.offset, viewer.layers)
