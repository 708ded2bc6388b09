"""How each image of a file was recorded, as far as the file says: tilt, dose, exposure, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import warn
from ..micrograph import Micrograph

KEY = "acquisition"  # in the metadata of a micrograph
UNEVEN = "The time stamps of the frames are not evenly spaced; no frame time is taken."
"""What is said where they give no frame time."""

_PLAUSIBLE = {
    "tilt_deg": (-180.0, 180.0),
    "dose_per_A2": (1e-6, 1e9),  # electrons
    "exposure_s": (1e-7, 1e5),
    "time_s": (0.0, 1e10),
}
_WORDS = (
    ("tilt_deg", "tilt", "°"),
    ("dose_per_A2", "dose", " electrons/Å²"),
    ("exposure_s", "exposure", " s"),
)
_UNEVEN = 0.5  # part of a step by which a time may lie beside those of even steps


def facts(found: Mapping[str, Sequence[float] | np.ndarray], count: int) -> dict[str, Any]:
    """Metadata of what is told plausibly of each of so many images; empty without.

    Parameters
    ----------
    found
        ``tilt_deg``, ``dose_per_A2`` [electrons], ``exposure_s`` and ``time_s`` (since anything),
        each with a value for every image, NaN where there is none.
    count
        Of images.

    Returns
    -------
    Under `KEY` a number where it is that of all images, else a list; times count from the first.
    """
    told = {}
    for name, (low, high) in _PLAUSIBLE.items():
        values = np.asarray(found.get(name, ()), np.float64)
        plausible = (values >= low) & (values <= high)
        if not count or len(values) != count or not plausible.all():
            continue
        if name == "time_s":
            values = values - values[0]
        told[name] = float(values[0]) if (values == values[0]).all() else values.tolist()
    if not isinstance(told.get("time_s"), list):
        told.pop("time_s", None)
    return {KEY: told} if told else {}


def without(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata but for what is told of the images."""
    return {key: value for key, value in metadata.items() if key != KEY}


def of_sums(metadata: Mapping[str, Any], count: int, number: int) -> dict[str, Any]:
    """The same of so many sums of ``count`` images each: doses and exposures add up."""
    told = {}
    for name, value in metadata.get(KEY, {}).items():
        of_all = np.array(value)[: count * number] if isinstance(value, list) else value
        each = np.broadcast_to(of_all, count * number).reshape(number, count)
        adds = name in ("dose_per_A2", "exposure_s")
        told[name] = each[:, 0] if name == "time_s" else each.sum(1) if adds else each.mean(1)
    return facts(told, number)


def frame_time(metadata: Mapping[str, Any]) -> float | None:
    """Seconds from image to image by their times; None without, or where these are uneven."""
    told = metadata.get(KEY, {})
    if "time_s" not in told:
        return None
    times = np.array(told["time_s"])
    interval = times[-1] / (len(times) - 1)
    expected = np.arange(len(times)) * interval
    if (np.diff(times) > 0).all() and (abs(times - expected) <= _UNEVEN * interval).all():
        return float(interval)
    if not isinstance(told.get("tilt_deg"), list):  # else nobody takes it for a movie
        warn(UNEVEN)
    return None


def timed(m: Micrograph, found: Mapping[str, np.ndarray]) -> Micrograph:
    """A micrograph with what is told of its frames, and the frame time by their times alone."""
    told = facts(found, len(m.data) if m.is_movie else 1)
    return m.replace(frame_time=frame_time(told), metadata={**m.metadata, **told})


def sentence(metadata: Mapping[str, Any]) -> str:
    """What is told, for people, such as "tilt -60 to 60°, dose 2.5 electrons/Å²"; or nothing."""
    told = metadata.get(KEY, {})
    parts = []
    for name, word, unit in _WORDS:
        if name in told:
            low, high = np.min(told[name]), np.max(told[name])
            values = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
            parts.append(f"{word} {values}{unit}")
    return ", ".join(parts)
