"""Whether counts can have told a denoised image what it shows."""

from __future__ import annotations

import numpy as np

from ..micrograph.frames import mean_filled
from ..noise.covariance import Covariance
from .split_halves import Trial

# Denoised vacuum of 96 to 1280 pixels at 0.02 to 50 electrons per pixel showed 5.3 at the most; Pt
# on CeO2 whose lattice was denoised roughly right 7 at the least, otherwise 2.3 at the most.
VISIBLE = 6.0
_REACH = 3.0  # sigmas: what is looked at around each spot
_SLOW = 4.0  # sigmas: wider variations are illumination or thickness


def visibility(
    expected: np.ndarray,
    sigma: tuple[float, float],
    y: np.ndarray,
    x: np.ndarray,
    variance: np.ndarray | None = None,
    correlated: Covariance | None = None,
) -> float:
    """How clearly counts could tell the spots of an image from nothing [sigmas].

    The image around the spots is taken for the truth, its slow part for the alternative, and the
    distance is that of the likelihood of Poisson counts: ``sqrt(sum (d - slow)^2 / mean)``. If it
    is less than a few sigmas, the spots come from the noise or from the network.

    Parameters
    ----------
    expected
        (Y, X) denoised image [electrons], NaN where there are no data.
    sigma
        Of a spot along y and x [px].
    y, x
        (N,) places of the spots [px].
    variance
        (Y, X) of the noise of a pixel; by default that of counts, the mean of the image.
    correlated
        How the noise of pixels hangs together; None where it is independent.
    """
    if not len(y) or not np.isfinite(expected).any():
        return 0.0
    image = mean_filled(np.asarray(expected, np.float64))
    noise = np.full(image.shape, image.mean()) if variance is None else mean_filled(variance)
    if not noise.mean() > 0:
        return 0.0
    near = _near(image.shape, sigma, y, x) & np.isfinite(expected)
    fast = image - _slow(image, sigma)
    filtered = np.where(near, fast / noise, 0)
    told = float((fast * filtered).sum())
    if correlated is None or told == 0:
        return float(told**0.5)
    return float(told / float((correlated.spread(filtered) ** 2 * noise).sum()) ** 0.5)


def seen_by_the_other(
    trials: list[Trial],
    sigma: tuple[float, float],
    y: np.ndarray,
    x: np.ndarray,
    variance: np.ndarray,
    correlated: Covariance | None = None,
) -> float:
    """How clearly either half of the data shows the spots of what was made from the other [sigmas].

    The projection of one half's data, less the slow part, on the fine structure that the other
    half's image shows around the spots, over its standard deviation (a matched filter), of both
    ways together. N(0, 1) where what is shown comes from the noise or from the denoiser.

    Parameters
    ----------
    trials
        Half of the data with what is expected of it, both ways.
    variance
        (Y, X) of the noise of a pixel in the whole data.
    sigma, y, x, correlated
        As in ``visibility``.
    """
    if not len(y) or not np.isfinite(variance).any():
        return 0.0
    near = _near(variance.shape, sigma, y, x) & np.isfinite(variance)
    variance = mean_filled(variance)
    projected, informed = 0.0, 0.0
    for half, expected in trials:
        image = mean_filled(np.asarray(expected, np.float64))
        slow = _slow(image, sigma)
        held = near & np.isfinite(half) & np.isfinite(expected)
        fast = np.where(held, image - slow, 0) / variance
        projected += float(np.nansum((half - slow) * fast))
        spread = fast if correlated is None else correlated.spread(fast)
        informed += float((spread**2 * variance / 2).sum())
    return projected / np.sqrt(informed) if informed > 0 else 0.0


def _slow(image: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    result: np.ndarray = gaussian_filter(image, [_SLOW * s for s in sigma])
    return result


def _near(
    shape: tuple[int, ...], sigma: tuple[float, float], y: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """(Y, X) what lies within reach of the spots."""
    from scipy.ndimage import distance_transform_edt

    away = np.ones(shape, bool)
    places = (np.rint(v).astype(int) for v in (y, x))
    away[tuple(np.clip(v, 0, n - 1) for v, n in zip(places, shape, strict=True))] = False
    near: np.ndarray = distance_transform_edt(away, sampling=[1 / s for s in sigma]) <= _REACH
    return near
