"""Whether there is a column at a place chosen by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..noise.covariance import Covariance
from .elongation import around, drawn

_CLEAR = 3.0  # standard errors of the amplitude of what is there
_REACH = 3.0  # sigmas from the place that are looked at
_LEAST = 0.25  # of the typical amplitude, where the noise is unknown


@dataclass(frozen=True)
class Presence:
    """What stands at N places.

    Parameters
    ----------
    amplitude, error, background
        (N,) of a Gaussian of the usual width at the place [image units].
    there
        (N,) whether its amplitude is above zero beyond doubt.
    radius
        Of what was looked at [px].
    """

    amplitude: np.ndarray
    error: np.ndarray
    background: np.ndarray
    there: np.ndarray
    radius: float


def presence(
    image: np.ndarray,
    places: np.ndarray,
    others: np.ndarray,
    typical: tuple[float, float],
    variance: np.ndarray | None,
    correlated: Covariance | None = None,
) -> Presence:
    """Look for columns of the usual width at given places.

    Parameters
    ----------
    image
        (Y, X) noisy, or denoised where there is no noisy one.
    places
        (N, 2) y, x [px].
    others
        (M, 5) y, x, amplitude, sigma, background of the columns around, which are taken away.
    typical
        Amplitude, with its sign, and sigma of the columns [image units, px].
    variance
        (Y, X) of a pixel's noise; None where it is unknown.
    correlated
        How the noise of pixels hangs together; None where it is independent.
    """
    strength, sigma = typical
    rest = image if not len(others) else image - drawn(others, image.shape, on_backgrounds=False)
    values = np.column_stack([places, np.full((len(places), 3), sigma)])
    place, dy, dx, inside = around(values, image.shape, _REACH)
    weight = np.where(inside & np.isfinite(rest[place]), 1.0, 0.0)
    if variance is not None:
        weight = weight / variance[place]
    data = np.where(weight > 0, rest[place], 0)
    gauss = np.exp(-(dy**2 + dx**2) / 2 / sigma**2)
    w, g, gg = (np.maximum((weight * p).sum((1, 2)), 1e-300) for p in (1, gauss, gauss**2))
    d, gd = ((weight * p * data).sum((1, 2)) for p in (1, gauss))
    determinant = np.maximum(w * gg - g**2, 1e-300)
    amplitude, background = (w * gd - g * d) / determinant, (gg * d - g * gd) / determinant
    error = np.sqrt(w / determinant)
    if correlated is not None:
        size = int(np.ceil(_REACH * sigma))
        far = np.hypot(*np.mgrid[-size : size + 1, -size : size + 1]) / sigma
        inner = far <= _REACH
        shape = np.exp(-(far**2) / 2)
        error = error * correlated.error_ratio(inner * (shape - shape[inner].mean()))
    there = amplitude * np.sign(strength) > _CLEAR * error
    if variance is None:
        error = np.full(len(places), _LEAST * abs(strength))
        there = amplitude * np.sign(strength) > error
    return Presence(amplitude, error, background, there, _REACH * sigma)
