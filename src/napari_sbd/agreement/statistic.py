"""How far counts are from their expectation, neighbourhood by neighbourhood, in sigmas.

Two weighted sums of the residual are taken around each point: one by a Gaussian, which sees that
there are too many or too few electrons, and one by a Gaussian times ``1 - r^2 / sigma^2``, which
sees that they are less or more concentrated than they should be. An atomic column in phase contrast
is a bright or dark core in a ring of the opposite sign, so plain sums over discs hardly see it. The
weights are orthogonal, so together the sums have two degrees of freedom. Where the noise of pixels
is correlated, variances are those of the weights spread by the kernel of the noise
(``noise.covariance``).

A weighted sum of Poisson counts with weights w and expectations x has the cumulants sum(w^n x).
Its normal score is the two-thirds power that makes Poisson counts normal (Anscombe, J. R. Stat.
Soc. B 15 (1953) 229), matched to the first three of them; at 20 electrons in a neighbourhood it
errs by less than 0.05 within three sigmas, where the plain ratio of residual and standard deviation
errs by 0.3.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import stop_if_asked
from ..noise.covariance import Covariance

FALSE_DISCOVERIES = 0.05  # expected share among the columns called unsupported
_REACH = 3.6  # sigmas; the weights beyond are below 2 % of the largest
_LARGEST = 37.0  # beyond, the p-value is no floating-point number
_FLOOR = 1e-3  # of the mean: the least expectation whose variance is believed
_TINY = 1e-20  # its power of 1.5 is a number of single precision still
_NOTHING = 1e-6  # of the largest variance: rounding, where no data are in reach
_BATCH = 2**16  # pixels of columns looked at together, which the processor's cache holds


@dataclass(frozen=True)
class Weights:
    """The neighbourhood of a point.

    Parameters
    ----------
    sigma
        Of the Gaussian along y and x [px].
    noise
        How the noise of pixels hangs together; None where it is independent.
    """

    sigma: tuple[float, float]
    noise: Covariance | None = None

    @property
    def half(self) -> tuple[int, int]:
        """Pixels from the centre to the rim along y and x."""
        y, x = (max(1, int(np.ceil(_REACH * s))) for s in self.sigma)
        return y, x

    @property
    def reach(self) -> tuple[int, int]:
        """Pixels from the centre to the rim of the spread weights."""
        (hy, hx), (ry, rx) = self.half, (0, 0) if self.noise is None else self.noise.half
        return hy + ry, hx + rx

    @property
    def level(self) -> float:
        """Slow noise variance over that of counts."""
        return 1.0 if self.noise is None else self.noise.level

    def at(self, dy: Any, dx: Any) -> tuple[np.ndarray, np.ndarray]:
        """Both weights at distances [px] from the centre."""
        r2 = (dy / self.sigma[0]) ** 2 + (dx / self.sigma[1]) ** 2
        gauss = np.exp(-r2 / 2)
        return gauss, (1 - r2) * gauss

    def patches(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Both weights around a pixel, and those that independent noise would be summed with."""
        (hy, hx), (ry, rx) = self.half, self.reach
        dy, dx = np.mgrid[-ry : ry + 1, -rx : rx + 1]
        inside = (np.abs(dy) <= hy) & (np.abs(dx) <= hx)
        w, v = (weight * inside for weight in self.at(dy, dx))
        if self.noise is None:
            return (w, v), (w, v)
        return (w, v), (self.noise.spread(w), self.noise.spread(v))


