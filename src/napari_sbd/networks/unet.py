"""The network: a bias-free residual U-Net with non-local blocks.

Nothing in it adds a constant, and the attention weights see directions only, so the network is
scale-equivariant, f(c y) = c f(y), and has no dose to memorise (Mohan et al., ICLR 2020,
arXiv 1906.05478). Distant atomic columns of a lattice carry the same signal; the non-local blocks
let them vouch for each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Convolution
from .hardware import fused_attention_pays

_PLAIN_PAIRS = 2**23  # beyond which a graphics card has no memory for all of them at once
_ROWS = 128  # positions whose pairs a processor's cache can hold, and memory is kept for
WIDTHS, DEPTHS, HEADS, NON_LOCAL = (64, 192, 256), (2, 3, 3), 2, 3


class Residual(nn.Module):
    """Two 3 x 3 convolutions added to their input."""

    def __init__(self, channels: int, bias: bool = False) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 3, bias=bias)
        self.second = _conv(channels, channels, 3, bias=bias)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.normal_(self.second.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.second(F.relu(self.first(x)))
        return result


class NonLocal(nn.Module):
    """Cosine attention of every position to every other, added to the input."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (
            Convolution(channels, channels, 1, bias=False) for _ in range(4)
        )
        self.sharpness = nn.Parameter(torch.full((heads, 1, 1), 8.0))
        nn.init.normal_(self.out.weight, std=1e-3)

    def forward(self, x: Tensor, witnesses: Tensor | None = None) -> Tensor:
        """Attend from every position of ``x`` to ``witnesses`` (B, C, 1, K), or to all of ``x``."""
        source = x if witnesses is None else witnesses
        query = _directions(self._split(self.query(x)), self.sharpness)
        key, value = _directions(self._split(self.key(source))), self._split(self.value(source))
        mixed = _attend(query, key, value, self.training).transpose(1, 2).flatten(2)
        result: Tensor = x + self.out(mixed.transpose(1, 2).view(x.shape))
        return result

    def _split(self, t: Tensor) -> Tensor:
        """(B, C, H, W) as (B, heads, H W, D), no copy where the memory has channels last."""
        result: Tensor = (
            t.permute(0, 2, 3, 1).flatten(1, 2).unflatten(2, (self.heads, -1)).transpose(1, 2)
        )
        return result


class UNet(nn.Module):
    """Map normalised counts (B, T, H, W) to those expected of the middle frame, (B, 1, H, W).

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
        Non-local blocks on the way up at a quarter of the sampling, at most one after each residual
        block there.
    bias
        Whether convolutions add constants. Only for comparison: such a network is not
        scale-equivariant, and ``denoise`` counts on that.
    frames
        Frames of a movie that it sees at once, an odd number; more cost next to nothing, since only
        the entrance is wider.

    Raises
    ------
    ValueError
        If the options contradict each other.
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        depths: Sequence[int] = DEPTHS,
        heads: int = HEADS,
        non_local: int = NON_LOCAL,
        bias: bool = False,
        frames: int = 1,
    ) -> None:
        super().__init__()
        check_options(widths, depths, heads, non_local)
        if frames % 2 == 0:
            raise ValueError("frames must be odd, so that one of them is in the middle")
        self.architecture = {
            "widths": list(widths),
            "depths": list(depths),
            "heads": heads,
            "non_local": non_local,
            "bias": bias,
            "frames": frames,
        }
        self.frames = frames
        self.multiple = 2 ** len(widths)
        # how far a pixel reaches through convolutions: two per residual block, on the way down and,
        # but for the coarsest level, up; plus entry and exit, and the coarser grids' alignment
        passes = [2 * n * (1 if i == len(depths) - 1 else 2) for i, n in enumerate(depths)]
        self.reach = sum(2 ** (i + 1) * n for i, n in enumerate(passes)) + 4
        self.reach += self.multiple - 2
        self.entry = _conv(4 * frames, widths[0], 3, bias=bias)
        self.encoder = nn.ModuleList(
            nn.Sequential(*(Residual(c, bias) for _ in range(n)))
            for c, n in zip(widths, depths, strict=True)
        )
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(_conv(a, b, 2, 2, bias=bias) for a, b in pairs)
        self.up = nn.ModuleList(_conv(b, 4 * a, 1, bias=bias) for a, b in pairs)
        self.decoder = nn.ModuleList(
            nn.Sequential(*_ascent(c, n, heads, non_local if level == 1 else 0, bias))
            for level, (c, n) in enumerate(zip(widths[:-1], depths, strict=False))
        )
        self.exit = _conv(widths[0], 4, 3, bias=bias)
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
            (B, T, H, W) with T ``frames``, sides multiples of ``self.multiple``.
        chosen
            (K,) flat positions of their input that the non-local blocks attend to; None means all.
        witnesses
            The (B, C, 1, K) features that each non-local block attends to, when they come from
            elsewhere.
        stop_at
            Return the input of this non-local block, (B, C, H / 4, W / 4), instead.
        """
        h: Tensor = self.entry(F.pixel_unshuffle(x, 2))
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


