"""Whole numbers that ran over the end of their range when they were written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BITS = 16, 32  # images of 8 bits fill their range
_GAP = 0.1  # of the range, at least, that no value has
_FEWEST = 10  # values; fewer may be hot pixels
_DISTINCT = 3  # among them: saturated pixels have one


@dataclass(frozen=True)
class Wrapped:
    """Values that are too large or too small by a whole range.

    Parameters
    ----------
    share
        Of all values.
    by
        How much they are too large; negative where they are too small.
    """

    share: float
    by: int


def find_wrapped(values: np.ndarray) -> Wrapped | None:
    """Find values below zero that were written without a sign, or too large ones with one.

    Such values lie at the other end of the range, beyond a gap, and the distribution goes on from
    one end to the other: most of them lie next to the end, where as many others lie beyond, and
    they reach no farther than these.

    Parameters
    ----------
    values
        Of any shape and real type, whole numbers.

    Returns
    -------
    Which; None where there are none.
    """
    if not _spans(values):
        return None
    held = np.unique(values, return_counts=True)
    there = np.isfinite(held[0])
    distinct, count = held[0][there].astype(np.float64), held[1][there]
    gap = int(np.argmax(np.diff(distinct))) + 1
    low, high = np.split(distinct, [gap])
    for size in (2.0**bits for bits in _BITS):
        for start in (0.0, -size / 2):
            if not start <= low[0] < high[-1] < start + size or high[0] - low[-1] < _GAP * size:
                continue
            # distances from the end, about which values of 0 and -1 are half a step away
            up, down = low - start + 0.5, start + size - 0.5 - high[::-1]
            counts = count[:gap], count[gap:][::-1]
            by = int(size) if start == 0 else -int(size)
            odd, usual = ((down, counts[1]), (up, counts[0]))
            if start:
                odd, usual = usual, odd
            if _goes_on(*odd, *usual):
                return Wrapped(float(odd[1].sum() / count.sum()), by)
    return None


def _spans(values: np.ndarray) -> bool:
    """Whether values fill a range from end to end, as a quick look tells."""
    held = values[np.isfinite(values)]
    if not held.size:
        return False
    span = float(held.max()) - float(held.min())
    return any((1 - _GAP) * 2.0**bits < span < 2.0**bits for bits in _BITS)


def _goes_on(
    odd: np.ndarray, odd_count: np.ndarray, usual: np.ndarray, usual_count: np.ndarray
) -> bool:
    """Whether distances of values from an end are those of one distribution across it."""
    many = odd_count.sum()
    if many < _FEWEST or len(odd) < _DISTINCT or odd[-1] > usual[-1]:
        return False
    near = odd[np.searchsorted(np.cumsum(odd_count), many / 2)]
    beyond = usual_count[usual <= near].sum()
    return bool(near <= odd[-1] / 2 and 2 * beyond >= odd_count[odd <= near].sum())
