"""Frames of Merlin detectors (.mib), through RosettaSciIO: how many, when, and whether of a scan.

RosettaSciIO 0.15.0 takes a frame that came later than the mean for the first of a line, so that
movies, whose clocks are never that even, lose frames or become scans; it is told the number here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from .acquisition import timed

_FLYBACK = 2.0  # times the usual step from the last frame of a line to the next one, at least
_PER_TRIGGER = re.compile(r"^Frames per Trigger \(Number\):[ \t]*(\d+)", re.MULTILINE)
_LONGEST = 2**16


def options(found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Of the package's reader, for a file of which that is found: how many frames it holds."""
    return {"navigation_shape": (len(found["time_s"]),)}


completed = timed


def recorded(reader: Any, path: Path) -> dict[str, np.ndarray]:
    """Exposure and time [s] of each frame, as ``acquisition.facts`` takes them.

    Parameters
    ----------
    reader
        ``rsciio.quantumdetector``.
    path
        The file.

    Raises
    ------
    SBDError
        If the frames are those of a scan.
    ValueError, LookupError
        If the texts before the frames are none of Merlin's.
    """
    _, headers = reader.load_mib_data(str(path), lazy=True, return_headers=True)
    headers = headers.ravel()
    count = len(headers)  # -1 leaves the last one out
    milliseconds = np.array(reader.parse_exposures(headers, count))
    stamps = [stamp.rstrip("Z") for stamp in reader.parse_timestamps(headers, count)]
    times = np.array(stamps, "datetime64[ns]")
    since = (times - times[0]).astype(np.int64) / 1e9
    line = _per_trigger(path) or _line(since)
    if 1 < line < count:
        raise SBDError(
            f"its {count} frames are those of a scan in lines of {line}, no movie; give an image."
        )
    return {"exposure_s": milliseconds / 1e3, "time_s": since}


def _per_trigger(path: Path) -> int:
    """Frames of a line of a scan, as the .hdr beside the file has it; 0 without."""
    try:
        with path.with_suffix(".hdr").open("rb") as file:
            found = _PER_TRIGGER.search(file.read(_LONGEST).decode("utf-8", "replace"))
    except OSError:
        return 0
    return int(found[1]) if found and int(found[1]) > 1 else 0


def _line(times: np.ndarray) -> int:
    """Frames of a line of a scan, after each of which the beam flies back; 0 in a movie."""
    steps = np.diff(times)
    late = 1 + np.flatnonzero(steps > _FLYBACK * np.median(steps)) if len(steps) else steps
    if len(late) < 2:
        return 0
    line = int(late[0])
    return line if np.array_equal(late, np.arange(line, len(times), line)) else 0
