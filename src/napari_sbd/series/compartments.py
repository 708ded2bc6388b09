"""A diffusion reference as compartments in each voxel, which can be turned and measured anew.

Every voxel is written as a sum of fibres and isotropic parts with shares that are not negative
(as in spherical deconvolution, Tournier et al., NeuroImage 23, 2004; Dell'Acqua et al., IEEE TMI
26, 2007). A turned sum is the signal of turned tissue, exactly, at any gradient table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .gradients import Gradients
from .stack import signals

_FIBRES = ((1.9e-3, 0.05e-3), (1.7e-3, 0.6e-3))  # along, across [mm2/s]
_ISOTROPIC = np.geomspace(0.1e-3, 3.2e-3, 12)  # mm2/s; from restricted to free water
_ORIENTATIONS = 120  # on a half sphere, 12 degrees from the next: finer than b = 3000 can tell
_ROUNDS = 300
_DIRECTIONS = 12  # that a fit of orientations needs
_SAME = 0.995  # cosine of directions that are the same
_VOXELS = 4096  # fitted at a time


@dataclass(frozen=True)
class Compartments:
    """Shares of compartments in the voxels of a reference.

    Parameters
    ----------
    shares
        (V, A) float32, in units of the signal.
    mask
        bool, the voxels that the rows stand for.
    misfit
        Root mean square of what the compartments leave of the reference, in its units.
    """

    shares: np.ndarray
    mask: np.ndarray
    misfit: float

    def measured(
        self,
        gradients: Gradients,
        turn: np.ndarray | None = None,
        pace: float = 1.0,
        part: np.ndarray | None = None,
    ) -> np.ndarray:
        """Signals (N, V) float32 at a gradient table.

        Parameters
        ----------
        gradients
            Of the N volumes.
        turn
            (3, 3) rotation of the tissue; None leaves it.
        pace
            Factor of all diffusivities.
        part
            bool (V,), the voxels of the mask to measure; all by default.
        """
        bvecs = gradients.bvecs if turn is None else gradients.bvecs @ turn
        kernel = _atoms(gradients.bvals * pace, bvecs)
        return np.asarray(kernel @ (self.shares if part is None else self.shares[part]).T)


def compartments(data: np.ndarray, mask: np.ndarray, gradients: Gradients) -> Compartments:
    """Fit compartments to a reference.

    Parameters
    ----------
    data
        (N, ...) float32.
    mask
        bool, the voxels to fit.
    gradients
        Of the N volumes.
    """
    seen = signals(data, mask)
    kernel = _atoms(gradients.bvals, gradients.bvecs)
    parts = [_fit(kernel, seen[i : i + _VOXELS]) for i in range(0, len(seen), _VOXELS)]
    shares = np.concatenate(parts)
    misfit = float(np.sqrt(np.mean(np.square(shares @ kernel.T - seen))))
    return Compartments(shares, mask, misfit)


def can_fit(gradients: Gradients) -> bool:
    """Whether a table tells orientations: 12 directions, and volumes with little weight."""
    weighted = gradients.bvecs[gradients.bvals > 0.5 * gradients.bvals.max()]
    same = np.abs(weighted @ weighted.T) > _SAME
    several = sum(not same[i, :i].any() for i in range(len(weighted)))
    return several >= _DIRECTIONS and bool(gradients.bvals.min() < 0.2 * gradients.bvals.max())


def any_turn(rng: np.random.Generator) -> np.ndarray:
    """A (3, 3) rotation, uniform over all."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q * np.sign(np.linalg.det(q)))


def _atoms(bvals: np.ndarray, bvecs: np.ndarray) -> np.ndarray:
    """(N, A) float32: the signal of each compartment, 1 without weighting."""
    i = np.arange(_ORIENTATIONS)
    z, angle = (i + 0.5) / _ORIENTATIONS, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    along = (bvecs @ np.stack([r * np.cos(angle), r * np.sin(angle), z])) ** 2
    b = bvals[:, None]
    fibres = [np.exp(-b * (across + (axial - across) * along)) for axial, across in _FIBRES]
    return np.concatenate([*fibres, np.exp(-b * _ISOTROPIC)], 1).astype(np.float32)


def _fit(kernel: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Least squares with shares of 0 or more (Beck and Teboulle, SIAM J Imaging Sci 2, 2009)."""
    import torch

    atoms, wanted = torch.from_numpy(kernel), torch.from_numpy(seen)
    gram = atoms.T @ atoms
    scale = gram.diagonal().rsqrt()
    gram = scale[:, None] * gram * scale
    step = 1 / torch.linalg.eigvalsh(gram)[-1]
    towards = wanted @ (atoms * scale) * step
    back = torch.eye(len(gram)) - gram * step
    found = torch.zeros_like(towards)
    ahead, momentum = found, 1.0
    for _ in range(_ROUNDS):
        new = torch.addmm(towards, ahead, back).clamp_(min=0)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / following * (new - found)
        found, momentum = new, following
    return (found * scale).numpy()
