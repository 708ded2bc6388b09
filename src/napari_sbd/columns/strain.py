"""The cell around each column, and its strain against a reference, with errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STRAINED = 0.25  # beyond, two columns are not neighbours in one crystal
_AROUND = [(h, k) for h in (-1, 0, 1) for k in (-1, 0, 1) if (h, k) != (0, 0)]
_FEWEST = 3  # neighbours


@dataclass(frozen=True, eq=False)
class LocalStrain:
    """Strain around columns, NaN where the neighbours do not tell it.

    Parameters
    ----------
    values, errors
        (n, 4) eps_yy, eps_xx, eps_xy and rotation, as ``stretch_and_rotation`` has them; one
        standard deviation, from those of the positions.
    spacing, spacing_err
        (n, 2) lengths of the vectors a and b of the cell around each column, in the unit of the
        positions.
    """

    values: np.ndarray
    errors: np.ndarray
    spacing: np.ndarray
    spacing_err: np.ndarray


def local_strain(
    points: np.ndarray, hk: np.ndarray, vectors: np.ndarray, errors: np.ndarray | None = None
) -> LocalStrain:
    """Fit the cell around each column of one lattice to it and its neighbours.

    With the positions of a column and of those next to it p = c + (h, k) L by least squares, the
    deformation against the vectors V is F = (V^-1 L)^T. L is linear in the positions, so that
    their errors carry over, also those that neighbouring columns have in common, as they do to
    strain and rotation that are small.

    Parameters
    ----------
    points
        (n, 2) y, x.
    hk
        (n, 2) indices.
    vectors
        (2, 2) rows a and b of the reference.
    errors
        (n, 2) of y and x; None where unknown.
    """
    count = len(points)
    result = LocalStrain(
        *(np.full((count, 4), np.nan) for _ in range(2)),
        *(np.full((count, 2), np.nan) for _ in range(2)),
    )
    variance = np.full((count, 2), np.nan) if errors is None else errors**2
    place = {(int(h), int(k)): n for n, (h, k) in enumerate(hk)}
    inverse = np.linalg.inv(vectors)
    for n, (h, k) in enumerate(hk.tolist()):
        there = [(place[h + u, k + v], u, v) for u, v in _AROUND if (h + u, k + v) in place]
        there = [t for t in there if _beside(points[t[0]] - points[n], t[1:] @ vectors)]
        if len(there) < _FEWEST or np.linalg.matrix_rank([t[1:] for t in there]) < 2:
            continue
        who = [n, *(t[0] for t in there)]
        design = np.array([(1, 0, 0), *((1, *t[1:]) for t in there)], float)
        weights = np.linalg.pinv(design)[1:]  # (2, m): the cell from the positions
        cell = weights @ points[who]
        m = inverse @ cell
        result.values[n] = stretch_and_rotation(m.T)
        # covariance of the two vectors' y, then of their x, which are independent
        own = [(weights * variance[who, axis]) @ weights.T for axis in (0, 1)]
        (yy, y_of_x), (x_of_y, xx) = (np.diagonal(inverse @ c @ inverse.T) for c in own)
        mixed = (y_of_x + x_of_y) / 4
        result.errors[n] = np.sqrt([yy, xx, mixed, mixed])
        length = np.linalg.norm(cell, axis=1)
        result.spacing[n] = length
        along = (cell / length[:, None]) ** 2
        spread = np.column_stack([np.diagonal(c) for c in own])
        result.spacing_err[n] = np.sqrt((along * spread).sum(1))
    return result


def stretch_and_rotation(deformation: np.ndarray) -> np.ndarray:
    """Strain and rotation of deformations: what a rotation alone does is no strain.

    The polar decomposition F = (1 + eps) R: the specimen is turned by R, then strained along the
    axes of the image. The symmetric part of F, which it is for small rotations, would tell a
    compression of 0.14 % of a crystal that is turned by 3 degrees and nothing else.

    Parameters
    ----------
    deformation
        (..., 2, 2) F of steps (y, x) of the reference.

    Returns
    -------
    (..., 4) eps_yy, eps_xx, eps_xy and rotation [rad, positive from +x to +y].
    """
    (yy, yx), (xy, xx) = np.moveaxis(deformation, (-2, -1), (0, 1))
    angle = np.arctan2(yx - xy, yy + xx)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([yy * c + yx * s - 1, xx * c - xy * s - 1, yx * c - yy * s, angle], -1)


def _beside(step: np.ndarray, ideal: np.ndarray) -> bool:
    """Whether a neighbour stands near to where the lattice has it, not behind a dislocation."""
    return bool(np.hypot(*(step - ideal)) < _STRAINED * np.hypot(*ideal))
