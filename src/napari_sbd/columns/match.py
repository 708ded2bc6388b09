"""Two sets of columns compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SBDError

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.27  # of the spacing of the reference; the SBD paper's 10 px, scale-free


@dataclass(frozen=True)
class Comparison:
    """How well found columns agree with a reference.

    Parameters
    ----------
    matched, n_reference, n_found
        Numbers of columns: pairs, in the reference, found.
    precision, recall, f1, jaccard
        0 to 1; NaN where a denominator is zero.
    rmse
        Root mean square distance of the pairs [px].
    intensity_bias, intensity_rmse
        Mean and root mean square of found / reference - 1 over the pairs; NaN without intensities.
    tolerance
        Largest distance of a pair [px].
    pairs
        (n, 2) row numbers in the reference and among the found ones.
    surface
        The same for the surface columns of both alone; None where they are not flagged.
    """

    matched: int
    n_reference: int
    n_found: int
    precision: float
    recall: float
    f1: float
    jaccard: float
    rmse: float
    intensity_bias: float
    intensity_rmse: float
    tolerance: float
    pairs: np.ndarray
    surface: Comparison | None = None


def compare_columns(
    reference: pd.DataFrame | np.ndarray,
    found: pd.DataFrame | np.ndarray,
    tolerance: float | None = None,
) -> Comparison:
    """Match two sets of columns one to one.

    Of all ways to pair columns no farther apart than the tolerance, the one with most pairs counts
    and, among those, the one with the smallest sum of squared distances.

    Parameters
    ----------
    reference, found
        Tables with ``y``, ``x`` [px], perhaps ``surface`` and ``intensity``; or arrays (N, 2).
    tolerance
        Pixels; by default 0.27 of the median nearest-neighbour distance of the reference.

    Raises
    ------
    SBDError
        If positions are missing or the tolerance cannot be derived.

    Examples
    --------
    >>> found = sbd.find_columns(noisy, denoised)
    >>> match = sbd.compare_columns(phantom.columns[:, :2], found)
    >>> match.recall > 0.9
    True
    """
    a, b = positions(reference), positions(found)
    limit = _tolerance(a, tolerance)
    whole = _compare(reference, found, a, b, limit)
    on_a, on_b = (_column(t, "surface") for t in (reference, found))
    if on_a is None or on_b is None:
        return whole
    on_a, on_b = on_a.astype(bool), on_b.astype(bool)
    part = _compare(reference[on_a], found[on_b], a[on_a], b[on_b], limit)
    return Comparison(**{**vars(whole), "surface": part})


def compare_columns_many_to_one(
    reference: pd.DataFrame | np.ndarray,
    found: pd.DataFrame | np.ndarray,
    tolerance: float | None = None,
) -> Comparison:
    """Score as the demonstration of the SBD paper does: not one to one.

    A column of the reference counts as recovered where any found one lies within the tolerance, a
    found one as spurious where none of the reference does; so two found ones can share one of the
    reference without a penalty, and ``f1`` can exceed that of ``compare_columns``. Precision is
    recovered / found, which may exceed 1.

    Parameters
    ----------
    reference, found, tolerance
        As in ``compare_columns``.

    Examples
    --------
    >>> true = np.array([[10, 10], [10, 12], [40, 40]])
    >>> found = np.array([[10, 11], [40, 40]])  # two close ones as one
    >>> match = sbd.compare_columns_many_to_one(true, found, tolerance=5.0)
    >>> match.matched, match.recall
    (3, 1.0)
    """
    from scipy.spatial import cKDTree

    a, b = positions(reference), positions(found)
    limit = _tolerance(a, tolerance)
    if not len(a) or not len(b):
        return _scores(0, len(a), len(b), len(b), limit, np.zeros((0, 2), int))
    distance, partner = cKDTree(b).query(a)
    recovered = distance <= limit
    spurious = int((cKDTree(a).query(b)[0] > limit).sum())
    pairs = np.column_stack([np.flatnonzero(recovered), partner[recovered]])
    return _scores(
        int(recovered.sum()), len(a), len(b), spurious, limit, pairs, distance[recovered]
    )


def positions(table: pd.DataFrame | np.ndarray) -> np.ndarray:
    """(N, 2) y, x [px] of a table or an array.

    Raises
    ------
    SBDError
        If there are none.
    """
    if hasattr(table, "columns"):
        if not {"y", "x"} <= set(table.columns):
            raise SBDError("A table of atomic columns needs the columns y and x.")
        return np.asarray(table[["y", "x"]], float)
    points = np.asarray(table, float)
    if points.size == 0:
        return np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        raise SBDError(f"Positions are an array (N, 2) of y and x, not {points.shape}.")
    return points


def match(a: np.ndarray, b: np.ndarray, limit: float) -> np.ndarray:
    """(n, 2) indices of the best one-to-one pairs of points no farther apart than the limit."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if not len(a) or not len(b):
        return np.zeros((0, 2), int)
    near = cKDTree(a).sparse_distance_matrix(cKDTree(b), limit, output_type="coo_matrix")
    i, j, d = near.row, near.col, near.data
    # points that cannot be paired with each other do not matter to each other
    size = len(a) + len(b)
    graph = coo_matrix((np.ones(len(i)), (i, j + len(a))), shape=(size, size))
    label = connected_components(graph, directed=False)[1][i]
    order = np.argsort(label, kind="stable")
    pairs = []
    for edges in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        if len(edges) < 2:
            pairs += [(i[e], j[e]) for e in edges]
            continue
        rows, r = np.unique(i[edges], return_inverse=True)
        columns, c = np.unique(j[edges], return_inverse=True)
        unpaired = limit**2 * (1 + len(edges))  # dearer than any saving in distance
        cost = np.full((len(rows), len(columns)), unpaired)
        cost[r, c] = d[edges] ** 2
        u, v = linear_sum_assignment(cost)
        pairs += [(rows[p], columns[q]) for p, q in zip(u, v, strict=True) if cost[p, q] < unpaired]
    return np.array(pairs, int).reshape(-1, 2)


