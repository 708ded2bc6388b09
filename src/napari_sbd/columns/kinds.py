"""Kinds of columns by their intensity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

_NARROWEST = 0.1  # of the widest distribution
_FEWEST = 2.5  # columns of a species; one or two are outliers of another


def species(intensity: np.ndarray, most: int = 3) -> np.ndarray:
    """Sort columns into species by their intensity.

    A mixture of one to ``most`` normal distributions is fitted by expectation maximisation; the
    number with the lowest Bayesian information criterion (Schwarz 1978) counts, of those in which
    each distribution is the likeliest one at its mean and has three columns or more. Species are
    parted between the means of neighbours, where one becomes likelier than the other.

    Parameters
    ----------
    intensity
        (N,), or any other values; where most are negative, as of dark columns, the most negative
        are the strongest.
    most
        Species at most.

    Returns
    -------
    (N,) 0 for the weakest species, 1 for the next, ...; -1 where the intensity is NaN.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> kinds = sbd.species(np.concatenate([rng.normal(10, 1, 50), rng.normal(30, 1, 50)]))
    >>> np.bincount(kinds).tolist()
    [50, 50]
    """
    values = np.asarray(intensity, float)
    label = np.full(len(values), -1)
    valid = np.isfinite(values)
    if not valid.any():
        return label
    data = values[valid]
    data = sign_of(data) * data
    best = found = _mixture(data, *_even(data, 1))
    for count in range(2, most + 1):
        if len(data) < 10 * count:
            break
        # from even shares alone, two kinds far apart are at times taken for one
        starts = [_even(data, count), *(_split(found, n) for n in range(count - 1))]
        fits = [_mixture(data, *start) for start in starts]
        found = min(fits, key=lambda fit: fit.bic)
        parted = [
            fit for fit in fits if fit.limits is not None and fit.weight.min() * len(data) > _FEWEST
        ]
        best = min([best, *parted], key=lambda fit: fit.bic)
    kind: np.ndarray = np.searchsorted([] if best.limits is None else best.limits, data)
    label[valid] = np.unique(kind, return_inverse=True)[1]
    return label


def sign_of(values: np.ndarray) -> float:
    """-1 where most values are negative, as intensities of dark columns are; else 1."""
    held = values[np.isfinite(values)]
    return -1.0 if len(held) and np.median(held) < 0 else 1.0


@dataclass(frozen=True, eq=False)
class _Mixture:
    """Normal distributions: means, widths and weights (n,), and the Bayesian information
    criterion."""

    mean: np.ndarray
    width: np.ndarray
    weight: np.ndarray
    bic: float

    @cached_property
    def limits(self) -> np.ndarray | None:
        """(n - 1,) values from which on the next higher distribution is the likelier one, each
        between two means; None where one is likelier at the means of both, as of a narrow one
        inside a wide one."""
        from scipy.optimize import brentq

        def lower(value: float, one: int, other: int) -> float:
            log = np.log(self.weight / self.width) - ((value - self.mean) / self.width) ** 2 / 2
            return float(log[one] - log[other])

        found = []
        for one, other in pairwise(np.argsort(self.mean)):
            ends = self.mean[[one, other]]
            if not lower(ends[0], one, other) > 0 > lower(ends[1], one, other):
                return None
            found.append(brentq(lower, *ends, args=(one, other)))
        return np.array(found)


def _even(data: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    """Means, widths and weights of distributions that share the values evenly."""
    mean = np.quantile(data, (np.arange(count) + 0.5) / count)
    width = np.full(count, max(float(data.std()) / count, _least_width(data)))
    return mean, width, np.full(count, 1 / count)


def _split(fit: _Mixture, part: int) -> tuple[np.ndarray, ...]:
    """The same of a mixture with one of its distributions in two."""
    mean, width, weight = (np.append(v, v[part]) for v in (fit.mean, fit.width, fit.weight))
    mean[[part, -1]] += width[part] * np.array([-1, 1])
    width[[part, -1]] /= 2
    weight[[part, -1]] /= 2
    return mean, width, weight


def _least_width(data: np.ndarray) -> float:
    return max(1e-3 * float(np.ptp(data)), 1e-12 * float(np.abs(data).max()), 1e-300)


def _mixture(data: np.ndarray, mean: np.ndarray, width: np.ndarray, weight: np.ndarray) -> _Mixture:
    least = _least_width(data)
    for _ in range(200):
        z = (data[:, None] - mean) / width
        log = np.log(weight) - np.log(width) - z**2 / 2
        top = log.max(1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(log - top).sum(1))
        share = np.exp(log - total[:, None])
        size = share.sum(0) + 1e-9
        mean = (share * data[:, None]).sum(0) / size
        width = np.sqrt((share * (data[:, None] - mean) ** 2).sum(0) / size) + least
        width = np.maximum(width, _NARROWEST * width.max())
        weight = size / size.sum()
    bic = -2 * total.sum() + (3 * len(mean) - 1) * np.log(len(data))
    return _Mixture(mean, width, weight, float(bic))
