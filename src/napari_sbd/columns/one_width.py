"""Columns so wide that nothing tells their width.

The flanks of wide columns add up to an even level, so wider columns on a lower background are the
same image: that of a cosine. A width is told where the hollows between columns are still deep.
"""

from __future__ import annotations

import numpy as np

from ..spots import spacing
from .outline import hollows

_NEAREST = 4  # columns whose distances are the usual one
_BROAD = 0.34  # of that distance; wider columns fit any even background
_RAISED = 0.21  # of a column: flanks in the hollows between, from which they tell no width
_GIVEN = 0.28  # of the usual distance: the width that columns are given at the most
_CORE = 0.5  # of the nearest distance: within, a Gaussian of another width fits a column as well


def widest(points: np.ndarray) -> float:
    """Width that no column of a lattice passes [unit of the points]; NaN for one alone.

    Parameters
    ----------
    points
        (N, 2).
    """
    return _BROAD * spacing(points, _NEAREST)


def one_width(points: np.ndarray, widths: np.ndarray) -> float | None:
    """Width that all columns are to be given, as nothing tells it; None where the image does.

    Parameters
    ----------
    points
        (N, 2) y, x.
    widths
        (N,) that were fitted.
    """
    from scipy.spatial import cKDTree

    width, gap, middle = float(np.median(widths)), spacing(points, _NEAREST), hollows(points)
    near = list(range(1, min(2 * _NEAREST, len(points)) + 1))
    distance = cKDTree(points).query(middle, near)[0]
    distance = distance[distance[:, 0] < gap]
    flanks = np.exp(-0.5 * (distance / width) ** 2).sum(1)
    told = not len(flanks) or float(np.median(flanks)) < _RAISED
    return None if told else min(width, _GIVEN * gap)


def core(points: np.ndarray) -> float:
    """Radius of the discs that columns of a given width are fitted to [unit of the points].

    Parameters
    ----------
    points
        (N, 2).
    """
    return _CORE * spacing(points)