def _tolerance(reference: np.ndarray, tolerance: float | None) -> float:
    from .lattice import spacing

    if tolerance is not None:
        if not 0 < tolerance < np.inf:
            raise SBDError(f"The tolerance is a positive number of pixels, not {tolerance}.")
        return float(tolerance)
    if len(reference) < 2:
        raise SBDError("The reference holds fewer than two columns; give the tolerance in pixels.")
    return TOLERANCE * spacing(reference)


def _column(table, name: str) -> np.ndarray | None:
    return table[name].to_numpy() if name in getattr(table, "columns", ()) else None


def _compare(reference, found, a, b, limit) -> Comparison:
    pairs = match(a, b, limit)
    distance = np.hypot(*(a[pairs[:, 0]] - b[pairs[:, 1]]).T)
    intensities = [_column(t, "intensity") for t in (reference, found)]
    ratio = None
    if intensities[0] is not None and intensities[1] is not None:
        ratio = intensities[1][pairs[:, 1]] / intensities[0][pairs[:, 0]] - 1
    return _scores(len(pairs), len(a), len(b), len(b) - len(pairs), limit, pairs, distance, ratio)


def _scores(hits, n_reference, n_found, spurious, limit, pairs, distance=(), ratio=None):
    missed = n_reference - hits

    def share(part: float, whole: float) -> float:
        return part / whole if whole else float("nan")

    def mean(values) -> float:
        return float(np.mean(values)) if values is not None and len(values) else float("nan")

    return Comparison(
        matched=hits,
        n_reference=n_reference,
        n_found=n_found,
        precision=share(hits, n_found),
        recall=share(hits, n_reference),
        f1=share(2 * hits, 2 * hits + spurious + missed),
        jaccard=share(hits, hits + spurious + missed),
        rmse=mean(np.square(distance)) ** 0.5,
        intensity_bias=mean(ratio),
        intensity_rmse=mean(None if ratio is None else ratio**2) ** 0.5,
        tolerance=limit,
        pairs=pairs,
    )
