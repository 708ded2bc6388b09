"""The spectrum of an image's noise: a point spread damps it, the signal hides its slow part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .level import mean_below_limit

_RINGS = 32
_AGAINST_TAILS = 0.1
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
    kernel -= kernel.mean()  # what was cut off would let the offset pass
    result: np.ndarray = kernel / np.sqrt((kernel**2).sum())
    return result


@dataclass(frozen=True)
class Shape:
    """How noise power falls with frequency: a point spread over a white floor.

    ``(1 - floor) (1 + tail u^2)^(-1 / tail) + floor`` with ``u = 2 pi spread f``: a Gaussian point
    spread for a tail of 0, a transfer of ``1 / (1 + (f / f0)^2)`` for 0.5, and longer tails above.

    Parameters
    ----------
    spread
        Standard deviation of a Gaussian point spread [px].
    floor
        Share of white noise.
    tail
        From 0 to 1.
    """

    spread: float = 0.0
    floor: float = 0.0
    tail: float = 0.0

    def __call__(self, f: np.ndarray) -> np.ndarray:
        """Noise power, 1 at frequency zero [cycles per pixel]."""
        square = (2 * np.pi * self.spread * f) ** 2
        if self.tail < 1e-3:
            falling = np.exp(-square)
        else:
            falling = (1 + self.tail * square) ** (-1 / self.tail)
        result: np.ndarray = (1 - self.floor) * falling + self.floor
        return result

    def slopes(self, f: np.ndarray) -> np.ndarray:
        """(N, 3) what the power changes by with spread, floor and tail, at (N,) frequencies."""
        by_spread = 2 * (2 * np.pi * f) ** 2 * self.spread
        square = by_spread * self.spread / 2
        if self.tail < 1e-3:
            falling = steep = np.exp(-square)
            by_tail = np.zeros_like(f)
        else:
            long = 1 + self.tail * square
            falling = long ** (-1 / self.tail)
            steep = falling / long
            by_tail = falling * (np.log(long) / self.tail - square / long) / self.tail
        signal = 1 - self.floor
        return np.stack([-signal * steep * by_spread, 1 - falling, signal * by_tail], -1)

    def passed(self, kernel: np.ndarray) -> float:
        """Share of the shot noise that a kernel passes, relative to white noise."""
        n = 64
        transfer = np.abs(np.fft.fft2(kernel, (n, n))) ** 2
        f = np.fft.fftfreq(n)
        return float((transfer * self(np.hypot(f[:, None], f))).mean() / transfer.mean())

    def correlation(self, lag: int = 1) -> float:
        """Of pixels this far apart along an axis."""
        f = np.fft.fftfreq(64)
        power = self(np.hypot(f[:, None], f))
        return float((power * np.cos(2 * np.pi * lag * f)).mean() / power.mean())


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
    result, places_of = [], cache(_places)  # of one call: they take room
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
            noisy = even * window
            energy = (window**2).sum()
            power = (np.abs(np.fft.rfft2(noisy)) ** 2 / energy).ravel()
            places = places_of(part.shape)
            # small parts have no frequency in some rings, or only that of their mean
            there = [i for i, ring in enumerate(places) if len(ring) > 1]
            found = [mean_below_limit(power[places[i]]) for i in there]
            rings = np.interp(np.arange(_RINGS), there, found)
            # scattered gaps part neighbours, and so turn a share of all power into white noise
            kept = min(1.0, _together(window) / _together(whole))
            everything = (noisy**2).sum() / energy  # mean power
            result.append(np.maximum((rings - (1 - kept) * everything) / kept, 0.1 * rings))
    return np.array(result).reshape(-1, _RINGS)


def _places(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Of each ring, the places of its frequencies in a flat ``rfft2``; those twice that stand for
    two."""
    ky, kx = (np.fft.fftfreq(n) for n in shape)
    ring = np.minimum(np.hypot(ky[:, None], kx) * 2 * _RINGS, _RINGS).astype(np.uint8)
    half = shape[1] // 2 + 1
    # what the real transform leaves out is at the opposite frequency
    y, x = np.mgrid[: shape[0], : shape[1]]
    left = x >= half
    place = np.where(left, -y % shape[0], y) * half + np.where(left, shape[1] - x, x)
    order = np.argsort(ring, axis=None, kind="stable")
    ends = np.searchsorted(ring.ravel()[order], np.arange(1, _RINGS + 1))
    return np.split(place.ravel()[order], ends)[:_RINGS]


def _together(window: np.ndarray) -> float:
    """Autocorrelation of a window at a distance of one pixel."""
    return float((window[:, 1:] * window[:, :-1]).sum() / (window**2).sum())


def fit(frequency: np.ndarray, power: np.ndarray, lowest: float) -> tuple[Shape, float]:
    """The shape of a noise spectrum, over what holds no signal, and the power at frequency zero."""
    from scipy.optimize import least_squares

    used = frequency > lowest
    f, p = frequency[used], np.maximum(power[used], 1e-12 * power.max())

    def misfit(v: np.ndarray) -> np.ndarray:
        difference = v[0] + np.log(Shape(*v[1:])(f)) - np.log(p)
        # a tail only where the spectrum asks for it
        return np.append(difference * np.sqrt(f), _AGAINST_TAILS * v[3])

    def slopes(v: np.ndarray) -> np.ndarray:
        shape = Shape(*v[1:])
        ours = np.column_stack([np.ones_like(f), shape.slopes(f) / shape(f)[:, None]])
        return np.vstack([ours * np.sqrt(f)[:, None], [0, 0, 0, _AGAINST_TAILS]])

    start = [float(np.log(p[0])), 0.3, 0.01, 0.1]
    bounds = [-np.inf, 0, 1e-6, 0], [np.inf, 3, 0.9, 1]
    found = least_squares(misfit, start, slopes, bounds).x
    return Shape(*(float(v) for v in found[1:])), float(np.exp(found[0]))
