"""One calibration for an image and all that was made from it; knows no viewer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes

from ...errors import SBDError
from ...micrograph import PixelSize
from ...units import to_nm
from .earlier import made_of, note_gain
from .micrographs import GAIN_ERRORS, KEY, calibration, micrograph_of, stretched
from .pairs import belongs

if TYPE_CHECKING:
    from napari.layers import Image, Layer

_SMALLEST, _LARGEST = 1e-4, 1e4  # nm per pixel; napari's sliders raise errors far beyond


def calibrate(
    layer: Image,
    pixel_size: PixelSize | None,
    gain: float | None,
    offset: float,
    results: Iterable[Any] = (),
    errors: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Keep on a layer what a person knows of it.

    The layer and all that was made from it (results, maps, columns) get the scale of the pixel
    size, in nm where they counted pixels, so that they stay on each other. What holds electrons by
    an earlier gain says so in its name.

    Parameters
    ----------
    layer
        Image layer.
    pixel_size
        nm, one number or (y, x); None where it is unknown: scales then count pixels.
    gain, offset
        File units per electron, None if unknown; file units at zero electrons.
    results
        Layers among which those of the same image are. Gain and offset change on those of the same
        raw image, pixels, gain and offset; the scale on those that were made from the layer.
    errors
        Standard errors of gain and offset, where these were estimated; those that are known stay
        while gain and offset do.

    Raises
    ------
    SBDError
        If a number is impossible.
    """
    results = list(results)
    before = micrograph_of(layer)
    m = before.replace(pixel_size=pixel_size, gain=gain, offset=offset)
    for size in m.pixel_size_yx or ():
        if not _SMALLEST <= size <= _LARGEST and size not in (before.pixel_size_yx or ()):
            raise SBDError(
                f"{size:g} nm per pixel is out of reach of an electron microscope; pixel sizes are "
                "given in nm."
            )
    if (m.gain, m.offset) == (before.gain, before.offset) and not any(errors):
        errors = gain_errors(layer)
    kept = {"gain": m.gain, "offset": m.offset, GAIN_ERRORS: errors}
    changed = [layer]
    for other in results:
        same = KEY in other.metadata and other.data.shape == layer.data.shape
        if same and other is not layer and belongs(other, layer, {layer, *results}):
            known = other.metadata[KEY]
            if (known["gain"], known["offset"]) == (before.gain, before.offset):
                other.metadata = {**other.metadata, KEY: {**known, **kept}}
                changed.append(other)
    layer.metadata = {**layer.metadata, KEY: {**calibration(m), **kept}}
    for one in changed:
        for made in made_of(one, results):
            note_gain(made, m)
    if m.pixel_size_yx or before.pixel_size_yx:
        before_it = np.array(layer.scale[-2:])
        for one in (layer, *made_of(layer, results)):
            by_hand = isinstance(one, Shapes) and not np.allclose(one.scale[-2:], before_it)
            if by_hand:  # in steps of its own
                _stretch(one, np.array(layer.scale[-2:]) / before_it, layer.units[-2:])
            else:
                _scale(one, m.pixel_size_yx)
            if KEY in one.metadata:
                known = {**one.metadata[KEY], "pixel_size": m.pixel_size}
                one.metadata = {**one.metadata, KEY: known}


def gain_errors(layer: Layer) -> tuple[float, float]:
    """Standard errors of an image's gain and offset [file units]; 0 where they were told."""
    error, offset_error = layer.metadata.get(KEY, {}).get(GAIN_ERRORS, (0.0, 0.0))
    return error, offset_error


def _stretch(layer: Any, by: np.ndarray, units: Any) -> None:
    """Let a layer keep its place on an image whose scale is multiplied and has these units."""
    far = np.asarray(layer.translate[-2:]) * by
    layer.scale = (*layer.scale[:-2], *(np.asarray(layer.scale[-2:]) * by))
    layer.translate = (*layer.translate[:-2], *far)
    layer.units = (*map(str, layer.units[:-2]), *map(str, units))


def _scale(layer: Any, size: tuple[float, float] | None) -> None:
    """Let a layer's pixels have a size [nm], or none; one that counted pixels counts nm then."""
    before = np.asarray(layer.scale[-2:])
    y, x = (to_nm(1, unit) for unit in layer.units[-2:])
    by = stretched(layer.rotate, layer.affine.affine_matrix)[-2:]
    if size is None:
        layer.scale = (*layer.scale[:-2], 1.0, 1.0)
        layer.units = (*(str(unit) for unit in layer.units[:-2]), "pixel", "pixel")
    elif y and x:
        steps = (float(f"{step:.12g}") for step in (size[0] / y / by[0], size[1] / x / by[1]))
        layer.scale = (*layer.scale[:-2], *steps)
    else:
        layer.scale = (*layer.scale[:-2], *(np.asarray(size) / by))
        layer.units = (*(str(unit) for unit in layer.units[:-2]), "nm", "nm")
    far = np.asarray(layer.translate[-2:]) * layer.scale[-2:] / before  # such as side by side
    layer.translate = (*layer.translate[:-2], *far)
