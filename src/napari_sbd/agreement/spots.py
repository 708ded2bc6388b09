"""Single columns judged by what judges the image."""

from __future__ import annotations

import numpy as np

from ..errors import warn
from .evidence import Evidence
from .split_halves import judge_at
from .statistic import Weights

# the paper's blobs of 8 pixels of 6.1 pm; also the width at which missing columns of simulated Pt
# on CeO2 stand out most from the noise
_SIGMA_NM = 0.049
_FALLBACK_SIGMA = 6.0  # pixels
_LEAST_ELECTRONS = 4.0  # in a neighbourhood, for its scores to be nearly normal


def neighbourhood(
    counts: np.ndarray | None, pixel_size_yx: tuple[float, float] | None, scale: float | None
) -> tuple[float, float]:
    """Sigma of the neighbourhoods' Gaussian along y and x [px].

    Parameters
    ----------
    counts
        (Y, X) electrons, of which a neighbourhood must hold a few; None where the data are none.
    pixel_size_yx
        nm; None where unknown.
    scale
        Width of the columns [px], which is taken where the pixel size is unknown.
    """
    if pixel_size_yx is not None:
        sigma = _SIGMA_NM / pixel_size_yx[0], _SIGMA_NM / pixel_size_yx[1]
    else:
        if scale is None:
            warn(
                "The pixel size is unknown and no columns were found; neighbourhoods of sigma "
                f"{_FALLBACK_SIGMA:g} pixels are judged. Give the pixel size."
            )
        sigma = (scale or _FALLBACK_SIGMA,) * 2
    wider = max(1.0, 1.0 / min(sigma))
    if counts is not None:
        held = np.pi * sigma[0] * sigma[1] * float(np.nanmean(counts))
        wider = max(wider, np.sqrt(_LEAST_ELECTRONS / held))
    return sigma[0] * wider, sigma[1] * wider


def judge_spots(evidence: Evidence, points: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    """(N,) z, as in ``Agreement``, of columns at y, x (N, 2) [px]; NaN outside the data.

    Parameters
    ----------
    evidence
        Of the image.
    points
        (N, 2) y, x [px].
    sigma
        Of the neighbourhoods' Gaussian along y and x [px], as ``neighbourhood`` gives it.
    """
    weights, (y, x) = Weights(sigma), points.T
    return judge_at(evidence.as_counts(), weights, y, x).astype(np.float64)
