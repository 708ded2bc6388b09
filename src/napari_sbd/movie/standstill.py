"""How far frames of a movie differ by more than noise and drift.

Where two frames show the same scene, their difference holds noise alone. Where that is independent
from pixel to pixel, the products of neighbouring pixels of the difference are zero in the mean, as
large as the noise may be; anything that turns, comes or goes leaves neighbours alike.
"""

from __future__ import annotations

import numpy as np

from .. import sampling
from .correct import rolled
from .windows import Seen, Windows

_CLEAR = 2.0  # standard errors, from which drift may be the reason


def change(windows: Windows, number: int, others: range) -> float:
    """How far one frame differs from others by more than noise and drift, in standard errors.

    Parameters
    ----------
    windows
        Of a movie whose noise is white.
    number
        Of the frame, which is seen.
    others
        Numbers of those that it is compared with; blank ones are left out. Infinite without any.
    """
    here = windows.seen(number)
    assert here is not None
    held = {t: seen for t in others if t != number and (seen := windows.seen(t)) is not None}
    if not held:
        return np.inf
    found = _alike([_apart(here, seen, np.zeros(2, int)) for seen in held.values()])
    if found < _CLEAR:
        return found
    apart = []
    for t, seen in held.items():
        way = windows.way(number, t)
        if way is None:  # a cut
            return found
        apart.append(_apart(here, seen, np.round(way * here.block).astype(int)))
    return min(found, _alike(apart))


def _apart(here: Seen, other: Seen, move: np.ndarray) -> np.ndarray:
    """(H, W) block sums of another frame less those of this one, zero where one has no data."""
    values = rolled(other.values, move) if move.any() else other.values
    sums = (sampling.bin_counts(values, other.block) - other.dark) / other.brightness
    apart = sums * here.brightness - (here.sums() - here.dark)
    held = np.isfinite(apart)
    result: np.ndarray = np.where(held, apart - apart[held].mean(), 0) if held.any() else 0 * sums
    return result


def _alike(apart: list[np.ndarray]) -> float:
    """How far neighbouring pixels of differences (H, W) are alike, in standard errors."""
    products = [np.zeros(0)]
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        total = np.sum([d[dy:] * np.roll(d, (dy, dx), (0, 1))[dy:] for d in apart], 0)
        products.append(np.ravel(total[..., max(dx, 0) :][..., : total.shape[-1] + min(dx, 0)]))
    every = np.concatenate(products)
    return float(every.sum() / (np.sqrt((every**2).sum()) or 1.0))
