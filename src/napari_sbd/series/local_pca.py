"""What a few neighbouring voxels say together: PCA of small patches, of known noise.

In a patch the signals have few components. Those stronger than the noise alone could make them
(Marchenko and Pastur) are kept, each shrunk by what the noise has added to it: Veraart et al.,
NeuroImage 142 (2016); Gavish and Donoho, IEEE Trans Inf Theory 63 (2017). Voxels take the mean of
the patches that they lie in, simpler patches weighing more (Manjón et al., PLOS ONE 8, 2013).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from ..denoise import Progress
from ..errors import Cancelled
from .noises import Noise
from .stack import patch_sides

if TYPE_CHECKING:
    from torch import Tensor

VOXELS = {2: 81, 3: 125}  # of a patch, by the axes of space: 9 x 9, 5 x 5 x 5
_LONGEST = 9  # side
STRIDE = 3  # from patch to patch
REACH = 9  # voxels, so many strides that no patch over a voxel reaches further
_COMPONENTS = 16  # looked for at first; all are, where so many are not enough
_BATCH = 2**22  # values of patches worked on at once


def local_pca(
    data: np.ndarray,
    mask: np.ndarray,
    noise: Noise,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> np.ndarray:
    """Mean signals of a stack, its noise floor still there.

    Parameters
    ----------
    data
        (N, Y, X) or (N, Z, Y, X), finite in the mask.
    mask
        bool, the shape of a volume; voxels outside do not take part and come out as 0.
    noise
        Kind and level.
    progress, should_stop
        As in ``denoise_series``; progress in patches.

    Returns
    -------
    (N, ...) float32.
    """
    last = np.moveaxis(np.where(mask, data, 0), 0, -1)
    values = np.ascontiguousarray(last, np.float32)
    return np.moveaxis(of_patches(values, mask, noise, progress, should_stop), -1, 0)


def of_patches(
    values: np.ndarray,
    mask: np.ndarray,
    noise: Noise,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> np.ndarray:
    """The same of a stack (..., N) float32 that is 0 outside the mask; the axis stays the last."""
    import torch

    inside, stack = torch.from_numpy(mask), torch.from_numpy(values)
    sides = patch_sides(mask.shape, VOXELS[mask.ndim], _LONGEST)
    places = [p for p in _places(mask.shape, sides) if mask[p].any()]
    total, weight = torch.zeros_like(stack), torch.zeros(mask.shape)
    voxels, length = int(np.prod(sides)), values.shape[-1]
    step = max(1, _BATCH // (voxels * length))
    for i in range(0, len(places), step):
        if should_stop and should_stop():
            raise Cancelled("Stopped before the stack was complete; nothing was kept.")
        some = places[i : i + step]
        patches = torch.empty(len(some), *sides, length)
        members = torch.empty(len(some), *sides, dtype=torch.bool)
        for k, place in enumerate(some):
            patches[k], members[k] = stack[place], inside[place]
        flat = patches.view(-1, voxels, length), members.view(-1, voxels)
        means, simple = _shrunk(*flat, noise)
        means = means.mul_(simple[:, None, None]).view_as(patches)
        for place, mean, share in zip(some, means, simple.tolist(), strict=True):
            total[place] += mean
            weight[place] += share
        if progress:
            progress(min(i + step, len(places)), len(places))
    total *= (inside / weight.clamp(min=1e-6))[..., None]
    return np.asarray(total.numpy())


def _places(grid: tuple[int, ...], sides: list[int]) -> list[tuple[slice, ...]]:
    """Patches at multiples of the stride, so that a slab has those of the whole stack."""
    starts = [
        sorted({*range(0, n - side + 1, STRIDE), n - side})
        for n, side in zip(grid, sides, strict=True)
    ]
    return [
        tuple(slice(s, s + side) for s, side in zip(corner, sides, strict=True))
        for corner in product(*starts)
    ]


def _shrunk(patches: Tensor, members: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Mean signals (B, M, N) of patches, and the weights (B,) that they deserve."""
    import torch

    count = members.sum(1)
    mean = patches.sum(1) / count[:, None]
    spread = torch.from_numpy(np.sqrt(noise.variance(mean.numpy())).astype(np.float32))
    spread = spread.clamp_(min=1e-3 * noise.level)[:, None]
    white = (patches - mean[:, None]).mul_(1 / spread)
    if not members.all():
        white *= members[..., None]
    power, vectors = _components(white)
    keep = kept_share(power, count[:, None].float(), white.shape[2])
    few = (keep[:, 0] > 0).nonzero()[:, 0]  # patches in which all that was looked for is kept
    means = ((white @ vectors) * keep[:, None]) @ (vectors.mT * spread)
    kept = (keep > 0).sum(1)
    if len(few) and vectors.shape[2] < min(white.shape[1:]):
        left, s, right = torch.linalg.svd(white[few], full_matrices=False)
        factor = kept_share(s**2, count[few, None].float(), white.shape[2])
        means[few] = (left * (s * factor)[:, None]) @ (right * spread[few])
        kept[few] = (factor > 0).sum(1)
    return means.add_(mean[:, None]), 1 / (1 + kept.float())


def _components(white: Tensor) -> tuple[Tensor, Tensor]:
    """Strongest components: power (B, K) ascending and vectors (B, N, K), by subspace iteration."""
    import torch

    size = min(_COMPONENTS, *white.shape[1:])
    start = torch.randn(white.shape[2], size, generator=torch.Generator().manual_seed(0))
    vectors = start.expand(len(white), -1, -1)
    for _ in range(2):
        vectors = _orthonormal(white.mT @ _orthonormal(white @ vectors))
    seen = white @ vectors
    power, turn = torch.linalg.eigh(seen.mT @ seen)
    return power, vectors @ turn


def _orthonormal(vectors: Tensor) -> Tensor:
    import torch

    vectors = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)
    gram = vectors.mT @ vectors + 1e-6 * torch.eye(vectors.shape[2])
    lower = torch.linalg.cholesky(gram)
    result: Tensor = torch.linalg.solve_triangular(lower, vectors.mT, upper=False).mT
    return result


def kept_share(power: Tensor, voxels: Tensor, length: int) -> Tensor:
    """Share of each component that is kept, for unit noise; 0 where noise can make as much."""
    import torch

    longer = voxels.clamp(min=length)
    ratio = voxels.clamp(max=length) / longer
    excess = power / longer
    root = ((excess - ratio - 1) ** 2 - 4 * ratio).clamp(min=0).sqrt()
    return torch.where(excess > (1 + ratio.sqrt()) ** 2, root / excess, 0.0)
