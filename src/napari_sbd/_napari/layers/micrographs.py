"""Layers of napari into Micrographs and back; knows no viewer.

napari keeps pixel size and frame time as scale and units. What it has no place for (gain, offset,
source, and the pixel size of layers whose scale counts pixels) stands in the layer's metadata under
``KEY``, beside the recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import sampling
from ...errors import SBDError
from ...micrograph import Micrograph, PixelSize
from ...micrograph.frames import frame_of, reference_number
from ...micrograph.gain_errors import gain_errors, with_gain_errors
from ...noise.left_out import without_outliers
from ...units import no_printers, to_nm, to_seconds

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

KEY = "napari_sbd_calibration"
GAIN_ERRORS = "gain_errors"  # there, beside gain and offset, where these were estimated
MADE_FROM = "napari_sbd_made_from"  # in the metadata of results: the unique id of the raw layer
MODALITY = "napari_sbd_modality"  # in the metadata of raw layers: what a person says they are
STEP = "napari_sbd_step"  # in the metadata of results: what made them
ITSELF = "napari_sbd_itself"  # beside STEP: the unique id, which copies that a person makes lack
AIDS = "napari_sbd_aid"  # in the metadata of maps and differences, which are no micrographs
NO_IMAGE = "There is no image; open one, or a sample from File > Open Sample."
NO_RAW = "Choose the raw image that this result was made from."
RAW_GONE = "The raw image that this result was made from is not here any more; open it again."
NO_RESULT = "There is no result of this program here; denoise an image first."
LayerData = tuple[Any, dict[str, Any], str]

_PERCENTILES = 0.1, 99.9
_ENOUGH = 200_000  # pixels whose percentiles tell those of all; more keep the window waiting
_ROUNDED = 1e-11  # of a pixel size, which napari's units change
_WIDEST = 3.0  # contrast range, in ranges of the signal, that still shows the signal
_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_LOOK = (*_PLACE, "colormap", "gamma")


def needed(layer: Any, otherwise: str = NO_IMAGE) -> Any:
    """The layer itself.

    Raises
    ------
    SBDError
        If there is none, with the sentence that says what to do.
    """
    if layer is None:
        raise SBDError(otherwise)
    return layer


def still_there(viewer: Any, layer: Any) -> Any:
    """The layer to which the result of a task belongs.

    Raises
    ------
    SBDError
        If it was removed while the task was under way.
    """
    if layer is None or layer not in viewer.layers:
        name = "The image" if layer is None else layer.name
        raise SBDError(f"{name} was removed meanwhile, so what was made of it is not shown.")
    return layer


def add_result(viewer: Any, source: Image, result: Micrograph, what: str) -> Image:
    """Add a micrograph made from a layer: on it, with its look, named after both."""
    return viewer.add_layer(result_layer(source, result, what))


def result_layer(source: Image, result: Micrograph, what: str) -> Image:
    """The layer of a micrograph made from a layer: on it, with its look, named after both."""
    from napari.layers import Image

    data = np.asarray(result.data)
    shown = frame_of(result, reference_number(result))
    block = sampling.choose_bin(result.pixel_size_yx) if result.pixel_size_yx else (1, 1)
    fitted = contrast_limits(np.asarray(shown), block)
    return Image(
        data,
        name=f"{source.name} {what}",
        contrast_limits=readable_limits(tuple(source.contrast_limits), fitted),
        metadata={**result.metadata, KEY: calibration_now(source, result), **made_from(source)},
        **look_of(source),
    )


def labels_over(source: Image, mask: np.ndarray, what: str) -> Labels:
    """A layer of labels, 1 where a mask of a layer's last axes is True, at the place of that."""
    from napari.layers import Labels

    name, place = f"{source.name} {what}", place_in_the_plane(source, mask.ndim)
    metadata = {AIDS: True, **made_from(source)}
    return Labels(mask.astype(np.uint8), name=name, metadata=metadata, **place)


def made_from(source: Layer) -> dict[str, str]:
    """What the metadata of a result say of the layer that it was made from."""
    return {MADE_FROM: str(source.unique_id)}


def micrograph_of(layer: Layer) -> Micrograph:
    """The micrograph that a layer shows.

    Raises
    ------
    SBDError
        If the layer is no grey-scale image or movie.
    """
    return micrograph_from(*layer.as_layer_data_tuple())


