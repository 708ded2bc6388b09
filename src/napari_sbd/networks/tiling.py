"""One network pass over an image, or a window of frames, of any size, in tiles without a seam.

The convolutions see a limited neighbourhood, so tiles that overlap by it give what the whole image
would. The non-local blocks attend to *witnesses*: all positions of a small image, a random draw of
them spread over a large one, the same for every tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import Cancelled, DeviceFull, stop_if_asked
from .bounds import beyond
from .hardware import autocast
from .tile_size import tile_size
from .unet import UNet

WITNESSES = 4096
_TOKEN = 4  # working pixels along a side of a non-local block's position


@dataclass(frozen=True)
class Tile:
    """Where to read, and which part of the result to keep; half-open ranges of working pixels."""

    read: tuple[slice, slice]
    keep: tuple[slice, slice]
    write: tuple[slice, slice]


def tiles(shape: tuple[int, int], core: int, halo: int) -> Iterator[Tile]:
    """Cover a shape with cores of at most ``core`` pixels, each read with ``halo`` around it.

    Parameters
    ----------
    shape
        (H, W).
    core
        Side of the cores.
    halo
        Pixels read beyond a core on each side, less where the image ends.
    """
    for top in range(0, shape[0], core):
        for left in range(0, shape[1], core):
            read, keep, write = [], [], []
            for start, length in zip((top, left), shape, strict=True):
                stop = min(start + core, length)
                low, high = max(0, start - halo), min(length, stop + halo)
                read.append(slice(low, high))
                keep.append(slice(start - low, stop - low))
                write.append(slice(start, stop))
            yield Tile((read[0], read[1]), (keep[0], keep[1]), (write[0], write[1]))


def run(
    network: UNet,
    image: np.ndarray,
    device: torch.device,
    *,
    tile: int | None = None,
    tick: Callable[[float], None] = lambda share: None,
    should_stop: Callable[[], bool] = lambda: False,
    lasting: bool = True,
) -> np.ndarray:
    """Pass a normalised image through a network.

    What single pixels hold beyond anything that a lens draws passes by the network, unchanged.

    Parameters
    ----------
    network
        In evaluation mode, on ``device``.
    image
        (H, W) float32, in units of the noise; or (T, H, W), of which the middle frame is wanted.
    device
        Where to compute.
    tile
        Side of the tiles' cores [working pixels]; ``tile_size()`` by default.
    tick
        Called after each tile with the share of the pass that it was.
    should_stop
        Asked before each tile.
    lasting
        Whether more passes will follow, for which weights are worth being prepared and kept.

    Returns
    -------
    (H, W) float32.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    DeviceFull
        If the memory of the graphics card does not suffice.
    """
    once = partial(
        _run, network, device=device, tile=tile, tick=tick, should_stop=should_stop, lasting=lasting
    )
    stack = image if image.ndim == 3 else image[None]
    middle = len(stack) // 2
    found = [beyond(frame) for frame in stack]
    if all(excess is None for excess in found):
        return once(stack)
    rest = np.stack([f if e is None else f - e for f, e in zip(stack, found, strict=True)])
    level, scale = rest[middle].mean(), rest[middle].std()
    result: np.ndarray = once((rest - level) / scale) * scale + level
    excess = found[middle]
    return result if excess is None else result + excess


def _run(
    network: UNet,
    image: np.ndarray,
    *,
    device: torch.device,
    tile: int | None,
    tick: Callable[[float], None],
    should_stop: Callable[[], bool],
    lasting: bool,
) -> np.ndarray:
    m = network.multiple
    size = image.shape[1:]
    pad = [(0, -n % m) for n in size]
    mode = "reflect" if all(p[1] < n for p, n in zip(pad, size, strict=True)) else "edge"
    padded = torch.from_numpy(np.pad(image, [(0, 0), *pad], mode=mode))  # type: ignore[call-overload]
    shape = tuple(padded.shape[1:])
    core, halo = _multiple_of(tile or tile_size(), m), _multiple_of(network.reach, m)
    parts = list(tiles((shape[0], shape[1]), core, halo))
    result = np.empty(shape, np.float32)
    grid = shape[0] // _TOKEN, shape[1] // _TOKEN
    chosen = _choose_witnesses(grid)

    def forward(part: Tile, **options: Any) -> Tensor:
        if should_stop():
            raise Cancelled("Stopped before the image was complete.")
        stop_if_asked()
        x = padded[:, *part.read][None].to(device, memory_format=torch.channels_last)
        try:
            # only in inference mode do convolutions prepare their weights
            with torch.inference_mode() if lasting else torch.no_grad(), autocast(device):
                result: Tensor = network(x, **options)
                return result
        except torch.cuda.OutOfMemoryError:
            raise DeviceFull(
                "The memory of the graphics card is too small for this image; use the device cpu."
            ) from None

    if len(parts) == 1:
        everywhere = None if chosen is None else chosen.to(device)
        result[parts[0].write] = _kept(forward(parts[0], chosen=everywhere), parts[0])
        tick(1)
        return result[: size[0], : size[1]]
    if chosen is None:
        chosen = torch.arange(grid[0] * grid[1])

    # a non-local block needs its witnesses from every tile before any tile can pass it
    share = 1 / (len(parts) * (network.non_local + 1))
    witnesses: list[Tensor] = []
    for stage in range(network.non_local):
        gathered = None
        for part in parts:
            features = forward(part, witnesses=witnesses, stop_at=stage)
            gathered = _gather(features, part, chosen, grid, gathered)
            tick(share)
        assert gathered is not None
        witnesses.append(gathered)
    for part in parts:
        result[part.write] = _kept(forward(part, witnesses=witnesses), part)
        tick(share)
    return result[: size[0], : size[1]]


def _kept(output: Tensor, part: Tile) -> np.ndarray:
    kept: np.ndarray = output[0, 0, *part.keep].float().cpu().numpy()
    return kept


def _choose_witnesses(grid: tuple[int, int]) -> Tensor | None:
    """Flat positions on the grid of a non-local block, the same for one grid; None means all."""
    count = grid[0] * grid[1]
    if count <= WITNESSES:
        return None
    return torch.from_numpy(
        np.sort(np.random.default_rng(0).choice(count, WITNESSES, replace=False))
    )


def _gather(
    features: Tensor, part: Tile, chosen: Tensor, grid: tuple[int, int], into: Tensor | None
) -> Tensor:
    """Copy the chosen positions of a tile's core to their places in (1, C, 1, K)."""
    if into is None:
        into = features.new_empty((1, features.shape[1], 1, len(chosen)))
    row, column = chosen // grid[1], chosen % grid[1]
    (top, bottom), (left, right) = ((s.start // _TOKEN, -(-s.stop // _TOKEN)) for s in part.write)
    mine = torch.nonzero((row >= top) & (row < bottom) & (column >= left) & (column < right))[:, 0]
    y = row[mine] - part.read[0].start // _TOKEN
    x = column[mine] - part.read[1].start // _TOKEN
    into[0, :, 0, mine.to(features.device)] = features[0][:, y, x]
    return into


def _multiple_of(value: float, unit: int) -> int:
    return math.ceil(value / unit) * unit
