"""Where peaks of a profile may be: clear maxima, even ones, and those that the noise hides."""

from __future__ import annotations

import numpy as np

_LIKELY = 4.0  # prominence over the error of the profile, of what is fitted to see
_SCALES = 0.0, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6  # samples over which means are taken
_SHORTEST, _FEWEST = 3.0, 3.0  # samples of a period; periods of a comb
_LOW = 0.5  # height over the usual one, of what stands out of the fit
_TOGETHER = 3.0  # standard deviations of the height of all peaks that are hidden
_PARTS = 5  # of the shortest gap that are looked for
_WIDEST = 0.25  # of a period, peaks that stand apart


def tops(
    values: np.ndarray, known: np.ndarray, share: float, covariance: np.ndarray | None
) -> np.ndarray:
    """Places of clear maxima; with known noise at the scale that shows most of them.

    Single samples of a faint profile hide what means over the width of a peak show clearly.

    Parameters
    ----------
    values
        (n,).
    known
        (n,) bool: where there are values.
    share
        Of the range, by which maxima stand out.
    covariance
        Of the known values; None where their noise is not known, or is not what hides them.
    """
    from scipy.signal import find_peaks as local_maxima

    step = np.subtract.outer(np.arange(len(values)), np.flatnonzero(known))
    best = np.zeros(0, int)
    for scale in (0.0,) if covariance is None else _SCALES:
        weight = (step == 0).astype(float) if scale == 0 else bells(step, scale)
        weight = weight[known] / weight[known].sum(1, keepdims=True)
        smooth = weight @ values[known]
        least = share * float(np.ptp(smooth))
        if covariance is not None:  # of a top less a saddle
            error = float(np.sqrt(((weight @ covariance) * weight).sum(1).max()))
            least = max(least, _LIKELY * np.sqrt(2) * error)
        shown = np.full(len(values), -np.inf)
        # of two tops as high as each other, as whole numbers of counts often are, one is the peak
        shown[known] = smooth + 1e-9 * np.ptp(smooth) * np.linspace(0, 1, len(smooth))
        found, _ = local_maxima(shown, prominence=least)
        if len(found) > len(best):
            best = found
    return best


def bells(apart: np.ndarray, width: float) -> np.ndarray:
    """Gaussians of height 1 at distances from their middles."""
    result: np.ndarray = np.exp(-((apart / width) ** 2) / 2)
    return result


def comb(t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Places of the crests of the strongest period of a profile; none where it has none.

    Where the noise hides most peaks, those that it lifts are no start for a fit, but all together
    show their period.

    Parameters
    ----------
    t, values
        (n,), t rising in even steps but for gaps.
    """
    from scipy.signal import detrend

    length, step = float(np.ptp(t)), float(np.median(np.diff(t)))
    window = np.hanning(len(t) + 2)[1:-1]
    tried = np.arange(_FEWEST / length, 1 / (_SHORTEST * step), 1 / (4 * length))
    if not len(tried):
        return t[:0]
    waves = np.exp(-2j * np.pi * np.outer(tried, t)) @ (window * detrend(values))
    best = int(np.argmax(np.abs(waves)))
    period, phase = 1 / tried[best], -float(np.angle(waves[best])) / (2 * np.pi)
    first, last = np.ceil(t[0] / period - phase), np.floor(t[-1] / period - phase)
    result: np.ndarray = (np.arange(first, last + 1) + phase) * period
    return result


def with_hidden(
    t: np.ndarray, values: np.ndarray, lower: np.ndarray, places: np.ndarray, width: float
) -> np.ndarray:
    """Peaks with those between them that each alone is hidden by the noise, but all are not.

    Of faint peaks the noise lifts a few, which are then whole numbers of periods apart. So each gap
    is parted by a fraction of the shortest one, and all places between are given one height.
    """
    from scipy.linalg import solve_triangular

    gaps = np.diff(places)
    best, found = _TOGETHER, places
    for parts in range(1, _PARTS + 1):
        period = float(gaps.min()) / parts
        number = np.maximum(np.rint(gaps / period).astype(int), 1)
        if period < 2 * width and parts > 1:
            break
        between = [
            start + gap * np.arange(1, n) / n
            for start, gap, n in zip(places[:-1], gaps, number, strict=True)
        ]
        hidden = np.concatenate(between)
        if not len(hidden):
            continue
        sigma = min(width, _WIDEST * period)
        all_hidden, seen = (bells(np.subtract.outer(t, at), sigma) for at in (hidden, places))
        terms = np.column_stack([all_hidden.sum(1), seen, np.ones_like(t), t - t.mean()])
        terms = solve_triangular(lower, terms, lower=True)
        inverse = np.linalg.pinv(terms.T @ terms)
        height = inverse @ terms.T @ solve_triangular(lower, values, lower=True)
        usual = float(np.median(height[1 : 1 + len(places)]))
        surely = float(height[0] / np.sqrt(inverse[0, 0]))
        if surely > best and height[0] > _LOW * usual:
            best, found = surely, np.sort(np.concatenate([places, hidden]))
    return found


def apart(
    ends: np.ndarray, strength: np.ndarray, places: np.ndarray, others: np.ndarray, reach: float
) -> np.ndarray:
    """The strongest places between two ends, neither within reach of each other nor of others."""
    left = (places > ends[0]) & (places < ends[1]) & (strength > 0)
    left &= (np.abs(places[:, None] - others) > reach).all(1)
    chosen = []
    while left.any():
        chosen.append(places[np.argmax(np.where(left, strength, 0.0))])
        left &= np.abs(places - chosen[-1]) > reach
    return np.array(chosen)
