"""Gain and offset from mean and noise variance of tiles.

Counted electrons have ``var = gain (mean - offset)``. Pixels that differ in sensitivity by a share
phi add ``phi^2 (mean - offset)^2`` in a single frame. How much is told by the curvature of variance
over mean, as far as the brightness varies enough; beyond that phi may be up to a tenth or so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_BLOCKS = 6  # along y and x, left out one by one for the errors
_PATTERN = 0.04**2  # phi^2 of pixels that differ in sensitivity, where the data cannot tell
_AT_MOST = 0.1**2  # the same, that the errors allow for, at as many electrons a pixel as follow
_AT_DOSE = 4.0  # at fewer a pattern does less to the gain, and so larger ones can be allowed for


@dataclass(frozen=True)
class Line:
    """Variance against mean, as tiles tell it.

    Parameters
    ----------
    gain, offset
        File units per electron, and at zero electrons.
    gain_err, offset_err
        Standard errors; 0 where given.
    pattern, pattern_err
        Squared share by which pixels differ in sensitivity, as the curvature tells it.
    """

    gain: float
    offset: float
    gain_err: float
    offset_err: float
    pattern: float
    pattern_err: float


def fit_line(
    mean: np.ndarray,
    variance: np.ndarray,
    *,
    gain: float | None = None,
    offset: float | None = None,
    patterned: bool = True,
) -> Line:
    """Fit gain and offset.

    Parameters
    ----------
    mean, variance
        (h, w) of tiles, without read-out noise, NaN where unknown.
    gain, offset
        What is known, and kept.
    patterned
        Whether the pixels' sensitivities count as noise, as in a single frame.
    """
    if not patterned:
        found, errors = jackknifed(
            lambda m, v: np.array(_solve(m, v, 0.0, gain, offset)), mean, variance
        )
        return Line(found[0], found[1], errors[0], errors[1], 0.0, 0.0)
    (curved,), (curved_err,) = jackknifed(_curvature, mean, variance)
    most = _AT_MOST * np.sqrt(_AT_DOSE / _electrons(mean, variance, gain, offset))
    narrow, wide = (p**2 / (p**2 + curved_err**2) for p in (_PATTERN, most))
    pattern, likely = (max(0.0, weight * curved) for weight in (narrow, wide))
    pattern_err = float(np.hypot(np.sqrt(wide) * curved_err, likely - pattern))

    def solve(m: np.ndarray, v: np.ndarray, phi: float = pattern) -> np.ndarray:
        return np.array(_solve(m, v, phi, gain, offset))

    found, errors = jackknifed(solve, mean, variance)
    other = solve(*_held(mean, variance), pattern + pattern_err)
    errors = np.hypot(errors, other - found)
    return Line(found[0], found[1], errors[0], errors[1], curved, curved_err)


def _held(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    held = np.isfinite(mean) & np.isfinite(variance)
    return mean[held], variance[held]


def _electrons(
    mean: np.ndarray, variance: np.ndarray, gain: float | None, offset: float | None
) -> float:
    """Electrons per pixel, roughly; at least a tenth."""
    m, v = _held(mean, variance)
    found, zero = _solve(m, v, 0.0, gain, offset)
    return max(0.1, (float(m.mean()) - zero) / found) if found > 0 else np.inf


def _solve(
    m: np.ndarray, v: np.ndarray, pattern: float, gain: float | None, offset: float | None
) -> tuple[float, float]:
    """Gain and offset of tiles, for pixels of known pattern; what is given is kept.

    With x = mean(m) - offset the mean of v is gain x + pattern (x^2 + var(m)), and the slope of v
    there gain + 2 pattern x.
    """
    spread = float(m.var())
    if offset is not None:
        x = float(m.mean()) - offset
        return gain or float(v.mean() - pattern * (x**2 + spread)) / x, offset
    slope = float(np.cov(m, v)[0, 1] / m.var(ddof=1))
    level = float(v.mean()) - pattern * spread
    if gain is not None:  # gain x + pattern x^2 = level
        return gain, float(m.mean()) - 2 * level / (
            gain + np.sqrt(max(gain**2 + 4 * pattern * level, 0))
        )
    x = 2 * level / (slope + np.sign(slope) * np.sqrt(max(slope**2 - 4 * pattern * level, 0)))
    return slope - 2 * pattern * x, float(m.mean()) - x


def _curvature(m: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Coefficient of the square of the mean, in a parabola through the tiles."""
    centred = (m - m.mean()) / (m.std() or 1.0)
    return np.array([np.polyfit(centred, v, 2)[0] / (m.var() or 1.0)])


def jackknifed(
    quantity: Callable[[np.ndarray, np.ndarray], np.ndarray],
    mean: np.ndarray,
    variance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What a function makes of all tiles, and its errors from leaving out parts of the image."""
    height, width = mean.shape
    row = np.arange(height)[:, None] * _BLOCKS // height
    part = row * _BLOCKS + np.arange(width) * _BLOCKS // width
    parts = np.array(
        [quantity(*_held(np.where(part == k, np.nan, mean), variance)) for k in range(_BLOCKS**2)]
    )
    return quantity(*_held(mean, variance)), parts.std(0) * np.sqrt(len(parts) - 1)
