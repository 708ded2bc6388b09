"""Denoisers to compare with: what a microscopist would try without a network."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from napari_sbd import sampling


def anscombe(counts: np.ndarray) -> np.ndarray:
    """Poisson counts to values of about unit variance (Anscombe 1948)."""
    return 2 * np.sqrt(np.maximum(counts, 0) + 3 / 8)


def inverse_anscombe(values: np.ndarray) -> np.ndarray:
    """Closed-form approximation of the exact unbiased inverse (Mäkitalo & Foi, IEEE TIP 2011)."""
    d = np.maximum(values, 2 * np.sqrt(3 / 8))
    root = np.sqrt(3 / 2)
    return d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8


def binned(method, counts: np.ndarray, b: int) -> np.ndarray:
    """Apply a denoiser of unit Gaussian noise to stabilised sums over b x b pixels."""
    sums = sampling.bin_counts(counts, (b, b))
    estimate = inverse_anscombe(method(anscombe(sums)))
    return sampling.upsample(estimate, (b, b), counts.shape)


def bm3d(image: np.ndarray) -> np.ndarray:
    """BM3D of unit noise; needs the optional package of that name (not free for commercial use)."""
    import bm3d as package

    return package.bm3d(image, 1.0)


def wavelet(image: np.ndarray) -> np.ndarray:
    """Wavelet shrinkage of unit noise."""
    return denoise_wavelet(image, sigma=1.0, method="BayesShrink", rescale_sigma=False)


def non_local_means(image: np.ndarray) -> np.ndarray:
    """Non-local means of unit noise."""
    return denoise_nl_means(image, 5, 9, h=0.6, sigma=1.0, fast_mode=True)


def total_variation(image: np.ndarray) -> np.ndarray:
    """Total variation of unit noise."""
    return denoise_tv_chambolle(image, weight=0.7)


def blurs(counts: np.ndarray) -> list[np.ndarray]:
    """Gaussian blurs of many widths, of which the best one is reported."""
    return [gaussian_filter(counts, s) for s in (2, 3, 4, 5, 6, 8, 10, 14, 20)]
