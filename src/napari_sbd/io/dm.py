"""DigitalMicrograph files: read DM3 and DM4, write DM4."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import replacing
from ..micrograph import Micrograph
from ..units import pixel_size_nm, to_seconds
from . import record
from .arrays import map_array, storable
from .dm_tags import Block, read_tags
from .record import plain

_TYPES = {
    1: "i2",
    2: "f4",
    3: "c8",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    13: "c16",
    14: "i1",
    39: "i8",
    40: "u8",
}
_RGB = (8, 23)
_ELECTRON_UNITS = ("e-", "electron", "electrons")
_WRITABLE = ("int16", "uint16", "int32", "uint32", "float32", "float64")


def read(path: Path) -> Micrograph:
    """Read the first image of a DM3 or DM4 file, no thumbnail and no plot.

    Stacks come frames first; a calibrated time axis gives the frame time, and a brightness in
    electrons the gain and offset. Large data are memory-mapped.
    """
    with path.open("rb") as file:
        tags = read_tags(file)
    image = _choose(tags)
    image_data = image["ImageData"]
    calibrations = image_data.get("Calibrations") or {}
    axes = calibrations.get("Dimension") or []
    x, y, z = (_axis(axes, i) for i in range(3))
    gain, offset = _electrons(calibrations.get("Brightness") or {})
    image_tags = image.get("ImageTags") or {}
    m = Micrograph(
        _load(path, image_data),
        pixel_size=pixel_size_nm(*y, *x),
        frame_time=to_seconds(*z),
        gain=gain,
        offset=offset,
        metadata={"dm": plain(_without_blocks(image))},
    )
    return record.restore(m, image_tags.get(record.KEY) if isinstance(image_tags, dict) else None)


def write(m: Micrograph, path: Path) -> None:
    """Write a DM4 file; the whole movie is loaded.

    Types that DigitalMicrograph writers lack (8 bit, 64-bit integers) are widened.

    Raises
    ------
    SBDError
        If no type of DM4 holds the values.
    """
    from nion.data.Calibration import Calibration
    from nion.data.DataAndMetadata import DataDescriptor, new_data_and_metadata
    from nionswift_plugin.DM_IO import dm3_image_utils  # type: ignore[import-untyped]

    dtype = storable(m.data, _WRITABLE, "DM4")
    data = np.ascontiguousarray(np.asarray(m.data).astype(dtype, copy=False))
    size = m.pixel_size_yx
    axes = [Calibration(0, s, "nm") for s in size] if size else [Calibration()] * 2
    if m.is_movie:
        time = Calibration(0, m.frame_time, "s") if m.frame_time else Calibration()
        axes = [time, *axes]
    brightness = Calibration(-m.offset / m.gain, 1 / m.gain, "e-") if m.gain else Calibration()
    image = new_data_and_metadata(
        data,
        data_descriptor=DataDescriptor(m.is_movie, 0, 2),
        dimensional_calibrations=axes,
        intensity_calibration=brightness,
        metadata={record.KEY: record.dumps(m)},
    )
    with replacing(path) as temporary, temporary.open("wb") as file:
        dm3_image_utils.save_image(image, file, 4)


def _choose(tags: dict[str, Any]) -> dict[str, Any]:
    thumbnails = [t.get("ImageIndex") for t in tags.get("Thumbnails") or []]
    images = [
        image
        for index, image in enumerate(tags.get("ImageList") or [])
        if index not in thumbnails and isinstance(image["ImageData"].get("Data"), Block)
    ]
    if not images:
        raise SBDError("there is no image in this DigitalMicrograph file.")
    grey = [i for i in images if i["ImageData"]["DataType"] in _TYPES]
    if not grey:
        if images[0]["ImageData"]["DataType"] in _RGB:
            raise SBDError("this is a colour (RGB) picture; give the grey-scale detector image.")
        raise SBDError(
            "its image type is none of the real ones (perhaps a packed Fourier transform); "
            "give the detector image."
        )
    return next((i for i in grey if sum(n > 1 for n in _dimensions(i)) > 1), grey[0])


def _dimensions(image: dict[str, Any]) -> list[int]:
    return list(image["ImageData"]["Dimensions"])


def _load(path: Path, image_data: dict[str, Any]) -> Any:
    block = image_data["Data"]
    order = "<" if block.dtype is None else block.dtype.str[0].replace("|", "<")
    dtype = np.dtype(order + _TYPES[image_data["DataType"]])
    shape = tuple(int(n) for n in reversed(image_data["Dimensions"]))
    if math.prod(shape) * dtype.itemsize != block.nbytes:
        raise ValueError("data of another size than the dimensions say")
    return map_array(path, dtype, shape, block.offset)


def _axis(axes: list[Any], index: int) -> tuple[Any, Any]:
    axis = axes[index] if index < len(axes) else {}
    return axis.get("Scale"), axis.get("Units")


def _electrons(brightness: dict[str, Any]) -> tuple[float | None, float]:
    scale = brightness.get("Scale") or 0
    if brightness.get("Units") not in _ELECTRON_UNITS or scale <= 0:
        return None, 0.0
    return 1 / scale, float(brightness.get("Origin") or 0)


def _without_blocks(tags: Any) -> Any:
    if isinstance(tags, dict):
        return {k: _without_blocks(v) for k, v in tags.items() if not isinstance(v, Block)}
    if isinstance(tags, list):
        return [_without_blocks(v) for v in tags if not isinstance(v, Block)]
    return tags
