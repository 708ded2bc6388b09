"""What was fitted to columns, in pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fit import GaussianFit
from .way import spread


@dataclass(frozen=True)
class Fits:
    """Fits of N columns in pixels of the image.

    Parameters
    ----------
    values, error
        (N, 5) y, x [px], amplitude [image units], sigma [px], background [image units], and their
        standard errors.
    intensity, intensity_error
        (N,) integral of the Gaussian, 2 pi amplitude sigma^2 [image units x px].
    converged
        (N,) whether the data fix the column.
    noise
        (N, 2) what the noise of the data alone makes of the errors of y, x [px]; None without data.
    """

    values: np.ndarray
    error: np.ndarray
    intensity: np.ndarray
    intensity_error: np.ndarray
    converged: np.ndarray
    noise: np.ndarray | None = None


def in_pixels(fit: GaussianFit, covariance: np.ndarray, block: int, start: np.ndarray) -> Fits:
    """From summed to original pixels; columns that were not fixed keep their place."""
    values = np.where(fit.converged[:, None], fit.values, start)
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    amplitude, width = values[:, 2], values[:, 3]
    slope = np.column_stack([width**2, 2 * amplitude * width])
    part = covariance[:, 2:4, 2:4][:, [[0], [1]], [0, 1]]
    variance = np.einsum("ni,nij,nj->n", slope, part, slope)
    factor = 2 * np.pi * block**2
    # summing widens a Gaussian by the variance of the block
    sharp = np.sqrt(np.maximum(width**2 - spread(block), 0.01))
    intensity = factor * amplitude * width**2
    values = values.copy()
    values[:, :2] = (values[:, :2] + 0.5) * block - 0.5
    values[:, 2] *= (width / sharp) ** 2
    values[:, 3] = sharp * block
    error = error * np.array([block, block, 1, block, 1])
    error = np.where(fit.converged[:, None], error, np.nan)
    with np.errstate(invalid="ignore"):
        intensity_error = np.where(fit.converged, factor * np.sqrt(variance), np.nan)
    return Fits(values, error, intensity, intensity_error, fit.converged.copy())
