"""Sums over blocks of pixels, and where fits to them begin."""

from __future__ import annotations

import numpy as np

from .way import spread

_LEAST = 0.05  # of the typical amplitude, from which a hand-placed column starts


def summed(image: np.ndarray, block: int) -> np.ndarray:
    """Sums over whole blocks; NaN where any pixel holds no data."""
    height, width = (n // block * block for n in image.shape)
    shape = height // block, block, width // block, block
    sums: np.ndarray = image[:height, :width].reshape(shape).sum((1, 3), dtype=np.float64)
    return sums


def coarse_start(
    start: np.ndarray, coarse: np.ndarray, width: float, block: int, bright: bool
) -> np.ndarray:
    """Complete the start from the image: the LoG of a Gaussian tells its amplitude."""
    from ..spots import curvature

    values = np.array(start, float)
    values[:, :2] = (values[:, :2] + 0.5) / block - 0.5
    values[:, 3] = np.sqrt(np.maximum((values[:, 3] / block) ** 2 + spread(block), 0.1))
    unknown = ~np.isfinite(values).all(1)
    filled = np.where(np.isfinite(coarse), coarse, np.nanmean(coarse))
    place = tuple(np.clip(np.rint(values[:, :2]).astype(int), 0, np.array(coarse.shape) - 1).T)
    sign = 1 if bright else -1
    response = curvature(filled, width, "nearest")[place]
    amplitude = -2 * width**2 * response * sign
    typical = np.median(amplitude[amplitude > 0]) if (amplitude > 0).any() else np.ptp(filled)
    amplitude = sign * np.maximum(amplitude, _LEAST * max(typical, 1e-12))
    guess = np.column_stack(
        [values[:, :2], amplitude, np.full(len(values), width), filled[place] - amplitude]
    )
    values[unknown] = guess[unknown]
    return values
