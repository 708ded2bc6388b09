"""The cell of a lattice: the shortest vectors that repeat columns."""

from __future__ import annotations

import numpy as np

from ..spots import spacing

_NEAR = 0.15  # of the spacing: how far a column may be from where the lattice has it
_BETWEEN = 0.2  # share of columns with neighbours at a vector that have them on both sides
_FEWEST = 8  # columns that can show a lattice


def lattice_vectors(points: np.ndarray) -> np.ndarray | None:
    """Two shortest vectors that repeat the columns.

    A vector counts if columns have a partner at it nearly as often as at the most frequent one, so
    that a crystal with several columns in its cell gives the cell and not the nearest neighbours.

    Parameters
    ----------
    points
        (N, 2) y, x; the largest crystal among them decides.

    Returns
    -------
    (2, 2) rows a and b as (y, x), at 60 to 90 degrees to each other, a the one nearer to the x
    axis; None where nothing repeats.
    """
    from scipy.spatial import cKDTree

    if len(points) < _FEWEST:
        return None
    near = _NEAR * spacing(points)
    reach = 4.2 * spacing(points)
    pairs = cKDTree(points).query_pairs(reach, output_type="ndarray")
    if len(pairs) > 2_000_000:
        pairs = pairs[:: len(pairs) // 2_000_000 + 1]
    steps = points[pairs[:, 1]] - points[pairs[:, 0]]
    steps = steps * np.where((steps[:, :1] > 0) | ((steps[:, :1] == 0) & (steps[:, 1:] > 0)), 1, -1)
    both = np.vstack([steps, -steps])
    tree = cKDTree(both)
    some = steps[np.linspace(0, len(steps) - 1, min(len(steps), 3000)).astype(int)]
    count = tree.query_ball_point(some, near, return_length=True)
    candidates: list[tuple[np.ndarray, int]] = []
    while (count > 0.5 * count.max(initial=1)).any() and len(candidates) < 12 and count.max() > 3:
        best = some[np.argmax(count)]
        centre = both[tree.query_ball_point(best, near)].mean(0)
        votes = tree.query_ball_point(centre, near, return_length=True)
        candidates.append((centre, votes))
        taken = np.minimum(np.hypot(*(some - centre).T), np.hypot(*(some + centre).T)) < 2 * near
        count = np.where(taken, 0, count)
    if not candidates:
        return None
    most = max(v for _, v in candidates)
    good = sorted((c for c, v in candidates if v > 0.6 * most), key=lambda c: float(np.hypot(*c)))
    # of pairs, such as dumbbells, no column is the middle one of three
    places = cKDTree(points)
    beside = [[places.query(points + side * c)[0] < near for side in (1, -1)] for c in good]
    between = [float((one & other).sum() / (one | other).sum()) for one, other in beside]
    rows = [c for c, share in zip(good, between, strict=True) if share > _BETWEEN]
    for chosen in (rows, good):
        second = next((c for c in chosen[1:] if abs(sine_between(chosen[0], c)) > 0.3), None)
        if second is not None:
            return reduced(chosen[0], second)
    return None


def sine_between(a: np.ndarray, b: np.ndarray) -> float:
    """Sine of the angle from one vector to another."""
    return float((a[0] * b[1] - a[1] * b[0]) / (np.hypot(*a) * np.hypot(*b)))


def reduced(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Gauss reduction, angle of 60 to 90 degrees, the vector nearer to the x axis first."""
    for _ in range(20):
        if a @ a > b @ b:
            a, b = b, a
        shift = np.rint(a @ b / (a @ a))
        if shift == 0:
            break
        b = b - shift * a
    if abs(a[0] / np.hypot(*a)) > abs(b[0] / np.hypot(*b)):
        a, b = b, a
    a = a if a[1] > 0 else -a
    return np.array([a, b if a @ b >= 0 else -b])