def score_maps(
    residual: np.ndarray, expected: np.ndarray, weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of both sums around every pixel.

    Parameters
    ----------
    residual
        (Y, X) counts less expectation [electrons], zero where there are no data.
    expected
        (Y, X) expectation [electrons], zero where there are no data.

    Returns
    -------
    Two (Y, X) float32 maps, independent and N(0, 1) where the expectation is right.
    """
    around = _Sums(expected.shape, weights)
    return _scores(*around(residual, range(2)), *around(_believable(expected), range(2, 7)))


def scores_at(
    residual: np.ndarray, expected: np.ndarray, weights: Weights, y: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of both sums around the points y, x (N,) [px], to fractions of pixels.

    ``residual`` and ``expected`` are as in ``score_maps``.
    """
    stop_if_asked()
    (hy, hx), believed = weights.half, _believable(expected)
    margin = [(hy, hy), (hx, hx)]
    images = [np.pad(image, margin).astype(np.float32) for image in (residual, believed)]
    oy, ox = np.mgrid[-hy : hy + 1, -hx : hx + 1]

    def sums(part: slice) -> list[np.ndarray]:
        cy, cx = y[part, None, None], x[part, None, None]
        row = np.clip(np.rint(cy).astype(int), 0, expected.shape[0] - 1) + oy
        column = np.clip(np.rint(cx).astype(int), 0, expected.shape[1] - 1) + ox
        r, e = (image[row + hy, column + hx] for image in images)
        w, v = weights.at((row - cy).astype(np.float32), (column - cx).astype(np.float32))
        we, ve = w * e, v * e
        pairs = (w, r), (v, r), (w, we), (v, ve), (w, ve), (w * w, we), (v * v, ve)
        return [np.einsum("nyx,nyx->n", a, b) for a, b in pairs]

    step = max(1, _BATCH // oy.size)
    parts = [slice(start, start + step) for start in range(0, len(y), step)]
    if not parts:
        return np.zeros(0), np.zeros(0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = np.concatenate(list(pool.map(sums, parts)), 1)
    found = found.astype(np.float64)
    if weights.noise is not None:
        from scipy.ndimage import map_coordinates

        # they vary slowly, so between pixels a straight line will do
        maps = _Sums(expected.shape, weights)(believed, range(2, 7))
        found[2:] = [map_coordinates(m, [y, x], order=1, mode="nearest") for m in maps]
    return _scores(*found)


class _Sums:
    """Sums around every pixel of images of one shape, weighted by the kernels of a neighbourhood:
    w, v, and of the weights that independent noise is summed with w^2, v^2, w v, w^3 and v^3."""

    def __init__(self, shape: tuple[int, ...], weights: Weights) -> None:
        from scipy import fft

        self.shape = shape
        # what lies further off than the image is long never meets it
        reach = tuple(min(n - 1, h) for n, h in zip(shape, weights.reach, strict=True))
        self.wide = [fft.next_fast_len(n + h, real=True) for n, h in zip(shape, reach, strict=True)]
        self.kernels = _kernel_spectra(weights, reach, (self.wide[0], self.wide[1]))

    def __call__(self, image: np.ndarray, which: Iterable[int]) -> list[np.ndarray]:
        from scipy import fft

        spectrum = fft.rfft2(image.astype(np.float32), self.wide, workers=2)
        stop_if_asked()
        sums = (fft.irfft2(spectrum * self.kernels[i], self.wide, workers=2) for i in which)
        return [s[: self.shape[0], : self.shape[1]] for s in sums]


def combined(scores: list[np.ndarray]) -> np.ndarray:
    """One z from independent normal scores, the first of which decides with the second on the sign.

    The sum of their squares is chi-squared with as many degrees of freedom. The result is N(0, 1)
    if they are.
    """
    from scipy import special

    squares = sum(s.astype(np.float64) ** 2 for s in scores)
    with np.errstate(under="ignore"):
        magnitude = -special.ndtri(special.chdtrc(len(scores), squares) / 2)
    sign = np.where(sum(scores) < 0, -1, 1)
    result: np.ndarray = (sign * np.minimum(magnitude, _LARGEST)).astype(np.float32)
    return result


def p_value(z: np.ndarray) -> np.ndarray:
    """Two-sided p-value of z."""
    from scipy import special

    result: np.ndarray = 2 * special.ndtr(-np.abs(np.asarray(z, np.float64)))
    return result


def supported(z: np.ndarray, halves: np.ndarray | None) -> np.ndarray:
    """(N,) whether the data support each column.

    They do not where they contradict it, at a false discovery rate of 5 % over all columns, nor
    where none of the images made from either half of the data shows it.
    """
    from scipy.stats import false_discovery_control

    p, result = p_value(z), np.ones(len(z), bool)
    valid = np.isfinite(p)
    if valid.any():
        result[valid] = false_discovery_control(p[valid]) >= FALSE_DISCOVERIES
    return result if halves is None else result & (np.asarray(halves) != 0)


def normal_score(residual: Any, variance: Any, third: Any) -> Any:
    """Normal score of a weighted sum of Poisson counts.

    Parameters
    ----------
    residual
        The sum less its expectation.
    variance, third
        Its second and third cumulants.
    """
    plain = residual / np.sqrt(variance)
    skewness = third / variance**1.5
    safe = np.where(np.abs(skewness) > 1e-4, skewness, 1.0)
    power = 1.5 / safe * (np.cbrt(np.maximum(1 + safe * plain, 0)) ** 2 - 1) + safe / 6
    return np.where(np.abs(skewness) > 1e-4, power, plain)


def _scores(s1: Any, s2: Any, v11: Any, v22: Any, v12: Any, k1: Any, k2: Any) -> tuple[Any, Any]:
    """Scores from the sums of w r, v r, w^2 x, v^2 x, w v x, w^3 x and v^3 x; 0 without data."""
    held = v11 > _NOTHING * np.max(v11, initial=0.0)
    v11, v22 = np.where(held, v11, 1.0), np.where(held, np.maximum(v22, _TINY), 1.0)
    first, second = normal_score(s1, v11, k1), normal_score(s2, v22, k2)
    # where the expectation is uneven, the sums are a little correlated
    rho = np.clip(v12 / np.sqrt(v11 * v22), -0.99, 0.99)
    second = (second - rho * first) / np.sqrt(1 - rho**2)
    return np.where(held, first, 0.0), np.where(held, second, 0.0)


def _believable(expected: np.ndarray) -> np.ndarray:
    """Expectations without the undershoots of a denoiser, zero where there are no data."""
    held = expected != 0
    least = _FLOOR * abs(expected[held].mean()) if held.any() else 0.0
    return np.where(held, np.maximum(expected, least), 0)


@lru_cache(maxsize=4)
def _kernel_spectra(
    weights: Weights, reach: tuple[int, ...], shape: tuple[int, int]
) -> list[np.ndarray]:
    from scipy import fft

    (w, v), (sw, sv) = weights.patches()
    kernels = w, v, sw * sw, sv * sv, sw * sv, sw**3, sv**3
    spectra = []
    for kernel in kernels:
        wide = np.zeros(shape, np.float32)
        (cy, cx), (ry, rx) = (n // 2 for n in kernel.shape), reach
        wide[: 2 * ry + 1, : 2 * rx + 1] = kernel[cy - ry : cy + ry + 1, cx - rx : cx + rx + 1]
        # the kernels are even, so their spectra are real
        spectra.append(fft.rfft2(np.roll(wide, (-ry, -rx), (0, 1)), workers=2).real)
    return spectra
