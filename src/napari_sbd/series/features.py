"""What the network sees of a voxel: its signal, and what its neighbourhood says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .local_pca import REACH, of_patches
from .noises import Noise
from .stack import signals

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class View:
    """What is seen of a voxel.

    Parameters
    ----------
    boxes
        Odd sides [voxels] of boxes whose mean signals are seen.
    noise
        That of the stack, to see its local PCA as well; None leaves it out.
    """

    boxes: tuple[int, ...] = ()
    noise: Noise | None = None

    @property
    def width(self) -> int:
        """Signals that are seen of a voxel."""
        return 1 + len(self.boxes) + (self.noise is not None)

    @property
    def reach(self) -> int:
        """Rows around a slab that must be known; for patches, whole strides."""
        if self.noise is not None:
            return REACH
        return max(self.boxes, default=1) // 2

    def of(self, data: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Signals of the voxels of a mask, followed by what their neighbourhoods say of them.

        Parameters
        ----------
        data
            (N, Y, X) or (N, Z, Y, X).
        mask
            bool, the shape of a volume; voxels outside are not looked at.

        Returns
        -------
        (V, K) float32, K a multiple of N: the voxel, boxes, local PCA.

        Raises
        ------
        SBDError
            If a voxel of the mask is not finite.
        """
        count, length = int(mask.sum()), len(data)
        seen = np.empty((count, self.width, length), np.float32)
        seen[:, 0] = signals(data, mask)
        last = np.zeros((*mask.shape, length), np.float32)
        last[mask] = seen[:, 0]
        for k, side in enumerate(self.boxes, 1):
            seen[:, k] = _box_means(last, mask, side)
        if self.noise is not None:
            seen[:, -1] = of_patches(last, mask, self.noise)[mask]
        return seen.reshape(count, -1)


def in_noise_units(
    seen: np.ndarray, length: int, noise: Noise
) -> tuple[np.ndarray, np.ndarray | np.float32]:
    """Features divided by the noise, and what a signal was divided by.

    Parameters
    ----------
    seen
        (V, K) as ``View.of`` gives them.
    length
        N.
    noise
        Its ``unit`` is taken of the last, which knows it best.
    """
    unit = noise.unit(seen[:, -length:])
    return seen / (np.tile(unit, seen.shape[1] // length) if np.ndim(unit) else unit), unit


def _box_means(last: np.ndarray, mask: np.ndarray, side: int) -> np.ndarray:
    """Mean signals (V, N) over the boxes around the voxels of a mask, of a stack (..., N)."""
    import torch

    stack, count = torch.from_numpy(last), torch.from_numpy(mask.astype(np.float32))[..., None]
    means = np.empty((int(mask.sum()), last.shape[-1]), np.float32)
    done = 0
    for row in range(len(mask)):  # one after the other, since few values stay close at hand
        near = slice(max(row - side // 2, 0), row + side // 2 + 1)
        sums, voxels = (_box_sums(a[near].sum(0), side) for a in (stack, count))
        found = (sums / voxels.clamp_(min=1)).numpy()[mask[row]]
        means[done : done + len(found)] = found
        done += len(found)
    return means


def _box_sums(values: Tensor, side: int) -> Tensor:
    """Sums over boxes along all axes but the last; zero outside. Faster than scipy's filter."""
    for axis in range(values.ndim - 1):
        sums, length = values.clone(), values.shape[axis]
        for k in range(1, min(side // 2, length - 1) + 1):
            sums.narrow(axis, k, length - k).add_(values.narrow(axis, 0, length - k))
            sums.narrow(axis, 0, length - k).add_(values.narrow(axis, k, length - k))
        values = sums
    return values
