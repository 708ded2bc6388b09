"""The likelihood-ratio map of the SBD paper (arXiv 2010.12970): atomic column against vacuum.

In every column disc and in the vacuum it gives the mean log-likelihood ratio of the raw counts,
``mean(y) log(lambda_1 / lambda_0) - (lambda_1 - lambda_0)``, where lambda_0 is the vacuum level
and lambda_1 the mean of the denoised image in the disc (in the vacuum: in all discs). Lengths
are the paper's, relative to its blob size.
"""

from __future__ import annotations

import numpy as np

from .discs import nearest_disc

_VACUUM_GAP = (
    2.2  # radii from the discs to what counts as vacuum: 25 px of the paper's 11.3 px discs
)
_LEAST_VACUUM = 0.01  # share of the image


def likelihood_map(
    counts: np.ndarray, denoised: np.ndarray, spots: np.ndarray, radius: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean log-likelihood ratio of column against vacuum.

    Parameters
    ----------
    counts, denoised
        (Y, X) electrons per pixel, NaN where there are no data; of a movie, means over frames.
    spots
        (N, 2) y, x of the columns [px].
    radius
        Of their discs along y and x [px].

    Returns
    -------
    (Y, X) float32 map, NaN between discs and vacuum; and (N,) the values of the discs.
    """
    from scipy.ndimage import distance_transform_edt

    result = np.full(counts.shape, np.nan, np.float32)
    label = nearest_disc(counts.shape, spots, radius)
    valid = np.isfinite(counts) & np.isfinite(denoised)
    outside = label < 0
    if outside.all():
        gap = np.full(counts.shape, np.inf)
    else:
        gap = distance_transform_edt(outside, sampling=[1 / r for r in radius])
    vacuum = (gap > _VACUUM_GAP) & valid
    if vacuum.mean() < _LEAST_VACUUM:
        vacuum = (label < 0) & valid  # the whole image is crystal: between the columns then
    if not vacuum.any():
        return result, np.full(len(spots), np.nan)
    least = 1e-3 * np.nanmean(counts)
    zero = max(float(denoised[vacuum].mean()), least)
    inside = (label >= 0) & valid
    size = np.bincount(label[inside], minlength=len(spots))
    with np.errstate(invalid="ignore"):
        mean, level = (
            np.bincount(label[inside], image[inside], minlength=len(spots)) / size
            for image in (counts, denoised)
        )
    level = np.maximum(level, least)
    ratios = mean * np.log(level / zero) - (level - zero)
    if len(spots):
        result[inside] = ratios[label[inside]]
        one = float(np.nanmean(level))
        result[vacuum] = counts[vacuum].mean() * np.log(one / zero) - (one - zero)
    else:
        result[vacuum] = 0.0  # one hypothesis only
    return result, ratios
