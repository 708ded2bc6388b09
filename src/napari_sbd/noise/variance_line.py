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
_CHANCE = 2.0  # standard errors, by which scene and means of tiles differ without read-out noise


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
    counted: bool = False,
) -> Line:
    """Fit gain and offset.

    Read-out noise varies the means of tiles and not their variances, so it flattens a line through
    them: to a third where it is twice the noise of the electrons and the scene is hardly brighter
    in one place than in another. What the means of neighbouring tiles have in common is of the
    scene alone; that tells the slope without (an instrumental variable; Wald, Annals of
    Mathematical Statistics 11 (1940) 284).

    Parameters
    ----------
    mean, variance
        (h, w) of tiles, without read-out noise, NaN where unknown.
    gain, offset
        What is known, and kept.
    patterned
        Whether the pixels' sensitivities count as noise, as in a single frame.
    counted
        Whether there is no read-out noise; then the tiles' own means tell the slope, since chance
        that gives a tile more electrons gives it more noise in proportion.
    """
    scene = mean if counted else _beside(mean)
    if not patterned:
        found, errors = _told(
            lambda m, v, z: np.array(_solve(m, v, z, 0.0, gain, offset)), mean, variance, scene
        )
        return Line(found[0], found[1], errors[0], errors[1], 0.0, 0.0)
    (curved,), (curved_err,) = jackknifed(_curvature, mean, variance)
    most = _AT_MOST * np.sqrt(_AT_DOSE / _electrons(mean, variance, scene, gain, offset))
    narrow, wide = (p**2 / (p**2 + curved_err**2) for p in (_PATTERN, most))
    pattern, likely = (max(0.0, weight * curved) for weight in (narrow, wide))
    pattern_err = float(np.hypot(np.sqrt(wide) * curved_err, likely - pattern))

    def solve(m: np.ndarray, v: np.ndarray, z: np.ndarray, phi: float = pattern) -> np.ndarray:
        return np.array(_solve(m, v, z, phi, gain, offset))

    found, errors = _told(solve, mean, variance, scene)
    m, v, z = _held(mean, variance, scene)
    errors = np.hypot(errors, solve(m, v, z, pattern + pattern_err) - solve(m, v, z))
    return Line(found[0], found[1], errors[0], errors[1], curved, curved_err)


def _told(
    solve: Callable[..., np.ndarray], mean: np.ndarray, variance: np.ndarray, scene: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset by the scene, as far as it contradicts the tiles' own means; their errors.

    Their own means tell them better where there is no read-out noise, and that there is none is
    known no better than the scene tells.
    """

    def both(m: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
        by_scene, own = solve(m, v, z), solve(m, v, m)
        return np.concatenate([by_scene, own, by_scene - own])

    values, errors = jackknifed(both, mean, variance, scene)
    off, chance = values[4], errors[4]
    share = max(0.0, 1 - (_CHANCE * chance / off) ** 2) if off else 0.0
    return values[2:4] + share * values[4:], np.hypot(errors[:2], (1 - share) * values[4:])


def _held(*tiles: np.ndarray) -> tuple[np.ndarray, ...]:
    held = np.logical_and.reduce([np.isfinite(t) for t in tiles])
    return tuple(t[held] for t in tiles)


def _beside(mean: np.ndarray) -> np.ndarray:
    """(h, w) means of the neighbours of tiles, which share no noise with them."""
    padded = np.pad(mean, 1, constant_values=np.nan)
    around = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    there = np.isfinite(around)
    count = there.sum(0)
    total = np.where(there, around, 0.0).sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _electrons(
    mean: np.ndarray,
    variance: np.ndarray,
    scene: np.ndarray,
    gain: float | None,
    offset: float | None,
) -> float:
    """Electrons per pixel, roughly; at least a tenth."""
    m, v, z = _held(mean, variance, scene)
    found, zero = _solve(m, v, z, 0.0, gain, offset)
    return max(0.1, (float(m.mean()) - zero) / found) if found > 0 else np.inf


def _solve(
    m: np.ndarray,
    v: np.ndarray,
    z: np.ndarray,
    pattern: float,
    gain: float | None,
    offset: float | None,
) -> tuple[float, float]:
    """Gain and offset of tiles, for pixels of known pattern; what is given is kept.

    The slope of v over m is that which z, brightness without their noise, makes of both.

    With x = mean(m) - offset the mean of v is gain x + pattern (x^2 + var(m)), and the slope of v
    there gain + 2 pattern x.
    """
    spread = float(m.var())
    if offset is not None:
        x = float(m.mean()) - offset
        return gain or float(v.mean() - pattern * (x**2 + spread)) / x, offset
    off = z - z.mean()
    slope = float((off @ v) / (off @ m)) if off.any() else 0.0
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
    quantity: Callable[..., np.ndarray], mean: np.ndarray, *others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a function makes of all tiles, and its errors from leaving out parts of the image."""
    height, width = mean.shape
    row = np.arange(height)[:, None] * _BLOCKS // height
    part = row * _BLOCKS + np.arange(width) * _BLOCKS // width
    parts = np.array(
        [quantity(*_held(np.where(part == k, np.nan, mean), *others)) for k in range(_BLOCKS**2)]
    )
    return quantity(*_held(mean, *others)), parts.std(0) * np.sqrt(len(parts) - 1)
