"""The noise level of a stack, from the stack alone.

In a small patch the signals of the voxels have few components, and the noise has all. The
eigenvalues that a random matrix would have (Marchenko and Pastur) tell one from the other: Veraart
et al., NeuroImage 142 (2016), the estimator inside MP-PCA. What the noise variance says about the
level follows from the kind of noise: magnitudes have less of it where there is little signal.
"""

from __future__ import annotations

import numpy as np

from ..errors import SBDError, warn
from .noises import Noise
from .stack import Series, measured, patch_sides, signals

_PATCHES = 48
_VOXELS = 121  # in a patch: 11 x 11, or 5 x 5 x 5; in thin stacks as many
_FEWEST = 8  # voxels and volumes that can tell noise from signal
_TRUSTED = 1.5  # ratio of two levels, up to which they may be of the same noise
_NOTHING = 1e-24  # of the strongest component's power: what is left by rounding


def estimate_level(series: Series, noise: Noise, mask: np.ndarray, seed: int = 0) -> float:
    """Noise level of a stack, in file units.

    The noise must be white: independent from voxel to voxel, as it is before any interpolation.

    Parameters
    ----------
    series
        The stack; a lazy one is read where it is looked at.
    noise
        Its kind; the level does not matter.
    mask
        bool, shape of ``series.grid``.
    seed
        Of the places that are looked at.

    Returns
    -------
    Median over the brighter half of 48 patches; the relative error is a few percent.

    Raises
    ------
    SBDError
        If there are fewer than 8 volumes, no patch with enough voxels, or no noise at all.
    """
    if series.length < _FEWEST:
        raise SBDError(
            f"The noise of a stack of {series.length} volumes cannot be estimated, {_FEWEST} are "
            "needed; give its level."
        )
    rng = np.random.default_rng(seed)
    centres = np.argwhere(mask)
    found: list[tuple[float, float]] = []
    for centre in rng.permutation(centres)[: 4 * _PATCHES]:
        place = _patch(centre, series.grid)
        values = np.asarray(series.data[(slice(None), *place)])
        inside = measured(values, mask[place], noise.kind == "poisson")
        if inside.sum() < min(_VOXELS, mask.size) / 2:
            continue
        noisy = signals(values, inside)
        level = _level_of(noisy, noise)
        if level is not None:
            found.append((float(noisy.mean()), level))
        if len(found) == _PATCHES:
            break
    if not found:
        raise SBDError(
            "No part of the stack is large enough to estimate its noise, or there is none; give "
            "the noise level."
        )
    brighter = sorted(found)[len(found) // 2 :]  # where a magnitude's noise is nearly Gaussian
    return float(np.median([level for _, level in brighter]))


def other_level(series: Series, noise: Noise, mask: np.ndarray, seed: int = 0) -> float | None:
    """Noise level that a stack shows, where that is another one than is known of it.

    Parameters
    ----------
    series, mask, seed
        As ``estimate_level`` takes them.
    noise
        Kind and level that are known.

    Returns
    -------
    In file units; None where it is about the same, or cannot be told.
    """
    try:
        found = estimate_level(series, noise, mask, seed)
    except SBDError:
        return None  # too small or too clean to tell
    return None if 1 / _TRUSTED < found / noise.level < _TRUSTED else found


def doubt_level(series: Series, noise: Noise, mask: np.ndarray, seed: int = 0) -> None:
    """Warn of a noise level that was given, where a stack shows another one."""
    found = other_level(series, noise, mask, seed)
    if found is not None:
        warn(
            f"The noise level that was given is {noise.level:.4g}, and the stack shows one of "
            f"about {found:.4g}, so the result may be wrong: it is the standard deviation of the "
            "noise, or of counts the value of a single one, in the units of the stack. Leave it "
            "out to have it estimated, unless neighbouring voxels share noise."
        )


def _patch(centre: np.ndarray, grid: tuple[int, ...]) -> tuple[slice, ...]:
    sides = patch_sides(grid, _VOXELS, _VOXELS)
    starts = [
        min(max(c - side // 2, 0), n - side) for c, n, side in zip(centre, grid, sides, strict=True)
    ]
    return tuple(slice(s, s + side) for s, side in zip(starts, sides, strict=True))


def _level_of(noisy: np.ndarray, noise: Noise) -> float | None:
    """Level from signals (V, N); None where nothing varies."""
    values = noisy.astype(np.float64)
    weight = np.ones(values.shape[1])
    if noise.kind == "poisson":  # channels on a scale where their noise is equal
        weight = np.sqrt(np.maximum(values.mean(0), max(values.mean(), 0) * 1e-3))
        if not (weight > 0).all():
            return None
    variance, mean = random_part(values / weight)
    if variance <= 1e-12 * np.square(values / weight).mean():
        return None
    mean = mean * weight

    def predicted(level: float) -> float:
        return float((noise.at(level).variance(mean) / weight**2).mean())

    if noise.kind == "poisson":
        return variance / predicted(1.0) if predicted(1.0) > 0 else None
    from scipy.optimize import brentq

    sd = np.sqrt(variance)
    # a magnitude's variance is at most that of its channels, and with one coil at least 0.43 of it
    ends, most = (0.9 * sd, 2.0 * sd), 1e-3 * sd
    return float(brentq(lambda level: predicted(level) - variance, *ends, xtol=most))


def random_part(values: np.ndarray) -> tuple[float, np.ndarray]:
    """Noise variance of a matrix (V, N), and the matrix without its random components."""
    u, s, vt = np.linalg.svd(values, full_matrices=False)
    shorter, longer = sorted(values.shape)
    power = s[::-1] ** 2  # ascending
    twice = int((power <= _NOTHING * power[-1]).sum())  # volumes, whose difference holds nothing
    if twice < shorter / 2:  # else it is noise that there is not
        power, shorter = power[twice:], shorter - twice
    for kept in range(shorter):
        rest = power[: shorter - kept] / (longer - kept)
        if rest[-1] - rest[0] <= 4 * np.sqrt(len(rest) / (longer - kept)) * rest.mean():
            break  # as wide a spread as a random matrix can have
    return float(rest.mean()), (u[:, :kept] * s[:kept]) @ vt[:kept]