def widened(network: UNet, frames: int, middle: float = 1.0, others: float = 0.0) -> UNet:
    """The same network for several frames, of which it sees a weighted sum to begin with.

    Parameters
    ----------
    network
        For single frames.
    frames
        How many the new one sees.
    middle, others
        Weights of the middle frame and of each other one.
    """
    options: dict[str, Any] = {**network.architecture, "frames": frames}
    wide = UNet(**options)
    state = network.state_dict()
    weights = torch.full((frames,), others)
    weights[frames // 2] = middle
    entry = state["entry.weight"]
    state["entry.weight"] = torch.cat([w * entry for w in weights], 1)
    wide.load_state_dict(state)
    return wide


def _directions(t: Tensor, length: Tensor | float = 1.0) -> Tensor:
    """Vectors of a length along those of ``t`` (..., D), computed in single precision."""
    norm = torch.linalg.vector_norm(t, dim=-1, keepdim=True, dtype=torch.float32)
    result: Tensor = (t * (length / norm.clamp_min(1e-12))).to(t.dtype)
    return result


def _attend(query: Tensor, key: Tensor, value: Tensor, training: bool) -> Tensor:
    """Softmax attention (B, heads, N, D) of queries to K keys with their values."""
    if query.device.type == "cpu":
        if training:
            return torch.stack([_mix(*one) for one in zip(query, key, value, strict=True)])
        if query.dtype == torch.bfloat16 and fused_attention_pays():
            return F.scaled_dot_product_attention(query, key, value, scale=1.0)
        # in parts whose pairs stay in the processor's cache
        key, value = key.contiguous(), value.contiguous()
        return torch.cat([_mix(q, key, value) for q in query.split(_ROWS, 2)], 2)
    if training or query.shape[2] * key.shape[2] <= _PLAIN_PAIRS:
        return _mix(query, key, value)
    return F.scaled_dot_product_attention(query, key, value, scale=1.0)


def _mix(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.transpose(-2, -1)).softmax(-1) @ value


def _ascent(
    channels: int, depth: int, heads: int, non_local: int, bias: bool
) -> Iterator[nn.Module]:
    for i in range(depth):
        yield Residual(channels, bias)
        if i < non_local:
            yield NonLocal(channels, heads)


def _conv(inputs: int, outputs: int, side: int, stride: int = 1, *, bias: bool) -> Convolution:
    conv = Convolution(
        inputs, outputs, side, stride, padding=side // 2 if side % 2 else 0, bias=bias
    )
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def check_options(
    widths: Sequence[int] = WIDTHS,
    depths: Sequence[int] = DEPTHS,
    heads: int = HEADS,
    non_local: int = NON_LOCAL,
) -> None:
    """Raise a ValueError where options of ``UNet`` contradict each other."""
    if not widths or len(widths) != len(depths):
        raise ValueError("widths and depths need one number for each level, so as many of each")
    if non_local and len(widths) < 3:
        raise ValueError("non_local blocks need at least three levels; set non_local to 0")
    if non_local and non_local > depths[1]:
        raise ValueError(f"non_local can be at most {depths[1]}, the second of depths")
    if non_local and widths[1] % heads:
        raise ValueError(f"the second of widths must be a multiple of heads ({heads})")
