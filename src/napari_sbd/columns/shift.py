"""How far all columns moved together between two frames, lattice periods resolved.

A lattice shifted by one of its periods looks like itself, but for its outline: columns that should
be there are missing on one side. Where there is no outline, as in a crystal that fills the frame,
the movement so far decides, and without one the smallest shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_REACH = 3.2  # spacings about the expected shift that are tried
_CELL = 0.25  # spacings: how finely shifts are told apart at first
_NEAR = 0.3  # spacings: how far a column may be from where the shift has it
_MOST = 40  # shifts that are looked at closely
_EQUAL = 2.0  # standard deviations of the share of misses, within which two shifts are as good
_CLOSE = 0.15  # spacings: by how much more the expected shift must favour one of them


@dataclass(frozen=True)
class Shift:
    """A movement of all columns.

    Parameters
    ----------
    step
        (2,) y, x [px].
    sure
        Whether no other shift is as likely.
    """

    step: np.ndarray
    sure: bool


def common_shift(
    before: np.ndarray,
    after: np.ndarray,
    gap: float,
    expected: np.ndarray,
    field: tuple[np.ndarray, np.ndarray],
) -> Shift:
    """The shift that brings most columns of one frame onto those of the next.

    Parameters
    ----------
    before, after
        (N, 2), (M, 2) y, x [px].
    gap
        Spacing of the columns [px].
    expected
        (2,) shift of the frame before, zero where there was none [px].
    field
        Lowest and highest y, x where columns can be seen: beyond, they are not missed.
    """
    if min(len(before), len(after)) < 3 or not np.isfinite(gap):
        return Shift(np.zeros(2), True)
    tried = _candidates(before, after, gap, expected)
    fits = [_fit(before, after, step, _NEAR * gap, field) for step in tried]
    steps = np.array([step for step, *_ in fits])
    misses, seen = np.array([counts for _, *counts in fits], float).T
    # the farther a shift, the fewer columns of both frames can be compared at all
    share, variance = misses / seen, (misses + 1) / seen**2
    worse = share[:, None] - share > _EQUAL * np.sqrt(variance[:, None] + variance)
    steps = steps[~worse.any(1)]
    distance = np.hypot(*(steps - expected).T)
    best = int(distance.argmin())
    others = np.hypot(*(steps - steps[best]).T) > 2 * _NEAR * gap
    rival = distance[others].min(initial=np.inf)
    return Shift(steps[best], bool(rival - distance[best] > _CLOSE * gap))


def _candidates(
    before: np.ndarray, after: np.ndarray, gap: float, expected: np.ndarray
) -> np.ndarray:
    """(n, 2) shifts that bring many columns onto others, the most frequent first; no shift too."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(before + expected).query_ball_tree(cKDTree(after), _REACH * gap)
    first = np.repeat(np.arange(len(before)), [len(p) for p in pairs])
    if not len(first):
        return np.zeros((1, 2))
    steps = after[np.concatenate([np.array(p, int) for p in pairs])] - before[first]
    cell = np.rint(steps / (_CELL * gap)).astype(int)
    cells, where, votes = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    total = np.stack([np.bincount(where.ravel(), s, len(cells)) for s in steps.T], 1)
    mean = total / votes[:, None]
    chosen: list[int] = []
    for n in np.argsort(-votes).tolist():  # the cells beside one that was chosen hold its rest
        if len(chosen) == _MOST:
            break
        if not chosen or np.abs(cells[chosen] - cells[n]).max(1).min() > 1:
            chosen.append(n)
    return np.vstack([mean[chosen], np.zeros((1, 2))])


def _fit(
    before: np.ndarray,
    after: np.ndarray,
    step: np.ndarray,
    near: float,
    field: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, int, int]:
    """The shift moved to the median of its pairs, how many columns miss their partner, and how many
    would be seen to miss it."""
    from scipy.spatial import cKDTree

    tree = cKDTree(after)
    for _ in range(2):
        distance, there = tree.query(before + step)
        paired = distance < near
        if paired.sum() < 3:
            return step, len(before) + len(after), len(before) + len(after)
        step = np.median(after[there[paired]] - before[paired], axis=0)
    distance, _ = tree.query(before + step)
    back, _ = cKDTree(before + step).query(after)
    low, high = field[0] + near, field[1] - near  # at the rim, columns come and go
    there, too = _within(before + step, low, high), _within(after - step, low, high)
    misses = (distance >= near)[there].sum() + (back >= near)[too].sum()
    return step, int(misses), max(int(there.sum() + too.sum()), 1)


def _within(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    inside: np.ndarray = np.all((points >= low) & (points <= high), axis=1)
    return inside
