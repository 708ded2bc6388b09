"""How far the mean of a map of terms may be off, where near terms are not independent.

What a denoiser leaves of the noise is alike in neighbouring pixels, and neighbouring pixels share
what judges them. Far ones differ in expectation, since error and noise vary over an image, and that
is no uncertainty. So the local mean is taken out, and the products of near terms are summed.
"""

from __future__ import annotations

import numpy as np

_LAGS = 4, 8  # px, to which terms depend on each other, and where they are still alike at 4 px
_ALIKE = 0.1  # correlation of terms; that of independent ones is known to a hundredth
_LOCAL = 65  # px, side of the square of the local mean
_TILE = 16  # px, side of the tiles of the bootstrap


def mean_and_error(terms: np.ndarray) -> tuple[float, float]:
    """Mean of a map of terms (Y, X), NaN where there are none, and its standard error."""
    from scipy.ndimage import uniform_filter

    rest, count, side = _without_local_mean(terms)
    energy = float((rest**2).sum())
    apart = _LAGS[0]
    alike = (rest[apart:] * rest[:-apart]).sum() + (rest[:, apart:] * rest[:, :-apart]).sum()
    lag = min(_LAGS[int(alike > 2 * _ALIKE * energy)], (side - 1) // 8)
    near = uniform_filter(rest, 2 * lag + 1, mode="constant") * (2 * lag + 1) ** 2
    total = float((rest * near).sum()) / (1 - (2 * lag + 1) ** 2 / side**2)
    # where chance makes the products negative, the terms alone give a scale
    variance = max(total, 0.25 * energy)
    return float(np.nanmean(terms)), float(np.sqrt(variance) / count)


def tile_sums(terms: np.ndarray) -> np.ndarray:
    """(N,) sums of terms (Y, X), less their local mean, over square tiles."""
    rest, _, side = _without_local_mean(terms)
    step = max(1, min(_TILE, min(terms.shape) // 16))
    rows = np.add.reduceat(rest, np.arange(0, rest.shape[0], step), 0)
    sums: np.ndarray = np.add.reduceat(rows, np.arange(0, rest.shape[1], step), 1).ravel()
    result: np.ndarray = sums / np.sqrt(1 - (step / side) ** 2)
    return result


def _without_local_mean(terms: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Terms less their local mean, 0 where there are none; their number; the side of the square."""
    from scipy.ndimage import uniform_filter

    held = np.isfinite(terms)
    values = np.where(held, terms, 0.0)
    side = min(_LOCAL, *terms.shape)
    weight = uniform_filter(held.astype(np.float64), side)
    local = uniform_filter(values, side) / np.maximum(weight, 1e-12)
    return np.where(held, values - local, 0.0), int(held.sum()), side
