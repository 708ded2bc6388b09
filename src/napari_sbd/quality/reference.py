"""Scores against a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph, unmasked


def psnr(estimate: Any, truth: Any, peak: float | None = None) -> float:
    """Peak signal-to-noise ratio, ``10 log10(peak^2 / MSE)`` [dB]; nothing is clipped.

    Parameters
    ----------
    estimate, truth
        Micrographs or arrays of one shape and unit. Pixels that are NaN in either are left out.
    peak
        In the same unit; by default the largest value of the truth.

    Raises
    ------
    SBDError
        If the shapes differ, no pixel holds data in both, or the peak is not positive.

    Examples
    --------
    >>> round(sbd.psnr(np.full((4, 4), 0.9), np.ones((4, 4))), 6)
    20.0
    """
    a, b = _pair(estimate, truth)
    top = _peak(peak, b)
    error = float(np.nanmean((a - b) ** 2))
    return float(10 * np.log10(top**2 / error)) if error > 0 else float("inf")


def ssim(estimate: Any, truth: Any, peak: float | None = None) -> float:
    """Structural similarity (Wang et al., IEEE Trans. Image Process. 13 (2004) 600), 1 at best.

    Windows of 7 x 7 pixels, as scikit-image has them; of a movie, the mean over frames.

    Parameters
    ----------
    estimate, truth
        Micrographs or arrays of one shape and unit, finite.
    peak
        The data range, in the same unit; by default the largest value of the truth.

    Raises
    ------
    SBDError
        If the shapes differ, pixels are not finite, or the peak is not positive.

    Examples
    --------
    >>> sbd.ssim(phantom.clean, phantom.clean)
    1.0
    """
    from skimage.metrics import structural_similarity

    a, b = _pair(estimate, truth)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise SBDError("SSIM needs images without NaN or infinite pixels; crop or fill them.")
    if min(a.shape[-2:]) < 7:
        raise SBDError("SSIM needs images of at least 7 x 7 pixels.")
    top = _peak(peak, b)
    pairs = zip(a, b, strict=True) if a.ndim == 3 else [(a, b)]
    return float(np.mean([structural_similarity(x, y, data_range=top) for x, y in pairs]))


def _pair(estimate: Any, truth: Any) -> tuple[np.ndarray, np.ndarray]:
    a, b = (
        np.asarray(unmasked(i.data if isinstance(i, Micrograph) else i)).astype(np.float64)
        for i in (estimate, truth)
    )
    if a.shape != b.shape:
        raise SBDError(f"The estimate has shape {a.shape} and the truth {b.shape}.")
    if not (np.isfinite(a) & np.isfinite(b)).any():
        raise SBDError("No pixel holds data in both images.")
    return a, b


def _peak(peak: float | None, image: np.ndarray) -> float:
    top = float(np.nanmax(image)) if peak is None else float(peak)
    if not 0 < top < np.inf:
        raise SBDError(f"The peak must be positive and finite, not {top:g}.")
    return top
