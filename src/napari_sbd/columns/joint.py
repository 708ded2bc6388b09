"""Errors of columns that overlap: those of one depend on all others that it hangs together with."""

from __future__ import annotations

import numpy as np

from .overlap import neighbours
from .scene import Scene
from .systems import each, inverse

_COUPLED = 4.5  # widths within which errors of neighbours depend on each other
_MOST_COUPLED = 6
_SOME, _FAR = 8, 37  # columns that stand for all, and how many around are looked at


def joint_covariance(scene: Scene, values: np.ndarray) -> np.ndarray:
    """Covariances (N, 5, 5) of columns.

    The block of a column of the inverse information of it and its neighbours. Of columns that
    overlap much, errors run on from neighbour to neighbour, and flanks beyond the pixels that a
    column is fitted to move it as well. So some columns are looked at with all around them
    (``A^-1 B A^-T``: B the covariance of the scores, A their derivatives), and all errors widened
    as theirs are.

    Parameters
    ----------
    scene
        Tells the information of columns.
    values
        (N, 5) y, x, amplitude, sigma, background.
    """
    reach = _COUPLED * float(np.median(values[:, 3])) if len(values) else 0.0
    others = neighbours(values, reach, _MOST_COUPLED)
    count, slots = others.shape
    blocks = np.zeros((count + 1, slots + 1, 5, 5))  # the last row stands for absent neighbours

    def own(part: np.ndarray) -> None:
        blocks[part, 0] = scene.evaluate(values, part)[0]

    def shared(part: np.ndarray) -> None:
        blocks[part, 1:] = scene.coupling(values, part, others[part])

    each(own, np.arange(count))
    each(shared, np.arange(count if slots else 0))
    members = np.column_stack([np.arange(count), others])
    covariance = np.empty((count, 5, 5))

    def invert(part: np.ndarray) -> None:
        whole = _assembled(members[part], members, blocks)
        covariance[part] = inverse((whole + whole.transpose(0, 2, 1)) / 2)[:, :5, :5]

    each(invert, np.arange(count))
    more = _more(scene, values, members, blocks, covariance) if slots else np.ones(5)
    result: np.ndarray = covariance * np.outer(more, more)
    return result


def _assembled(group: np.ndarray, members: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """(n, 5 m, 5 m) of groups (n, m) of columns, -1 where there is none, from blocks of pairs."""
    listed = np.vstack([members, np.full((1, members.shape[1]), -2)])
    same = listed[group][:, :, None] == group[:, None, :, None]
    pair = np.where(same.any(-1)[..., None, None], blocks[group[:, :, None], same.argmax(-1)], 0.0)
    absent = group < 0
    pair[absent[:, :, None] | absent[:, None]] = 0.0
    size = 5 * group.shape[1]
    result: np.ndarray = pair.transpose(0, 1, 3, 2, 4).reshape(-1, size, size)
    return result


def _more(
    scene: Scene,
    values: np.ndarray,
    members: np.ndarray,
    blocks: np.ndarray,
    covariance: np.ndarray,
) -> np.ndarray:
    """(5,) by how much errors are wider with all columns around, the median of some; those of
    places are not."""
    from scipy.spatial import cKDTree

    some = np.unique(np.linspace(0, len(values) - 1, _SOME).astype(int))
    around = list(range(1, min(_FAR, len(values)) + 1))
    index = cKDTree(values[:, :2]).query(values[some, :2], around)[1]
    concerned = np.unique(index)
    moved = blocks.copy()
    moved[concerned, 1:] = scene.coupling(values, concerned, members[concerned, 1:], whole=True)
    score, move = (_assembled(index, members, b) for b in (blocks, moved))
    diagonal = np.diagonal(score, axis1=1, axis2=2)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    outer = scale[:, :, None] * scale[:, None]
    move = move / outer + (diagonal == 0)[:, :, None] * np.eye(diagonal.shape[1])
    # of A^-1 B A^-T no more than the column itself is asked for
    turned, one = move.transpose(0, 2, 1), np.eye(move.shape[1])[:, :5]
    try:
        rows = np.linalg.solve(turned, one)
    except np.linalg.LinAlgError:  # two columns at one place
        rows = np.linalg.pinv(turned) @ one
    wide = ((score / outer @ rows) * rows).sum(1) / scale[:, :5] ** 2
    narrow = np.diagonal(covariance[some], axis1=1, axis2=2)
    known = np.isfinite(wide) & (narrow > 0) & (wide > narrow)
    ratio = np.where(known, wide / np.where(known, narrow, 1.0), 1.0)
    result: np.ndarray = np.sqrt(np.median(ratio, axis=0))
    result[:2] = 1.0
    return result
