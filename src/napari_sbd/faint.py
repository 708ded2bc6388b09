"""Faint columns: extrema where the lattice of stronger ones goes on.

A threshold that is a share of the typical column of an image misses the thin rim of a particle and
a light crystal beside a heavy one. What such columns have in common is local: each lies where two
others predict it, keeps their distance, is about as round as they are, and not much weaker.
"""

from __future__ import annotations

import numpy as np

_FAINTEST = 0.25  # of the threshold
_OF_THE_RIM = 0.4  # of the threshold, where columns lie on one side only
_APART, _BESIDE = 0.7, 1.4  # spacings to the next column
_IN_A_ROW = 0.15  # spacings: how far it may be from where two others predict it
_AROUND, _OPEN = 1.8, 135.0  # spacings within which no column lies on one side; degrees of that
_ROUND, _AS_ROUND = 0.62, 0.5  # enough roundness, and enough of that of the strong columns
_TEXTURE, _ENOUGH = 1.6, 10  # of the median response of the extrema left, which is chance; number
_MOST_STEPS = 30  # columns, from the strong ones outwards
_NEIGHBOURS = 8


def continued(
    points: np.ndarray,
    strength: np.ndarray,
    roundness: np.ndarray,
    threshold: float,
    gap: float,
) -> np.ndarray:
    """(N,) which of the weak extrema continue the lattice of the strong ones, step by step.

    Parameters
    ----------
    points
        (N, 2) y, x [px].
    strength
        (N,) response, 1 for a typical column of the image.
    roundness
        (N,) smaller over larger curvature.
    threshold
        Response above which a column is strong, over the typical one; over that of the neighbours
        for weak ones.
    gap
        Spacing of the strong columns [px].
    """
    strong, faint = strength > threshold, np.zeros(len(points), bool)
    if not np.isfinite(gap):
        return faint
    least = min(_ROUND, _AS_ROUND * float(np.median(roundness[strong])))
    left = ~strong & (roundness > least) & (strength > _FAINTEST * threshold)
    for _ in range(_MOST_STEPS):
        known = strong | faint
        index = np.flatnonzero(left & ~known)
        index = index[np.argsort(-strength[index], kind="stable")]
        share = strength[index] / threshold
        fits = _fits(points[index], share, points[known], strength[known], gap)
        new = _apart(points[index[fits]], _APART * gap)
        if not len(new):
            break
        faint[index[fits][new]] = True
    return faint & (strength > _texture(points, strength, strong | faint, gap))


def _fits(
    points: np.ndarray, share: np.ndarray, known: np.ndarray, strength: np.ndarray, gap: float
) -> np.ndarray:
    """(n,) which points lie where known columns predict one, and are not much weaker than they.

    ``share`` is the points' response over the threshold, ``strength`` that of the known ones.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(known)
    count = list(range(1, min(_NEIGHBOURS, len(known)) + 1))
    distance, index = tree.query(points, count, distance_upper_bound=_AROUND * gap)
    fits: np.ndarray = (distance[:, 0] > _APART * gap) & (distance[:, 0] < _BESIDE * gap)
    for n in np.flatnonzero(fits):
        there = np.isfinite(distance[n])
        beside = distance[n, there] < _BESIDE * gap
        around, level = known[index[n, there]] - points[n], strength[index[n, there]]
        # one more after two in a row, or the one between two
        predicted = np.concatenate([2 * around[beside], -around[beside]]) + points[n]
        needed = _OF_THE_RIM if _open_side(around) > _OPEN else 1.0
        fits[n] = tree.query(predicted)[0].min() < _IN_A_ROW * gap and share[
            n
        ] > needed * np.median(level[beside])
    return fits


def _texture(points: np.ndarray, strength: np.ndarray, known: np.ndarray, gap: float) -> float:
    """The response that chance reaches, away from all columns."""
    from scipy.spatial import cKDTree

    rest = ~known
    rest[rest] = cKDTree(points[known]).query(points[rest])[0] > _BESIDE * gap
    return _TEXTURE * float(np.median(strength[rest])) if rest.sum() >= _ENOUGH else 0.0


def _apart(points: np.ndarray, least: float) -> list[int]:
    """Those that are so far from all before them."""
    chosen: list[int] = []
    for n, point in enumerate(points):
        if not chosen or np.hypot(*(points[chosen] - point).T).min() >= least:
            chosen.append(n)
    return chosen


def _open_side(around: np.ndarray) -> float:
    """Widest angle [degrees] between directions (n, 2) that follow each other."""
    angle = np.sort(np.degrees(np.arctan2(*around.T)))
    return float(np.diff(np.append(angle, angle[0] + 360)).max())
