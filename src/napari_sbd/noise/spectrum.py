"""The spectrum of an image's noise: a point spread damps it, the signal hides its slow part."""

from __future__ import annotations

import numpy as np

_RINGS = 32
_PARTS = 4  # of the image along y and x, whose scatter gives the uncertainty of the spectrum
FREQUENCY = np.linspace(0, 0.5, _RINGS + 1)[1:] - 0.25 / _RINGS  # cycles per pixel, of the rings


def fast_filter(slowest: float) -> np.ndarray:
    """A small filter of unit energy for variations faster than the signal.

    What differs from a local mean, twice over, so that little of the signal is left.
    """
    width = max(0.5, 0.15 / slowest)
    half = int(np.ceil(4 * width))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    blur = np.exp(-(y**2 + x**2) / 2 / width**2)
    fast = -blur / blur.sum()
    fast[half, half] += 1
    n = 4 * half + 1
    kernel = np.fft.irfft2(np.fft.rfft2(fast, (n, n)) ** 2, (n, n))
    kernel = kernel[half : 3 * half + 1, half : 3 * half + 1]
    result: np.ndarray = kernel / np.sqrt((kernel**2).sum())
    return result


def passed(kernel: np.ndarray, spread: float, floor: float) -> float:
    """Share of the shot noise that a kernel passes, relative to white noise of the same density."""
    n = 64
    transfer = np.abs(np.fft.fft2(kernel, (n, n))) ** 2
    f = np.fft.fftfreq(n)
    power = model(np.hypot(f[:, None], f), 1.0, spread, floor)
    return float((transfer * power).mean() / transfer.mean())


def spectra_of(noises: list[np.ndarray], region: np.ndarray | None) -> np.ndarray:
    """(K, M) noise power around rings of frequency, of parts of the image.

    Parameters
    ----------
    noises
        (Y, X) each, NaN where there are no data.
    region
        (Y, X) bool, where the image is even; else the parts are a grid, without those less than
        half of which holds data.
    """
    from scipy.ndimage import median

    result = []
    for noise in noises[:8]:
        if region is not None:
            parts = [np.where(region, noise, np.nan)]
        else:
            rows, columns = (np.array_split(np.arange(n), _PARTS) for n in noise.shape)
            parts = [noise[np.ix_(r, c)] for r in rows for c in columns]
            parts = [part for part in parts if np.isfinite(part).mean() > 0.5]
        for part in parts:
            whole = np.ones(part.shape)
            if region is None:
                whole = np.hanning(part.shape[0])[:, None] * np.hanning(part.shape[1])
            window = np.where(np.isfinite(part), whole, 0)
            even = np.nan_to_num(part - np.nanmean(part))
            power = np.abs(np.fft.fft2(even * window)) ** 2 / (window**2).sum()
            f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in part.shape), indexing="ij"))
            ring = np.minimum((f * 2 * _RINGS).astype(int), _RINGS)
            rings = median(power, ring, np.arange(_RINGS)) / np.log(2)
            # scattered gaps part neighbours, and so turn a share of all power into white noise
            kept = min(1.0, _together(window) / _together(whole))
            result.append(np.maximum((rings - (1 - kept) * power.mean()) / kept, 0.1 * rings))
    return np.array(result).reshape(-1, _RINGS)


def _together(window: np.ndarray) -> float:
    """Autocorrelation of a window at a distance of one pixel."""
    return float((window[:, 1:] * window[:, :-1]).sum() / (window**2).sum())


def model(f: np.ndarray, power: float, spread: float, floor: float) -> np.ndarray:
    """Noise power of a Gaussian point spread [px] over a white floor, ``power`` at zero."""
    return power * ((1 - floor) * np.exp(-((2 * np.pi * spread * f) ** 2)) + floor)


def fit(frequency: np.ndarray, power: np.ndarray, lowest: float) -> tuple[float, float]:
    """Point spread [px] and floor of a noise spectrum, over what holds no signal."""
    from scipy.optimize import least_squares

    used = frequency > lowest
    f, p = frequency[used], np.maximum(power[used], 1e-12 * power.max())

    def misfit(v: np.ndarray) -> np.ndarray:
        difference: np.ndarray = np.log(model(f, np.exp(v[0]), v[1], v[2])) - np.log(p)
        return difference * np.sqrt(f)

    start = [float(np.log(p[0])), 0.3, 0.01]
    found = least_squares(misfit, start, bounds=([-np.inf, 0, 1e-6], [np.inf, 3, 0.9])).x
    return float(found[1]), float(found[2])


def correlation_of(spread: float, floor: float, lag: int = 1) -> float:
    """Of pixels this far apart along an axis, from the spectrum."""
    f = np.fft.fftfreq(64)
    power = model(np.hypot(f[:, None], f), 1.0, spread, floor)
    return float((power * np.cos(2 * np.pi * lag * f)).mean() / power.mean())
