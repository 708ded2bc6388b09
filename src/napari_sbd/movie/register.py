"""Where one denoised image lies on another.

The whole pixel is found by the likelihood of the counts, given the denoised template, with a prior
about the predicted place; its fraction by the denoised image itself, which is a little more exact.
A lattice on its own matches equally well one period further; there the prior decides, while a
particle's outline, a surface or a defect overrules it. Another place than the one nearest the
prediction must be likelier both on all that is in view and on the counts that both places explain:
the former errs where much leaves the frame, the latter where the template's contrast does. Both are
asked between the pixels. The odds count by what of the difference of both places is more than the
errors of the template, since these make one of two equal places likelier by chance; and where they
are less than half of what that difference promises, the template is wrong at both.
"""

from __future__ import annotations

import numpy as np

from ..micrograph.frames import mean_filled

_LEAST_SEEN = 0.4  # of the template's contrast
_ITERATIONS = 4
_RIVALS, _NEAREST = 16, 4  # places that are compared exactly: the likeliest, and the nearest ones
_PART = 0.5  # of the odds that the right place would have with a template without errors


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
    valleys, beside, depth = _valleys(cost)
    if not len(valleys):
        return _refine(image, template, start)
    places = start + valleys - reach
    far = ((places - predicted) ** 2).sum(1) / (2 * jitter**2)
    # from the nearest outwards, and on only where the data ask for it
    ranks = enumerate(np.argsort(far).tolist())
    best, *others = (k for rank, k in ranks if rank < _NEAREST or k < _RIVALS)
    found = _refine(image, template, places[best])
    view = moved(template, -found[0])
    for k in others:
        if depth[k] >= depth[best]:
            continue
        needed = far[k] - far[best]
        other = _refine(image, template, places[k], beside[k])
        rival = moved(template, -other[0])
        gained, apart = _odds(counts, level, view, rival)
        if gained > max(needed, _PART * apart / 2):  # the cheaper question first
            error = min(_error(image, template, shift) for shift, _ in (found, other)) / level**2
            if gained * (1 - error / apart) > needed:
                best, found, view = k, other, rival
    return found


def moved(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``image[x + shift]`` by cubic splines, (h, w); NaN beyond its edges and near missing data."""
    from scipy.ndimage import shift as spline

    missing = np.isnan(image)
    if missing.all() or not np.any(shift):
        return image
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


def _valleys(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, 2) pixels of the minima, the deepest first; (n, 2) where in the pixel they are, and (n,)
    how deep, by parabolas along both axes: where there is little noise, half a pixel costs more
    than a period of a lattice that happens to be of whole pixels."""
    from scipy.ndimage import minimum_filter

    places = np.argwhere((cost == minimum_filter(cost, 3, mode="nearest")) & np.isfinite(cost))
    depth = level = cost[tuple(places.T)]
    last = np.array(cost.shape) - 1
    beside = np.zeros(places.shape)
    for axis, step in enumerate(np.eye(2, dtype=int)):
        low, high = (cost[tuple(np.clip(places + s * step, 0, last).T)] for s in (-1, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            way = np.clip((low - high) / (2 * (high + low - 2 * level)), -0.5, 0.5)
            gained = way * (low - high) / 4
        told = np.isfinite(way) & np.isfinite(gained)
        beside[:, axis] = np.where(told, way, 0)
        depth = depth - np.where(told, gained, 0)
    order = np.argsort(depth)
    return places[order], beside[order], depth[order]


def _odds(
    counts: np.ndarray, level: float, best: np.ndarray, rival: np.ndarray
) -> tuple[float, float]:
    """By how much the log likelihood of the rival is above that of the best, for the same counts,
    and how far the template at the one is from that at the other, in variances of the noise.

    Those are those on which the template lies at both shifts. Which others come into view, and how
    well the template fits there, then decides nothing. Neither does which of both is nearer to a
    whole pixel: where there is little noise, half a pixel beside the right place is less likely
    than a period away.
    """
    both = np.isfinite(best) & np.isfinite(rival) & np.isfinite(counts)
    misfits = [float(((counts - view)[both] ** 2).sum()) for view in (best, rival)]
    variance = max(level**2, 1e-30)
    apart = float(((best - rival)[both] ** 2).sum())
    return (misfits[0] - misfits[1]) / (2 * variance), apart / variance


def _error(image: np.ndarray, template: np.ndarray, shift: np.ndarray) -> float:
    """Sum of the squares of what image and template differ by at a shift: of both their errors.

    Where a lattice makes two places alike, the template at the one differs from that at the other
    by its errors alone, of which there are as many, and the odds between both are chance.
    """
    return float(np.nansum((moved(image, shift) - template) ** 2))


def _refine(
    image: np.ndarray,
    template: np.ndarray,
    shift: np.ndarray,
    beside: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Newton from beside a whole-pixel shift; within one pixel of it."""
    start = shift.astype(float)
    d = start + beside
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
