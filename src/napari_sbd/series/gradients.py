"""The gradient table of a diffusion acquisition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ..errors import SBDError, warn

_WEIGHTED = 50.0  # s/mm2; below, the direction of a gradient says nothing
_EVEN = 0.5  # of the largest b-value; images without weighting are told to have a few s/mm2 alike
_SAME_B = 0.05  # relative difference of b-values that scanners round away
_SAME_DIRECTION = 5.0  # degrees, as a correction for head motion may turn a table


@final
@dataclass(frozen=True, eq=False)
class Gradients:
    """The diffusion weighting of each volume.

    Parameters
    ----------
    bvals
        (N,) b-values [s/mm2].
    bvecs
        (N, 3) directions; neither sign nor length matters, nor anything where the b-value is small.

    Raises
    ------
    SBDError
        If the shapes do not fit, or a number is not finite.

    Warns
    -----
    In words, if the b-values are so small that they are probably in ms/µm2.
    """

    bvals: np.ndarray
    bvecs: np.ndarray

    def __post_init__(self) -> None:
        bvals, bvecs = (np.asarray(a, np.float64) for a in (self.bvals, self.bvecs))
        if bvals.ndim != 1 or bvecs.shape != (len(bvals), 3):
            raise SBDError(
                f"A gradient table has N b-values and N x 3 directions, not shapes {bvals.shape} "
                f"and {bvecs.shape}."
            )
        bvecs = np.where(bvals[:, None] < _WEIGHTED, 0.0, bvecs)
        if not (np.isfinite(bvals).all() and np.isfinite(bvecs).all()) or (bvals < 0).any():
            raise SBDError("The gradient table holds negative b-values or numbers not finite.")
        # in s/mm2 so little is no weighting at all, and then it hardly differs between volumes
        if len(bvals) and bvals.min() < _EVEN * bvals.max() < _EVEN * _WEIGHTED:
            warn(
                f"The b-values of the gradient table reach only {bvals.max():g} s/mm2, where "
                "directions say nothing; if they are in ms/µm2, multiply them by 1000."
            )
        length = np.linalg.norm(bvecs, axis=1, keepdims=True)
        bvecs = bvecs / np.where(length > 0, length, 1.0)
        object.__setattr__(self, "bvals", bvals)
        object.__setattr__(self, "bvecs", bvecs)

    def check_same(self, other: Gradients) -> None:
        """Refuse another table, volume by volume.

        Raises
        ------
        SBDError
            With the first volume that differs.
        """
        apart = np.abs(self.bvals - other.bvals) > _WEIGHTED + _SAME_B * self.bvals
        if apart.any():
            i = int(np.argmax(apart))
            raise SBDError(
                f"The gradient tables differ: volume {i} has b = {other.bvals[i]:g} s/mm2, the "
                f"model was trained with {self.bvals[i]:g}; train a model with this protocol."
            )
        cosine = np.abs((self.bvecs * other.bvecs).sum(1))
        length = np.linalg.norm(self.bvecs, axis=1) * np.linalg.norm(other.bvecs, axis=1)
        angle = np.degrees(np.arccos(np.clip(cosine / np.where(length > 0, length, 1), 0, 1)))
        angle[length == 0] = 0.0
        if angle.max() > _SAME_DIRECTION:
            raise SBDError(
                f"The gradient tables differ: the direction of volume {int(angle.argmax())} is "
                f"{angle.max():.0f} degrees from the model's; train a model with this protocol."
            )

    def order_of(self, other: Gradients) -> np.ndarray:
        """Which volume of another table each volume of this one is; each in its place, if it can.

        Raises
        ------
        SBDError
            As ``check_same``, if no order makes the tables the same.
        """
        try:
            self.check_same(other)
        except SBDError:
            order = self._nearest(other)
            if not self.is_same(Gradients(other.bvals[order], other.bvecs[order])):
                raise
            return order
        return np.arange(len(self.bvals))

    def is_same(self, other: Gradients) -> bool:
        """Whether ``check_same`` finds no difference."""
        try:
            self.check_same(other)
        except SBDError:
            return False
        return True

    def _nearest(self, other: Gradients) -> np.ndarray:
        """The order of another table that comes closest to this one."""
        from scipy.optimize import linear_sum_assignment

        b = self.bvals[:, None]
        apart = (b - other.bvals) / (_WEIGHTED + _SAME_B * b)
        angle = np.degrees(np.arccos(np.clip(np.abs(self.bvecs @ other.bvecs.T), 0, 1)))
        cost = apart**2 + (b >= _WEIGHTED) * (angle / _SAME_DIRECTION) ** 2
        return np.asarray(linear_sum_assignment(cost)[1])
