"""Where one denoised image lies on another.

The whole pixel is found by the likelihood of the counts, given the denoised template, with a prior
about the predicted place; its fraction by the denoised image itself, which is a little more exact.
A lattice on its own matches equally well one period further; there the prior decides, while a
particle's outline, a surface or a defect overrules it.
"""

from __future__ import annotations

import numpy as np

from ..frames import mean_filled

_LEAST_SEEN = 0.4  # of the template's contrast
_ITERATIONS = 4


def register(
    image: np.ndarray,
    counts: np.ndarray,
    level: float,
    template: np.ndarray,
    predicted: np.ndarray,
    jitter: float,
    reach: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the shift d for which ``image[x + d]`` is ``template[x]``.

    Parameters
    ----------
    image, counts
        (h, w) denoised image and its counts, NaN where there are no data.
    level
        Standard deviation of the noise of the counts.
    template
        (h, w) denoised.
    predicted
        (2,) y, x: where the shift is expected [px].
    jitter
        Standard deviation of the shift about the prediction [px].
    reach
        Largest distance from the prediction along each axis [px].

    Returns
    -------
    shift : (2,) y, x [px]
    information : (2, 2) sum of the products of slopes, in squared values per px^2. Divided by the
        variance of the counts it is the Fisher information about the shift. Zero where nothing
        tells the shift.
    """
    start = np.round(predicted).astype(int)
    cost = _match(counts, level, template, start, reach)
    y, x = np.indices(cost.shape) - reach
    off = (y + start[0] - predicted[0]) ** 2 + (x + start[1] - predicted[1]) ** 2
    cost += off / (2 * jitter**2)
    best = np.unravel_index(np.argmin(cost), cost.shape)
    return _refine(image, template, start + np.array(best) - reach)


def moved(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``image[x + shift]`` by cubic splines, (h, w); NaN beyond its edges and near missing data."""
    from scipy.ndimage import shift as spline

    if not np.any(shift):
        return image
    missing = np.isnan(image)
    if not missing.any():
        result: np.ndarray = spline(image, -shift, order=3, cval=np.nan, prefilter=True)
        return result
    whole = spline(mean_filled(image), -shift, order=3, cval=np.nan)
    lost = spline(missing.astype(float), -shift, order=1, cval=1.0) > 1e-3
    return np.where(lost, np.nan, whole)


def _match(
    counts: np.ndarray, level: float, template: np.ndarray, start: np.ndarray, reach: int
) -> np.ndarray:
    """(2 reach + 1, 2 reach + 1) minus the log likelihood of the shifts about ``start``.

    Relative to that of the template's mean everywhere, and as if the whole template were in view:
    a vacuum that leaves the field counts for nothing, and neither does a part of a lattice.
    """
    from scipy import fft

    mean = np.nanmean(template)
    held = np.isfinite(counts)
    a = np.where(held, counts - mean, 0)
    b = np.where(np.isfinite(template), template - mean, 0)
    pairs = zip(counts.shape, start, strict=True)
    size = [fft.next_fast_len(n + reach + abs(int(s)), real=True) for n, s in pairs]

    def correlate(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(fft.irfft2(fft.rfft2(x, size) * fft.rfft2(y, size).conj(), size))

    seen, total = correlate(held.astype(float), b**2), float((b**2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = total * (1 - 2 * correlate(a, b) / seen)
    cost[seen <= _LEAST_SEEN * total] = np.inf
    rows, columns = (
        (np.arange(-reach, reach + 1) + s) % n for s, n in zip(start, size, strict=True)
    )
    return np.asarray(cost[np.ix_(rows, columns)] / (2 * max(level**2, 1e-30)))


def _refine(
    image: np.ndarray, template: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Newton from a whole-pixel shift; within one pixel of it."""
    start, d = shift.astype(float), shift.astype(float)
    information = np.zeros((2, 2))
    for _ in range(_ITERATIONS):
        here = moved(image, d)
        slope = np.stack(np.gradient((here + template) / 2))
        residual = template - here
        good = np.isfinite(slope).all(0) & np.isfinite(residual)
        slope, residual = np.where(good, slope, 0), np.where(good, residual, 0)
        information = np.einsum("iyx,jyx->ij", slope, slope)
        if not good.any() or np.linalg.cond(information) > 1e8:
            return start, np.zeros((2, 2))
        step = np.linalg.solve(information, (slope * residual).sum((1, 2)))
        d = start + np.clip(d + step - start, -1, 1)
        if np.abs(step).max() < 1e-3:
            break
    return d, information
