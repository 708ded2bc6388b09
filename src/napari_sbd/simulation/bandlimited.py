"""Periodic images of limited bandwidth: their exact values between the pixels.

An image whose pixels resolve its highest frequency is known everywhere. A value at (y, x) is a sum
over all pixels with weights that separate into rows and columns, and filters that separate (the
area of a detector pixel, a Gaussian) only change the weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def weights(
    points: np.ndarray,
    size: int,
    box: float,
    transfer: Callable[[np.ndarray], np.ndarray] = np.ones_like,
) -> np.ndarray:
    """Weights of the pixels along one axis for the values at some points.

    Parameters
    ----------
    points
        (M,) coordinates along the axis, 0 = first pixel, in units of ``box``'s.
    size
        Pixels along the axis.
    box
        Period.
    transfer
        Filter along this axis as a function of the frequency [1 / unit of ``box``].

    Returns
    -------
    (M, size) float32 array; for weights ``v`` along y and ``u`` along x, ``v @ image @ u.T`` are
    the values on a grid.
    """
    k = np.fft.fftfreq(size, 1 / size)
    waves = np.exp(2j * np.pi * np.outer(points, k) / box) * transfer(k / box)
    inverse = np.exp(-2j * np.pi * np.outer(k, np.arange(size)) / size) / size
    result: np.ndarray = (waves @ inverse).real.astype(np.float32)
    return result


def pixel_area(pixel: float) -> Callable[[np.ndarray], np.ndarray]:
    """Filter that takes the mean over a detector pixel."""
    return lambda q: np.sinc(q * pixel)


def gaussian(sigma: float) -> Callable[[np.ndarray], np.ndarray]:
    """Filter that blurs by a Gaussian of a standard deviation."""
    return lambda q: np.exp(-2 * (np.pi * sigma * q) ** 2)


def coarser(image: np.ndarray, size: int) -> np.ndarray:
    """Periodic (n, n) image at fewer points, (size, size), without what they cannot hold."""
    n, half = image.shape[0], size // 2
    keep = np.r_[0:half, n - half : n]
    spectrum = np.fft.fft2(image)[np.ix_(keep, keep)]
    result: np.ndarray = np.fft.ifft2(spectrum).real * (size / n) ** 2
    return result
