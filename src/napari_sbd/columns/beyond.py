"""Columns beyond the frame, whose flanks lie in the image.

Where a crystal goes on beyond the frame, the flanks of columns that nobody sees raise what is taken
for the background of those at the rim, and where columns overlap, of those beside them in turn.
Such a column stands where two others in a row predict it; how strong it is the flank tells, and
that it is none where the crystal ends.
"""

from __future__ import annotations

import numpy as np

from ..spots import spacing

_REACH = 4.0  # widths from the frame
_IN_A_ROW = 1.6  # spacings: the longest step that is taken once more
_APART = 0.6  # spacings from any other column


def beyond(points: np.ndarray, shape: tuple[int, ...], width: float) -> np.ndarray:
    """(G, 2) pairs k, j of columns; beyond the frame stands one at ``2 p_k - p_j`` for each.

    Parameters
    ----------
    points
        (N, 2) y, x [px].
    shape
        Of the image.
    width
        Of the columns [px].
    """
    from scipy.spatial import cKDTree

    none = np.zeros((0, 2), int)
    if len(points) < 2:
        return none
    tree = cKDTree(points)
    gap = spacing(points)
    pairs = tree.query_pairs(_IN_A_ROW * gap, output_type="ndarray")
    pairs = np.vstack([pairs, pairs[:, ::-1]])
    place = 2 * points[pairs[:, 0]] - points[pairs[:, 1]]
    out = np.maximum(-0.5 - place, place - (np.array(shape) - 0.5)).max(1)
    pairs, place = (v[(out > -width) & (out < _REACH * width)] for v in (pairs, place))
    free = tree.query(place)[0] > _APART * gap if len(place) else np.zeros(0, bool)
    pairs, place = pairs[free], place[free]
    # short steps tell best where the next column is
    order = np.argsort(np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1))
    chosen: list[int] = []
    for n in order.tolist():
        if not chosen or np.hypot(*(place[chosen] - place[n]).T).min() > _APART * gap:
            chosen.append(n)
    return pairs[chosen] if chosen else none
