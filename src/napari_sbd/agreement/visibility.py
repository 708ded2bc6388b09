"""Whether counts can have told a denoised image what it shows."""

from __future__ import annotations

import numpy as np

from ..frames import mean_filled

# Denoised vacuum of 96 to 1280 pixels at 0.02 to 50 electrons per pixel showed 5.3 at the most; Pt
# on CeO2 whose lattice was denoised roughly right 7 at the least, otherwise 2.3 at the most.
VISIBLE = 6.0
_REACH = 3.0  # sigmas: what is looked at around each spot
_SLOW = 4.0  # sigmas: wider variations are illumination or thickness


def visibility(
    expected: np.ndarray, sigma: tuple[float, float], y: np.ndarray, x: np.ndarray
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
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    if not len(y) or not np.isfinite(expected).any():
        return 0.0
    image = mean_filled(np.asarray(expected, np.float64))
    if not image.mean() > 0:
        return 0.0
    fast = image - gaussian_filter(image, [_SLOW * s for s in sigma])
    away = np.ones(image.shape, bool)
    places = (np.rint(v).astype(int) for v in (y, x))
    away[tuple(np.clip(v, 0, n - 1) for v, n in zip(places, image.shape, strict=True))] = False
    distance = distance_transform_edt(away, sampling=[1 / s for s in sigma])
    return float(np.sqrt((fast[distance <= _REACH] ** 2).sum() / image.mean()))
