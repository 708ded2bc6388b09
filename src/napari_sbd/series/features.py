"""What the network sees of a voxel: its signal, and what its neighbourhood says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .local_pca import REACH, local_pca
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
        parts = [signals(data, mask)]
        if self.boxes:
            parts += _boxes(data, mask, self.boxes)
        if self.noise is not None:
            parts.append(local_pca(data, mask, self.noise)[:, mask].T)
        return np.concatenate(parts, 1)


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


def _boxes(data: np.ndarray, mask: np.ndarray, sides: tuple[int, ...]) -> list[np.ndarray]:
    """Mean signals (V, N) over the boxes around voxels."""
    import torch

    inside = torch.from_numpy(np.where(mask, data, 0).astype(np.float32))
    count = torch.from_numpy(mask.astype(np.float32))[None]
    means = [
        _box_sums(inside, side).div_(_box_sums(count, side).clamp_(min=1)).numpy() for side in sides
    ]
    return [mean[:, mask].T for mean in means]


def _box_sums(values: Tensor, side: int) -> Tensor:
    """Sums over boxes along all axes but the first; zero outside. Faster than scipy's filter."""
    for axis in range(1, values.ndim):
        sums, length = values.clone(), values.shape[axis]
        for k in range(1, min(side // 2, length - 1) + 1):
            sums.narrow(axis, k, length - k).add_(values.narrow(axis, 0, length - k))
            sums.narrow(axis, 0, length - k).add_(values.narrow(axis, k, length - k))
        values = sums
    return values
