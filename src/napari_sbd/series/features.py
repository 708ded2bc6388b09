"""What the network sees of a voxel: its signal, and the mean signals of boxes around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .noises import Noise
from .stack import signals

if TYPE_CHECKING:
    from torch import Tensor


def features(data: np.ndarray, mask: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    """Signals of the voxels of a mask, followed by those of their neighbourhoods.

    Parameters
    ----------
    data
        (N, Y, X) or (N, Z, Y, X).
    mask
        bool, the shape of a volume; voxels outside do not enter the means.
    sides
        Odd sides [voxels] of the boxes; empty for the voxel alone.

    Returns
    -------
    (V, N (1 + len(sides))) float32.

    Raises
    ------
    SBDError
        If a voxel of the mask is not finite.
    """
    own = signals(data, mask)
    if not sides:
        return own
    import torch

    inside = torch.from_numpy(np.where(mask, data, 0).astype(np.float32))
    count = torch.from_numpy(mask.astype(np.float32))[None]
    parts = [own]
    for side in sides:
        mean = _box_sums(inside, side).div_(_box_sums(count, side).clamp_(min=1))
        parts.append(mean.numpy()[:, mask].T)
    return np.concatenate(parts, 1)


def in_noise_units(
    seen: np.ndarray, length: int, noise: Noise
) -> tuple[np.ndarray, np.ndarray | np.float32]:
    """Features divided by the noise, and what a signal was divided by.

    Parameters
    ----------
    seen
        (V, K) as ``features`` gives them.
    length
        N.
    noise
        Its ``unit`` is taken of the widest neighbourhood, which knows it best.
    """
    unit = noise.unit(seen[:, -length:])
    return seen / (np.tile(unit, seen.shape[1] // length) if np.ndim(unit) else unit), unit


def _box_sums(values: Tensor, side: int) -> Tensor:
    """Sums over boxes along all axes but the first; zero outside. Faster than scipy's filter."""
    for axis in range(1, values.ndim):
        sums, length = values.clone(), values.shape[axis]
        for k in range(1, min(side // 2, length - 1) + 1):
            sums.narrow(axis, k, length - k).add_(values.narrow(axis, 0, length - k))
            sums.narrow(axis, 0, length - k).add_(values.narrow(axis, k, length - k))
        values = sums
    return values
