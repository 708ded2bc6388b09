"""Correlation of two images of one scene: ring by ring of their spectra, and place by place."""

from __future__ import annotations

import numpy as np

_RINGS = 1.0  # steps of the spectrum in a ring
_HIGHEST = 0.45  # cycles per working pixel; up to Nyquist every network leaves a grid of its own
# Of an area's values behind a Hann window, (sum w^2)^2 / (n sum w^4) squared. Of thin rings it is
# 0.63 (noise scatters by 0.65 of the expected), so the criteria are on the safe side.
_INDEPENDENT = 0.264
_CHANCE = 3.5  # standard deviations of a ring of noise: what passes must stand out more
_SLOW = 5.0  # working pixels: wider variations are illumination or thickness
_AROUND = 4.0  # working pixels, sigma of the neighbourhood of the map
_LEAST = 0.02  # of the mean power: where images are flat, nothing is correlated


def ring_correlation(
    one: np.ndarray, other: np.ndarray, step: tuple[float, float] = (1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fourier ring correlation of two images of one scene.

    Parameters
    ----------
    one, other
        (Y, X), finite.
    step
        Pixels, or another unit, from one value to the next along y and x.

    Returns
    -------
    Spatial frequencies [1/unit], correlation, half-bit criterion and level of chance of each ring,
    (R,).
    """
    window = np.outer(np.hanning(one.shape[0]), np.hanning(one.shape[1]))
    spectra = [np.fft.rfft2((image - image.mean()) * window) for image in (one, other)]
    ky = np.fft.fftfreq(one.shape[0], step[0])[:, None]
    kx = np.fft.rfftfreq(one.shape[1], step[1])
    width = _RINGS / min(n * s for n, s in zip(one.shape, step, strict=True))
    ring = np.rint(np.hypot(ky, kx) / width).astype(int)
    last = int(_HIGHEST / max(step) / width)

    def sums(values: np.ndarray) -> np.ndarray:
        total: np.ndarray = np.bincount(ring.ravel(), values.ravel(), last + 1)[1 : last + 1]
        return total

    cross = sums((spectra[0] * spectra[1].conj()).real)
    power = sums(np.abs(spectra[0]) ** 2) * sums(np.abs(spectra[1]) ** 2)
    frc = cross / np.sqrt(np.maximum(power, np.finfo(float).tiny))
    n = np.sqrt(np.maximum(sums(np.ones(ring.shape)) * _INDEPENDENT, 1))
    half_bit = (0.2071 + 1.9102 / n) / (1.2071 + 0.9102 / n)
    return np.arange(1, last + 1) * width, frc, half_bit, _CHANCE / (2**0.5 * n)


def local_correlation(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, float]:
    """Correlation of the fine structure of two images.

    Parameters
    ----------
    one, other
        (H, W), finite.

    Returns
    -------
    (H, W) around each pixel, and over all of them.
    """
    from scipy.ndimage import gaussian_filter

    a, b = (image - gaussian_filter(image, _SLOW) for image in (one, other))
    cross, first, second = (gaussian_filter(p, _AROUND) for p in (a * b, a * a, b * b))
    least = _LEAST * float(np.sqrt((a * a).mean() * (b * b).mean()))
    local = cross / (np.sqrt(np.maximum(first * second, 0)) + least + np.finfo(float).tiny)
    whole = float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + np.finfo(float).tiny))
    return local, whole
