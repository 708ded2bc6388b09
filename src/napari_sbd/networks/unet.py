"""The network: a bias-free residual U-Net with non-local blocks.

Nothing in it adds a constant, and the attention weights see directions only, so the network is
scale-equivariant, f(c y) = c f(y), and has no dose to memorise (Mohan et al., ICLR 2020,
arXiv 1906.05478). Distant atomic columns of a lattice carry the same signal; the non-local blocks
let them vouch for each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_PLAIN_PAIRS = 2**23


class Residual(nn.Module):
    """Two 3 x 3 convolutions added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv3(channels, channels)
        self.second = _conv3(channels, channels)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.normal_(self.second.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


class NonLocal(nn.Module):
    """Cosine attention of every position to every other, added to the input."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (
            nn.Conv2d(channels, channels, 1, bias=False) for _ in range(4)
        )
        self.sharpness = nn.Parameter(torch.full((heads, 1, 1), 8.0))
        nn.init.normal_(self.out.weight, std=1e-3)

    def forward(self, x: Tensor, witnesses: Tensor | None = None) -> Tensor:
        """Attend from every position of ``x`` to ``witnesses`` (B, C, 1, K), or to all of ``x``."""
        source = x if witnesses is None else witnesses
        value = self._split(self.value(source))
        query = F.normalize(self._split(self.query(x)).float(), dim=-1) * self.sharpness
        key = F.normalize(self._split(self.key(source)).float(), dim=-1)
        query, key = query.to(value.dtype), key.to(value.dtype)
        # the plain form is twice as fast on a CPU, and needs memory for every pair
        if self.training or query.shape[2] * key.shape[2] <= _PLAIN_PAIRS:
            mixed = (query @ key.transpose(2, 3)).softmax(-1) @ value
        else:
            mixed = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        mixed = mixed.transpose(2, 3).reshape(x.shape)
        return x + self.out(mixed.contiguous(memory_format=torch.channels_last))

    def _split(self, t: Tensor) -> Tensor:
        b, c, h, w = t.shape
        return t.flatten(2).view(b, self.heads, c // self.heads, h * w).transpose(2, 3)


class UNet(nn.Module):
    """Map normalised counts (B, 1, H, W) to the normalised expected counts, same shape.

    Parameters
    ----------
    widths
        Channels at a half, a quarter, ... of the input sampling; 2 x 2 pixels are folded into
        channels at the entrance, since layers of few channels are bound by memory.
    depths
        Residual blocks at each level, on the way down and again on the way up.
    heads
        Heads of the non-local blocks.
    non_local
        Non-local blocks on the way up at a quarter of the sampling.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (64, 192, 256),
        depths: tuple[int, ...] = (2, 3, 3),
        heads: int = 2,
        non_local: int = 3,
    ) -> None:
        super().__init__()
        self.architecture = {
            "widths": list(widths),
            "depths": list(depths),
            "heads": heads,
            "non_local": non_local,
        }
        self.multiple = 2 ** len(widths)
        # how far a pixel reaches through convolutions: two per residual block, on the way down and,
        # but for the coarsest level, up; plus entry and exit, and the coarser grids' alignment
        passes = [2 * n * (1 if i == len(depths) - 1 else 2) for i, n in enumerate(depths)]
        self.reach = sum(2 ** (i + 1) * n for i, n in enumerate(passes)) + 4
        self.reach += self.multiple - 2
        self.entry = _conv3(4, widths[0])
        self.encoder = nn.ModuleList(
            nn.Sequential(*(Residual(c) for _ in range(n)))
            for c, n in zip(widths, depths, strict=True)
        )
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, 2, bias=False) for a, b in pairs)
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1, bias=False) for a, b in pairs)
        self.decoder = nn.ModuleList(
            nn.Sequential(*_ascent(c, n, heads, non_local if level == 1 else 0))
            for level, (c, n) in enumerate(zip(widths[:-1], depths, strict=False))
        )
        self.exit = _conv3(widths[0], 4)
        nn.init.normal_(self.exit.weight, std=1e-3)
        self.non_local = non_local

    def forward(
        self,
        x: Tensor,
        chosen: Tensor | None = None,
        witnesses: Sequence[Tensor] | None = None,
        stop_at: int | None = None,
    ) -> Tensor:
        """Denoise, or look inside.

        Parameters
        ----------
        x
            (B, 1, H, W), sides multiples of ``self.multiple``.
        chosen
            (K,) flat positions of their input that the non-local blocks attend to; None means all.
        witnesses
            The (B, C, 1, K) features that each non-local block attends to, when they come from
            elsewhere.
        stop_at
            Return the input of this non-local block, (B, C, H / 4, W / 4), instead.
        """
        h = self.entry(F.pixel_unshuffle(x, 2))
        skips = []
        for level, stage in enumerate(self.encoder):
            h = stage(h)
            if level < len(self.down):
                skips.append(h)
                h = self.down[level](h)
        met = 0
        for level in reversed(range(len(self.down))):
            h = F.pixel_shuffle(self.up[level](h), 2) + skips[level]
            for layer in self.decoder[level].children():
                if isinstance(layer, NonLocal):
                    if met == stop_at:
                        return h
                    if witnesses is not None:
                        h = layer(h, witnesses[met])
                    else:
                        h = layer(h, None if chosen is None else h.flatten(2)[:, :, None, chosen])
                    met += 1
                else:
                    h = layer(h)
        return F.pixel_shuffle(self.exit(h), 2)


def _ascent(channels: int, depth: int, heads: int, non_local: int) -> Iterator[nn.Module]:
    for i in range(depth):
        yield Residual(channels)
        if i < non_local:
            yield NonLocal(channels, heads)


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
