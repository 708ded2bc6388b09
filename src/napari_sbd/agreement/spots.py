"""Columns of a denoised image: where they may be, and each judged by what judges the image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..annotations import burned_in
from ..errors import warn
from ..spots import Detection, detect
from ..units import plain
from .evidence import Evidence
from .split_halves import judge_at
from .statistic import Weights

# the paper's blobs of 8 pixels of 6.1 pm; also the width at which missing columns of simulated Pt
# on CeO2 stand out most from the noise
_SIGMA_NM = 0.049
_FALLBACK_SIGMA = 6.0  # pixels
_LEAST_ELECTRONS = 4.0  # in a neighbourhood, for its scores to be nearly normal
_WIDEST_NM = 0.25  # sigma; columns, with what the microscope adds, have 0.03 to 0.1
_PER_SPACING = 0.2  # width of the columns over their spacing
_BESIDE = 1.5  # widths around letters that were burned in


def candidates(
    image: np.ndarray,
    noisy: np.ndarray | None,
    pixel_size_yx: tuple[float, float] | None,
    **settings: Any,
) -> Detection:
    """Where columns may be, before the data judge them.

    Scale bars and letters that were burned into the data hold none, and what is too wide for
    columns of atoms is none.

    Parameters
    ----------
    image
        (Y, X) denoised.
    noisy
        (Y, X) what it was made from; None where there is nothing else.
    pixel_size_yx
        nm; None where unknown.
    **settings
        As ``spots.detect`` takes them.
    """
    image = image if np.isfinite(image).any() else np.zeros(image.shape)
    found = detect(image, **settings)
    if found.scale is None or not len(found.points):
        return found
    drawn = burned_in(image if noisy is None else noisy, found.scale / _PER_SPACING)
    if drawn.any():
        found = detect(np.where(_widened(drawn, _BESIDE * found.scale), np.nan, image), **settings)
    if found.scale is not None and pixel_size_yx is not None:
        width = found.scale * float(np.sqrt(pixel_size_yx[0] * pixel_size_yx[1]))
        if width > _WIDEST_NM:
            why = (
                f"With a pixel size of {pixel_size_yx[0]:.4g} nm its spots are "
                f"{plain(width, 2)} nm wide (sigma), and columns of atoms at most "
                f"{_WIDEST_NM:g} nm: the pixel size is wrong, or these are none."
            )
            return replace(found.only(np.zeros(len(found.points), bool), why), scale=None)
    return found


def _widened(mask: np.ndarray, reach: float) -> np.ndarray:
    from scipy.ndimage import distance_transform_edt

    result: np.ndarray = distance_transform_edt(~mask) <= reach
    return result


def neighbourhood(
    data: np.ndarray,
    counted: bool,
    pixel_size_yx: tuple[float, float] | None,
    scale: float | None,
) -> tuple[float, float]:
    """Sigma of the neighbourhoods' Gaussian along y and x [px], the image's sides at the most.

    Parameters
    ----------
    data
        (Y, X); of electrons a neighbourhood must hold a few.
    counted
        Whether the data are electrons.
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
    if counted:
        held = np.pi * sigma[0] * sigma[1] * float(np.nanmean(data))
        wider = max(wider, np.sqrt(_LEAST_ELECTRONS / held))
    return min(sigma[0] * wider, data.shape[0]), min(sigma[1] * wider, data.shape[1])


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
    weights, (y, x) = Weights(sigma, evidence.noise), points.T
    return judge_at(evidence.as_counts(), weights, y, x).astype(np.float64)
