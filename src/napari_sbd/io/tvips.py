"""Movies of TVIPS cameras (.tvips), through RosettaSciIO: when the frames were recorded.

It gives the time between the first two frames, and the pixel size of the header in every case.
Source: the tables of ``rsciio.tvips``, for want of a description by TVIPS.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from ..units import no_sensors
from .acquisition import timed

_FIRST_PART = re.compile(r"._000\.tvips$", re.IGNORECASE)  # RosettaSciIO takes no other names
_HEADER = struct.Struct("<13I")  # its length, version, x, y, bits, ... and bytes before a frame
_STAMP = 12  # bytes before a frame that hold its number, s since 1970, and ms


def options(found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Of the package's reader, for a file of which that is found."""
    return {}


def completed(m: Micrograph, found: Mapping[str, np.ndarray]) -> Micrograph:
    """What the package gives, with what is found, and no pixel size of the camera's silicon."""
    return timed(m.replace(pixel_size=no_sensors(m.pixel_size_yx)), found)


def recorded(reader: Any, path: Path) -> dict[str, np.ndarray]:
    """Time [s] of each frame, of all parts, as ``acquisition.facts`` takes them.

    Parameters
    ----------
    reader
        ``rsciio.tvips``, which does not give them.
    path
        The first part, ``NAME_000.tvips``.

    Raises
    ------
    SBDError
        If it is another part.
    ValueError
        If the header is none.
    """
    if not _FIRST_PART.search(path.name):
        raise SBDError(
            "TVIPS movies are read from the part whose name ends in _000.tvips; give that one, or "
            "name a movie of one part so."
        )
    with path.open("rb") as file:
        raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size:
        raise ValueError("no header of a TVIPS movie")
    begin, version, width, height, bits, *_, before = _HEADER.unpack(raw)
    before = before if version > 1 else _STAMP
    step = before + width * height * (bits // 8)
    if before < _STAMP or step == before:
        raise ValueError("frames without pixels, or without a time")
    frame = np.dtype([("number", "<u4"), ("s", "<u4"), ("ms", "<u4"), ("", f"V{step - _STAMP}")])
    times: list[np.ndarray] = []
    while (part := _part(path, len(times))).is_file():
        at = 0 if times else begin
        held = (part.stat().st_size - at) // step
        stamps = np.memmap(part, frame, "r", at, held) if held > 0 else np.empty(0, frame)
        times.append(stamps["s"] + stamps["ms"] / 1000)
    return {"time_s": np.concatenate(times)}


def _part(first: Path, number: int) -> Path:
    return first.with_name(f"{first.stem[:-3]}{number:03d}{first.suffix}")
