"""Sequences of NorPix StreamPix, as high-speed cameras and those of Direct Electron write them.

Source: NorPix' description of the sequence file: a header of 1024 bytes (8192 from version 5 on),
then frames in blocks of equal length, each followed by its time stamp.
"""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError, warn
from ..micrograph import Micrograph
from .acquisition import UNEVEN
from .arrays import check_length, stack_frames

_MAGIC = 0xFEED
_FIELDS = struct.Struct("<9Id")  # from `_FIELDS_AT`: sizes, numbers, rate
_FIELDS_AT, _VERSION_AT, _COMPRESSION_AT, _HEADER_BYTES = 548, 28, 620, 1024
_BLOCKS_AT = {True: 8192, False: 1024}  # by whether the version is 5 or later
_STAMP = struct.Struct("<IHH")  # s, ms, µs; the last from version 5 on
_MONOCHROME = 100
_LARGEST = 1 << 20  # pixels along an axis


def read(path: Path) -> Micrograph:
    """Read a movie (T, Y, X); lazily when large. The pixel size is not in the file.

    The time from frame to frame is that of the time stamps, where they go forward. A recording that
    was ended before its room was filled, and one whose header was never completed, are read as far
    as they go.

    Raises
    ------
    SBDError
        If it is compressed, in colour or packed, holds no frame, or ends within one.
    """
    with path.open("rb") as file:
        raw = file.read(_HEADER_BYTES)
        held = file.seek(0, 2)
    if len(raw) < _HEADER_BYTES or struct.unpack_from("<H", raw)[0] != _MAGIC:
        raise ValueError("no header of a sequence")
    fields = _fields(raw)
    width, height, bits = fields["width"], fields["height"], fields["bits"]
    if fields["format"] != _MONOCHROME or fields["compression"]:
        raise SBDError(
            "it is a compressed or colour sequence; export it as uncompressed monochrome, or TIFF."
        )
    if bits not in (8, 16, 32) or not 0 < width < _LARGEST or not 0 < height < _LARGEST:
        raise SBDError(f"its values of {bits} bits or {width} x {height} pixels are not known.")
    dtype = np.dtype(f"<u{bits // 8}")
    pixels, block = width * height * dtype.itemsize, fields["block"]
    if block < pixels:
        raise ValueError("frames longer than their block")
    first = _BLOCKS_AT[fields["version"] >= 5]
    count = fields["frames"] or (held - first) // block
    if count < 1:
        raise SBDError("it holds no frame; the recording ended before the first.")
    check_length(path, first + (count - 1) * block + pixels)
    read_frame = partial(_frame, path, first, block, (height, width), dtype)
    data = stack_frames(read_frame, count, (height, width), dtype.newbyteorder("="))
    m = Micrograph(data[0] if count == 1 else data, metadata={"seq": fields})
    stamp = partial(_stamp, path, first + pixels, block, fields["version"] >= 5)
    return m.replace(frame_time=_interval(stamp, count)) if m.is_movie else m


def _fields(raw: bytes) -> dict[str, Any]:
    names = ("width", "height", "bits", "bits_used", "bytes", "format", "frames", "origin", "block")
    *numbers, rate = _FIELDS.unpack_from(raw, _FIELDS_AT)
    return {
        **dict(zip(names, numbers, strict=True)),
        "rate": rate if np.isfinite(rate) else None,
        "version": struct.unpack_from("<i", raw, _VERSION_AT)[0],
        "compression": raw[_COMPRESSION_AT],
    }


def _frame(
    path: Path, first: int, block: int, shape: tuple[int, int], dtype: np.dtype, index: int
) -> np.ndarray:
    count = shape[0] * shape[1]
    values = np.fromfile(path, dtype, count, offset=first + index * block)
    if len(values) < count:
        raise SBDError(f"the file ends within frame {index}; copy it again.")
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _stamp(path: Path, first: int, block: int, fine: bool, index: int) -> float | None:
    """Time of a frame [s]; None where the file has none."""
    with path.open("rb") as file:
        file.seek(first + index * block)
        raw = file.read(_STAMP.size)
    if len(raw) < _STAMP.size:
        return None
    seconds, thousandths, millionths = _STAMP.unpack(raw)
    return float(seconds + thousandths / 1e3 + (millionths / 1e6 if fine else 0))


def _interval(stamp: Any, count: int) -> float | None:
    """Seconds from frame to frame, over the whole movie; None where clocks stand or go back."""
    begin, end = stamp(0), stamp(count - 1)
    if begin is None or end is None or end <= begin:
        return None
    middle = stamp((count - 1) // 2)
    interval: float = (end - begin) / (count - 1)
    expected = begin + (count - 1) // 2 * interval
    if middle is None or abs(middle - expected) > max(1, 0.1 * count) * interval:
        warn(UNEVEN)
        return None
    return interval
