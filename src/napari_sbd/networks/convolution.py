"""Convolutions that cost less once a network only denoises.

Weights are converted to the precision of the pass once, not at every call. On processors, wide
3 x 3 convolutions take the minimal filtering F(2 x 2, 3 x 3) of Winograd (Lavin and Gray 2015,
arXiv 1509.09308): 16 products in place of 36 for each square of four results, and sums in exchange.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from .hardware import minimal_filtering_pays

_WIDE = 128  # channels from which the saved products outweigh the sums
_KERNEL = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))

_ready: Any = WeakIdKeyDictionary()


class Convolution(nn.Conv2d):
    """A convolution; in inference mode in the cheapest form that the processor has.

    Weights that do not change are converted once where gradients of something else are asked for,
    too, as of gains.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) to (B, O, H', W')."""
        # a weight that is computed, as under a parametrisation, is another one at every call
        lasting = isinstance(self.weight, nn.Parameter) and not self.weight.is_inference()
        inference = torch.is_inference_mode_enabled()
        if not lasting or (self.weight.requires_grad and not inference):
            return super().forward(x)
        dtype = x.dtype
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
        minimal = inference and self._minimal(x)
        weight = _prepared(self.weight, dtype, minimal)
        x = x.to(dtype)
        if not minimal:
            bias = None if self.bias is None else self.bias.to(dtype)
            result: Tensor = self._conv_forward(x, weight, bias)
            return result
        y = _winograd(x, weight)
        return y if self.bias is None else y + self.bias.to(dtype)[:, None, None]

    def _minimal(self, x: Tensor) -> bool:
        return (
            x.device.type == "cpu"
            and self.kernel_size == (3, 3)
            and self.stride == (1, 1)
            and self.padding == (1, 1)
            and min(self.in_channels, self.out_channels) >= _WIDE
            and minimal_filtering_pays()
        )


def _prepared(weight: Tensor, dtype: torch.dtype, minimal: bool) -> Tensor:
    """The weight as a pass needs it, made once for as long as it does not change."""
    state = weight._version, weight.device
    kept: tuple[Any, dict[Any, Tensor]] | None = _ready.get(weight)
    if kept is None or kept[0] != state:
        _ready[weight] = kept = state, {}
    form = dtype, minimal
    if form not in kept[1]:
        with torch.inference_mode(False):  # which gradients can pass as well
            made = _spread_kernels(weight).to(dtype) if minimal else weight.detach().to(dtype)
        kept[1][form] = made
    return kept[1][form]


def _spread_kernels(weight: Tensor) -> Tensor:
    """Kernels (O, I, 3, 3) as 16 matrices (16, I, O), those along x first."""
    spread = torch.tensor(_KERNEL)
    kernels = torch.einsum("ap,oipq,bq->baio", spread, weight.detach().float(), spread)
    return kernels.reshape(16, weight.shape[1], weight.shape[0]).contiguous()


def _winograd(x: Tensor, kernels: Tensor) -> Tensor:
    """3 x 3 convolution of (B, I, H, W), zeros around it, with kernels (16, I, O)."""
    b, _, height, width = x.shape
    h, w = -(-height // 2), -(-width // 2)
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1 + width % 2, 1, 1 + height % 2))
    along_y = _differences([padded[:, i : i + 2 * h - 1 : 2] for i in range(4)])
    spread = _differences([along_y[:, :, :, i : i + 2 * w - 1 : 2] for i in range(4)])
    mixed = torch.bmm(spread.view(16, b * h * w, -1), kernels).view(4, 4, b, h, w, -1)
    along_x = mixed.new_empty((2, *mixed.shape[1:]))
    _sums(mixed, along_x[0], along_x[1])
    result = mixed.new_empty((b, h, 2, w, 2, mixed.shape[-1]))
    for i in range(2):
        _sums(along_x[i], result[:, :, 0, :, i], result[:, :, 1, :, i])
    return result.view(b, 2 * h, 2 * w, -1)[:, :height, :width].permute(0, 3, 1, 2)


def _differences(t: list[Tensor]) -> Tensor:
    """The four combinations of four neighbours that kernels are multiplied with."""
    result = t[0].new_empty((4, *t[0].shape))
    torch.sub(t[0], t[2], out=result[0])
    torch.add(t[1], t[2], out=result[1])
    torch.sub(t[2], t[1], out=result[2])
    torch.sub(t[1], t[3], out=result[3])
    return result


def _sums(t: Tensor, first: Tensor, second: Tensor) -> None:
    """Two neighbouring results from four products."""
    torch.add(t[0], t[1], out=first).add_(t[2])
    torch.sub(t[1], t[2], out=second).sub_(t[3])
