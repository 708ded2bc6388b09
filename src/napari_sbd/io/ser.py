"""SER files of TIA (FEI), images and image series."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import SBDError, warn
from ..micrograph import Micrograph
from ..units import pixel_size_nm
from .acquisition import UNEVEN
from .arrays import check_length, stack_frames

_IMAGES = 0x4122
_HEADER = struct.Struct("<HHHIIII")
_ELEMENT = struct.Struct("<ddiddihii")
_TYPES = {
    1: "u1",
    2: "<u2",
    3: "<u4",
    4: "i1",
    5: "<i2",
    6: "<i4",
    7: "<f4",
    8: "<f8",
    9: "<c8",
    10: "<c16",
}
_TIMED = (0x4152, 0x4142)  # kinds of tags: time; time and place
_TAG = struct.Struct("<HHI")
_SHORTEST_S = 100.0  # times are whole seconds, so that from here on 1 % is right
# A series stores lengths in m and reciprocal lengths in 1/m without saying which; no image
# has pixels above 1 mm, no diffraction pattern below 1 / (1 km).
_LARGEST_PIXEL_M = 1e-3


class _Element(NamedTuple):
    delta_x: float
    delta_y: float
    dtype: np.dtype
    shape: tuple[int, int]


def read(path: Path) -> Micrograph:
    """Read an image or a series (T, Y, X); the pixel size is the file's own, stored in m.

    The frame time is that of the time tags, where the series lasted long enough for whole seconds.
    """
    with path.open("rb") as file:
        offsets, tags = _offsets(file, path)
        times = _times(file, tags)
        element = _read_element(file, offsets[0])
        for offset in offsets:
            same = _read_element(file, offset)
            if (same.dtype, same.shape) != (element.dtype, element.shape):
                raise SBDError("its frames differ in size or type; export them one by one.")
    height, width = element.shape
    check_length(path, max(offsets) + _ELEMENT.size + height * width * element.dtype.itemsize)
    data = stack_frames(
        partial(_read_frame, path, offsets, element),
        len(offsets),
        element.shape,
        element.dtype.newbyteorder("="),
    )
    delta = element.delta_y, element.delta_x
    real_space = max(abs(d) for d in delta) < _LARGEST_PIXEL_M
    return Micrograph(
        data[0] if len(offsets) == 1 else data,
        pixel_size=pixel_size_nm(delta[0], "m", delta[1], "m") if real_space else None,
        frame_time=_interval(times),
        metadata={"ser": {"delta_y": delta[0], "delta_x": delta[1], "frames": len(offsets)}},
    )


def _offsets(file: BinaryIO, path: Path) -> tuple[list[int], list[int]]:
    """Where the frames and their tags begin; no tags where their table is not there."""
    order, series, version, kind, _, total, valid = _unpack(_HEADER, file)
    if (order, series) != (0x4949, 0x0197):
        raise ValueError("no SER header")
    if kind != _IMAGES:
        raise SBDError("this SER file holds spectra, no image; give an image series.")
    if valid == 0:
        raise SBDError("this SER file holds no frame; the acquisition ended before the first.")
    pointer = struct.Struct("<I" if version <= 0x0210 else "<Q")
    (table,) = _unpack(pointer, file)
    count = min(valid, total)
    check_length(path, table + count * pointer.size)
    file.seek(table)
    frames = [_unpack(pointer, file)[0] for _ in range(count)]
    file.seek(table + total * pointer.size)
    raw = file.read(count * pointer.size)
    held = len(raw) == count * pointer.size
    return frames, [tag for (tag,) in pointer.iter_unpack(raw)] if held else []


def _times(file: BinaryIO, tags: list[int]) -> np.ndarray:
    """Seconds since 1970 at each frame; none where a tag is missing or holds no time."""
    times = []
    for tag in tags:
        file.seek(tag)
        raw = file.read(_TAG.size)
        kind, _, seconds = _TAG.unpack(raw) if len(raw) == _TAG.size else (0, 0, 0)
        if kind not in _TIMED or not seconds:
            return np.empty(0)
        times.append(seconds)
    return np.array(times, np.float64)


def _interval(times: np.ndarray) -> float | None:
    """Seconds from frame to frame; None where rounding hides it, or a frame is not in its place."""
    if len(times) < 2 or times[-1] - times[0] < _SHORTEST_S:
        return None
    interval: float = (times[-1] - times[0]) / (len(times) - 1)
    late = times - (times[0] + interval * np.arange(len(times)))
    if abs(late).max() > 1 + interval / 2:
        warn(UNEVEN)
        return None
    return interval


def _read_element(file: BinaryIO, offset: int) -> _Element:
    file.seek(offset)
    _, delta_x, _, _, delta_y, _, code, width, height = _unpack(_ELEMENT, file)
    if code not in _TYPES or min(width, height) < 1:
        raise ValueError("no image at the offset of a frame")
    return _Element(delta_x, delta_y, np.dtype(_TYPES[code]), (height, width))


def _read_frame(path: Path, offsets: list[int], element: _Element, index: int) -> np.ndarray:
    start = offsets[index] + _ELEMENT.size
    count = element.shape[0] * element.shape[1]
    frame = np.fromfile(path, element.dtype, count, offset=start).reshape(element.shape)
    # The file starts with the lowest row.
    return frame[::-1].astype(element.dtype.newbyteorder("="))


def _unpack(layout: struct.Struct, file: BinaryIO) -> tuple[Any, ...]:
    raw = file.read(layout.size)
    if len(raw) < layout.size:
        raise SBDError("the file is cut short; copy it again from the microscope.")
    return layout.unpack(raw)