def micrograph_from(data: Any, attributes: dict[str, Any], kind: str = "image") -> Micrograph:
    """The micrograph of what napari hands to a writer.

    Scale and units give the calibration where they are lengths and times; else the metadata do.

    Parameters
    ----------
    data, attributes, kind
        napari's layer data tuple.

    Raises
    ------
    SBDError
        If the layer is no grey-scale image or movie.
    """
    name = attributes.get("name", "image")
    if kind != "image":
        raise SBDError(f'"{name}" is a {kind} layer; choose an image layer.')
    if attributes.get("rgb"):
        raise SBDError(
            f'"{name}" is a colour (RGB) picture; give the grey-scale detector image. Of a picture '
            "that is grey, choose Split RGB in the menu of its layer, and one of the three."
        )
    if attributes.get("multiscale"):
        data = data[0]
    metadata = dict(attributes.get("metadata") or {})
    known = metadata.pop(KEY, {})
    for mine in (MADE_FROM, STEP, ITSELF, MODALITY):  # of this session only
        metadata.pop(mine, None)
    m = Micrograph(data, metadata=metadata, name=name)
    if len(known.get("shape", m.shape)) > m.data.ndim:  # a mean or sum that napari made of a movie
        known = {**known, "gain": None, "offset": 0.0, GAIN_ERRORS: (0.0, 0.0)}
    *time, y, x = _steps(attributes, m.data.ndim)
    height, width = (_in_nm(*axis) for axis in (y, x))
    seconds = [to_seconds(*axis) for axis in time]
    source = known.get("source")
    if known.get("shape") not in (None, m.shape):  # a part, with the metadata of the whole
        source = None
    calibrated = m.replace(
        pixel_size=_as_told((height, width), known.get("pixel_size")),
        frame_time=next(iter(seconds), None) or known.get("frame_time"),
        gain=known.get("gain"),
        offset=known.get("offset", 0.0),
        source=None if source is None else Path(source),
    )
    return with_gain_errors(calibrated, known.get(GAIN_ERRORS, (0.0, 0.0)))


def to_layer(m: Micrograph) -> LayerData:
    """The layer of a micrograph: scale and units in nm and s, lazy data as they are."""
    time = [(m.frame_time or 1.0, "pixel" if m.frame_time is None else "second")] * m.is_movie
    lengths = [(step, "nm") for step in m.pixel_size_yx or ()] or [(1.0, "pixel")] * 2
    scale, units = zip(*time, *lengths, strict=True)
    first = np.asarray(frame_of(m, reference_number(m)))
    block = sampling.choose_bin(m.pixel_size_yx) if m.pixel_size_yx else (1, 1)
    attributes = {
        "name": m.name or "image",
        "scale": scale,
        "units": units,
        "axis_labels": ("t", "y", "x")[-len(scale) :],
        "contrast_limits": contrast_limits(first, block),
        "metadata": {**m.metadata, KEY: calibration(m)},
    }
    return m.data, attributes, "image"


def calibration(m: Micrograph) -> dict[str, Any]:
    """What stands under ``KEY`` in a layer's metadata."""
    return {
        "pixel_size": m.pixel_size,
        "frame_time": m.frame_time,
        "gain": m.gain,
        "offset": m.offset,
        GAIN_ERRORS: gain_errors(m),
        "source": None if m.source is None else str(m.source),
        "shape": m.shape,
    }


def calibration_now(source: Layer, m: Micrograph) -> dict[str, Any]:
    """What stands under ``KEY`` of what was made of a layer, which may have been calibrated anew
    since that was begun."""
    now = calibration(micrograph_of(source))
    same = ("pixel_size", "frame_time", "gain", "offset", GAIN_ERRORS)
    return {**calibration(m), **{name: now[name] for name in same}}


def pixel_size_of(layer: Layer) -> PixelSize | None:
    """nm per pixel by scale, affine and units of a layer; None where it counts pixels."""
    steps = layer.scale[-2:] * stretched(layer.rotate, layer.affine.affine_matrix)[-2:]
    pairs = zip(layer.units[-2:], steps, strict=True)
    height, width = (_in_nm(step, unit) for unit, step in pairs)
    if not height or not width:
        return None
    return height if height == width else (height, width)


def place_of(layer: Layer) -> dict[str, Any]:
    """Place and units of a layer, for what lies on it in its pixels."""
    return {name: getattr(layer, name) for name in _PLACE}


