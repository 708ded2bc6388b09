"""Frequencies beyond which an image holds nothing, as after a zoom or a filter in Fourier space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..micrograph.frames import mean_filled
from .level import windowed_power

_SIDE = 256  # pixels of the part that is looked at
_LEAST = 64  # along its sides
_BINS = 64  # to the sampling frequency, at most
_LEAK = 3  # values of a windowed spectrum in a bin, at least: the window blurs a cut over as many
_BESIDE = 0.125  # cycles per pixel along the other axis, within which a cut along one is looked for
_FALL = 2  # bins, over which a cut falls
_CLIFF = 5.0  # natural logarithms of power by which it falls there
_STEEP = 3.0  # times as much as before, which no point spread does
_EVEN = 0.7  # natural logarithms, by which chance lets it fall before
_FASTEST, _HELD_BY = 0.48, 0.95  # cycles per pixel; quantile of power, of what passes for sure
_SQUARE = 0.75, 0.95  # of both cuts, where noise tells a square from the circle within
_LOWEST = 0.15  # cycles per pixel: below it too little is left to tell noise from the specimen
_HELD = 0.9  # of a part that holds data: edges of gaps would hide a cut
_NOISE = 0.3  # quantile of power at one frequency: lattices only add to it
_NOTHING = 1e-12  # of the largest power


@dataclass(frozen=True)
class Band:
    """Frequencies that pass [cycles per working pixel]; a cut at 1 cuts nothing.

    Parameters
    ----------
    y, x
        Cuts along the axes.
    radius
        In all directions.
    """

    y: float = 1.0
    x: float = 1.0
    radius: float = 1.0

    def holds(self, fy: np.ndarray, fx: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Which frequencies pass, away from the cuts by a margin."""
        result: np.ndarray = (np.abs(fy) < self.y - margin) & (np.abs(fx) < self.x - margin)
        result &= np.hypot(fy, fx) < self.radius - margin
        return result

    @property
    def lowest(self) -> float:
        """The lowest of the cuts."""
        return min(self.y, self.x, self.radius)


EVERYTHING = Band()


def middle_power(images: list[np.ndarray]) -> tuple[np.ndarray, tuple[int, int]] | None:
    """Mean power (H, W // 2 + 1) of the windowed middle of images of one camera and shape, and the
    shape (H, W) of that part; None where it holds too little."""
    part = _part(np.isfinite(images[0]))
    if part is None:
        return None
    parts = [image[part] for image in images]
    if min(parts[0].shape) < _LEAST or min(np.isfinite(p).mean() for p in parts) < _HELD:
        return None
    power = np.mean([windowed_power(mean_filled(part)) for part in parts], axis=0)
    height, width = parts[0].shape
    return (power, (height, width)) if power.max() > 0 else None


def find_band(power: np.ndarray, shape: tuple[int, int]) -> Band | None:
    """Find what was cut from images; None where nothing was.

    Parameters
    ----------
    power, shape
        As ``middle_power`` gives them.
    """
    height, width = shape
    fy, fx = np.broadcast_arrays(np.abs(np.fft.fftfreq(height))[:, None], np.fft.rfftfreq(width))
    level = np.log(np.maximum(power, _NOTHING * power.max()))
    # every cut empties the fastest rows or columns
    fastest = (np.median(level[fy[:, 0] > _FASTEST]), np.median(level[:, fx[0] > _FASTEST]))
    if min(fastest) > np.quantile(level, _HELD_BY) - _CLIFF:
        return None
    radius = np.hypot(fy, fx)
    bins = min(_BINS, min(height, width) // _LEAK)
    y = _cut(level, np.where(fx < _BESIDE, fy, 1), bins)
    x = _cut(level, np.where(fy < _BESIDE, fx, 1), bins)
    r = _cut(level, radius, bins)
    found = Band(y, x)
    if r < 1 and y < 1 and x < 1:
        both = [(f / cut > _SQUARE[0]) & (f / cut < _SQUARE[1]) for f, cut in ((fy, y), (fx, x))]
        tips = level[both[0] & both[1]]
        if not tips.size or np.median(tips) < np.median(level[radius < min(y, x)]) - _CLIFF / 2:
            found = Band(radius=r)
    return found if _LOWEST < found.lowest < 1 else None


def _part(held: np.ndarray) -> tuple[slice, slice] | None:
    """The middle of what holds data; None where nothing does."""
    found = []
    for axis in (1, 0):
        at = np.flatnonzero(held.any(axis))
        if not at.size:
            return None
        middle, half = (at[0] + at[-1] + 1) // 2, _SIDE // 2
        found.append(slice(max(at[0], middle - half), min(at[-1] + 1, middle + half)))
    return found[0], found[1]


def _cut(level: np.ndarray, along: np.ndarray, bins: int) -> float:
    """Where the logarithm of power falls off a cliff along a frequency, 1 where it does not."""
    at = np.round(along * bins).astype(int)
    known = [k for k in range(1, bins // 2) if (at == k).any()]
    course = np.array([np.quantile(level[at == k], _NOISE) for k in known])
    for i in range(_FALL, len(course) - _FALL):
        before, after = course[i - _FALL] - course[i], course[i] - course[i + _FALL]
        if after > max(_CLIFF, _STEEP * max(before, _EVEN)):
            near = np.abs(along * bins - known[i]) < 2 * _FALL
            return _edge(level[near], along[near])
    return 1.0


def _edge(level: np.ndarray, along: np.ndarray) -> float:
    """Where a step leaves least of the variance of a level on both of its sides."""
    order = np.argsort(along, kind="stable")
    level, along = level[order], along[order]
    count = np.arange(1, len(level))
    total = np.cumsum(level)
    below, above = total[:-1] / count, (total[-1] - total[:-1]) / (len(level) - count)
    between = count * (len(level) - count) * (below - above) ** 2
    return float(along[int(np.argmax(between)) + 1])
