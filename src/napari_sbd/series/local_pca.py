"""What a few neighbouring voxels say together: PCA of small patches, of known noise.

In a patch the signals have few components. Those stronger than the noise alone could make them
(Marchenko and Pastur) are kept, each shrunk by what the noise has added to it: Veraart et al.,
NeuroImage 142 (2016); Gavish and Donoho, IEEE Trans Inf Theory 63 (2017). Voxels take the mean of
the patches that they lie in, simpler patches weighing more (Manjón et al., PLOS ONE 8, 2013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

    inside, stack = torch.from_numpy(mask)[..., None], torch.from_numpy(values)
    sides = patch_sides(mask.shape, VOXELS[mask.ndim], _LONGEST)
    total, weight = torch.zeros_like(stack), torch.zeros(inside.shape)
    voxels, length = int(np.prod(sides)), values.shape[-1]
    at_once = max(1, _BATCH // (voxels * length))
    rows = list(_rows(mask, sides, at_once))
    done, of = 0, sum(row.count for row in rows)
    while done < of:
        if should_stop and should_stop():
            raise Cancelled("Stopped before the stack was complete; nothing was kept.")
        some = [rows.pop()]
        while rows and sum(row.count for row in some) + rows[-1].count <= at_once:
            some.append(rows.pop())
        patches, members = (torch.cat([row.of(a) for row in some]) for a in (stack, inside))
        flat = patches.view(-1, voxels, length), members.view(-1, voxels)
        means, simple = _shrunk(*flat, noise)
        means = means.mul_(simple[:, None, None]).view_as(patches)
        shares = simple.view(-1, *[1] * (mask.ndim + 1)).expand(members.shape)
        counts = [row.count for row in some]
        for row, mean, share in zip(some, means.split(counts), shares.split(counts), strict=True):
            row.add(mean, total)
            row.add(share, weight)
        done += len(patches)
        if progress:
            progress(done, of)
    total *= inside / weight.clamp(min=1e-6)
    return np.asarray(total.numpy())


@dataclass(frozen=True)
class _Row:
    """Patches a stride apart along the last axis of space, at one place of the others."""

    place: tuple[slice, ...]
    start: int
    count: int
    side: int

    def of(self, stack: Tensor) -> Tensor:
        """(count, *sides, N) of a stack (..., N)."""
        axis = len(self.place)
        long = STRIDE * (self.count - 1) + self.side
        views = stack[self.place].narrow(axis, self.start, long).unfold(axis, self.side, STRIDE)
        return views.movedim((axis, -1), (0, -2))

    def add(self, patches: Tensor, stack: Tensor) -> None:
        """Add (count, *sides, N) to a stack (..., N), of which patches share voxels."""
        axis = len(self.place)
        for k in range(self.side):
            to = slice(self.start + k, self.start + k + STRIDE * (self.count - 1) + 1, STRIDE)
            stack[(*self.place, to)] += patches.select(axis + 1, k).movedim(0, axis)


def _rows(mask: np.ndarray, sides: list[int], most: int) -> Iterator[_Row]:
    """Patches that hold voxels of a mask, so many at most in a row.

    They lie at multiples of the stride, so that a slab has those of the whole stack.
    """
    starts = [
        sorted({*range(0, n - side + 1, STRIDE), n - side})
        for n, side in zip(mask.shape, sides, strict=True)
    ]
    *others, side = sides
    for corner in product(*starts[:-1]):
        place = tuple(slice(s, s + n) for s, n in zip(corner, others, strict=True))
        held = np.asarray(mask[place].any(axis=tuple(range(len(place)))))
        own = [s for s in starts[-1] if held[s : s + side].any()]
        while own:
            count = 1
            while count < min(most, len(own)) and own[count] - own[count - 1] == STRIDE:
                count += 1
            yield _Row(place, own[0], count, side)
            own = own[count:]


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
    power, vectors, seen = _components(white)
    keep = kept_share(power, count[:, None].float(), white.shape[2])
    few = (keep[:, 0] > 0).nonzero()[:, 0]  # patches in which all that was looked for is kept
    means = (seen * keep[:, None]) @ (vectors.mT * spread)
    kept = (keep > 0).sum(1)
    if len(few) and vectors.shape[2] < min(white.shape[1:]):
        left, s, right = torch.linalg.svd(white[few], full_matrices=False)
        factor = kept_share(s**2, count[few, None].float(), white.shape[2])
        means[few] = (left * (s * factor)[:, None]) @ (right * spread[few])
        kept[few] = (factor > 0).sum(1)
    return means.add_(mean[:, None]), 1 / (1 + kept.float())


def _components(white: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Strongest components, by subspace iteration: power (B, K) ascending, vectors (B, N, K), and
    how much of them the voxels have (B, M, K)."""
    import torch

    size = min(_COMPONENTS, *white.shape[1:])
    start = torch.randn(white.shape[2], size, generator=torch.Generator().manual_seed(0))
    vectors = start.expand(len(white), -1, -1)
    for _ in range(2):
        vectors = _orthonormal(white.mT @ _orthonormal(white @ vectors))
    seen = white @ vectors
    power, turn = torch.linalg.eigh(seen.mT @ seen)
    return power, vectors @ turn, seen @ turn


def _orthonormal(vectors: Tensor) -> Tensor:
    import torch

    gram = vectors.mT @ vectors
    norms = gram.diagonal(dim1=1, dim2=2).clamp(min=1e-24).sqrt()[..., None]
    gram = gram / (norms * norms.mT) + 1e-6 * torch.eye(vectors.shape[2])
    lower, failed = torch.linalg.cholesky_ex(gram)
    lower = norms * lower  # of the vectors, not of those of length one
    result: Tensor = torch.linalg.solve_triangular(lower, vectors.mT, upper=False).mT
    if failed.any():  # one component outshines all others, as that of a hot pixel
        result[failed > 0] = torch.linalg.qr(vectors[failed > 0])[0]
    return result


def kept_share(power: Tensor, voxels: Tensor, length: int) -> Tensor:
    """Share of each component that is kept, for unit noise; 0 where noise can make as much."""
    import torch

    longer = voxels.clamp(min=length)
    ratio = voxels.clamp(max=length) / longer
    excess = power / longer
    root = ((excess - ratio - 1) ** 2 - 4 * ratio).clamp(min=0).sqrt()
    return torch.where(excess > (1 + ratio.sqrt()) ** 2, root / excess, 0.0)