def look_of(layer: Layer) -> dict[str, Any]:
    """Place, units and colours of a layer, for another that lies exactly on it."""
    return {name: getattr(layer, name) for name in _LOOK}


def place_in_the_plane(layer: Layer, axes: int = 2) -> dict[str, Any]:
    """Place and units of a layer, or of its last axes, for another on it.

    Parameters
    ----------
    layer
        An image, a movie, or a stack of volumes.
    axes
        2 of a plane, 3 of a volume.
    """
    look = place_of(layer)
    place = {name: look[name][-axes:] for name in ("scale", "translate", "units", "axis_labels")}
    place |= {"rotate": np.asarray(look["rotate"])[-axes:, -axes:]}
    place |= {"shear": look["shear"][-(axes * (axes - 1) // 2) :]}
    last = axes + 1
    return {**place, "affine": np.asarray(look["affine"].affine_matrix)[-last:, -last:]}


def place_of_part(layer: Layer, corner: tuple[int, int]) -> dict[str, Any]:
    """Place and units of a layer's plane for a part of it that begins at a pixel."""
    from napari.utils.transforms import Affine

    place = place_in_the_plane(layer)
    turn = Affine(scale=place["scale"], rotate=place["rotate"], shear=place["shear"]).linear_matrix
    return {**place, "translate": np.asarray(place["translate"]) + turn @ corner}


def contrast_limits(image: np.ndarray, block: tuple[int, int] = (1, 1)) -> tuple[float, float]:
    """Limits that show the signal, not the extremes of the noise, nor outliers.

    Parameters
    ----------
    image
        (Y, X); pixels that are not finite hold no data.
    block
        Pixels to average along y and x, usually those of the working sampling.
    """
    usual = np.asarray(without_outliers(Micrograph(image)).data)
    means = sampling.bin_counts(usual, block) / (block[0] * block[1])
    means = means[np.isfinite(means)]
    if means.size == 0:
        return 0.0, 1.0
    some = means[:: 1 + means.size // _ENOUGH]
    low, high = (float(value) for value in np.percentile(some, _PERCENTILES))
    return (low, high) if low < high else (low, low + 1.0)


def readable_limits(
    inherited: tuple[float, float], fitted: tuple[float, float]
) -> tuple[float, float]:
    """Contrast limits inherited from a source, unless they are far wider than fitted ones."""
    (low, high), (least, most) = inherited, fitted
    return inherited if high - low <= _WIDEST * (most - least) else fitted


def _as_told(size: tuple[float | None, float | None], told: PixelSize | None) -> Any:
    """The pixel size [nm] by scale and units, with the last digits of what the file told."""
    if not (size[0] and size[1]):
        return told
    same = told is not None and all(
        abs(step - other) <= _ROUNDED * other
        for step, other in zip(size, np.broadcast_to(told, 2), strict=True)
    )
    return told if same else size


def _steps(attributes: dict[str, Any], ndim: int) -> list[tuple[float, Any]]:
    """(scale, unit) of each axis; pixels where a layer data tuple tells nothing."""
    scale, units = attributes.get("scale"), attributes.get("units")
    if scale is None or units is None:
        return [(1.0, "pixel")] * ndim
    units = [units] * ndim if isinstance(units, str) else units
    if (affine := attributes.get("affine")) is not None:
        scale = np.asarray(scale) * stretched(attributes.get("rotate", np.eye(ndim)), affine)
    return [(float(step), unit) for step, unit in zip(scale, units, strict=True)]


def stretched(rotate: Any, affine: Any) -> np.ndarray:
    """By how much an affine stretches the axes of a layer that is turned before: (axes,), ones
    where it only turns and moves. Some readers keep the pixel size there, and not as scale."""
    linear = np.asarray(affine)[:-1, :-1]
    found: np.ndarray = np.linalg.norm(linear @ rotate, axis=0)
    return np.where(np.isclose(found, 1, rtol=1e-9), 1.0, found)


def _in_nm(step: float, unit: Any) -> float | None:
    """A pixel size [nm]; None for units that are no length of a microscope.

    The units of napari are those of pint, in which "px" is a length: the pixel of style sheets,
    1/96 inch, as "point" and "pica" are lengths of printers. So those that files have decide here.
    """
    size = no_printers(to_nm(step, unit), unit)
    # rounded, since 0.061 angstrom should read 0.0061 nm
    return None if size is None else float(f"{size:.12g}")
