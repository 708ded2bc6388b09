"""Gains as a layer over a trained network: its weights are shared, it is never changed itself."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor, nn

from ..networks.unet import UNet

Tune = Literal["gains", "all"]


def over(network: UNet, tune: Tune) -> tuple[UNet, dict[str, nn.Parameter]]:
    """Lay tunable changes, zero at first, over a network.

    Parameters
    ----------
    network
        Stays as it is, and may be in use elsewhere meanwhile.
    tune
        ``"gains"``: one factor ``1 + change`` per output channel of every convolution, by the name
        of its module; ``"all"``: a change of every weight, by the name of the parameter.

    Returns
    -------
    A network whose weights are those of ``network`` (the same memory), and the changes: (C, 1, 1)
    of gains, or in the shape of the weights.
    """
    layered = copy.deepcopy(network, {id(p): p for p in network.parameters()})
    changes: dict[str, nn.Parameter] = {}
    modules = dict(layered.named_modules())
    if tune == "gains":
        for name, module in modules.items():
            if isinstance(module, nn.Conv2d):
                change = torch.zeros(module.out_channels, 1, 1, device=module.weight.device)
                changes[name] = nn.Parameter(change)
                module.register_forward_hook(_Gain(changes[name]))
    else:
        for name, weight in network.named_parameters():
            changes[name] = nn.Parameter(torch.zeros_like(weight))
            place, _, leaf = name.rpartition(".")
            nn.utils.parametrize.register_parametrization(
                modules[place], leaf, _Shift(changes[name])
            )
    return layered, changes


def apply(network: UNet, changes: dict[str, Tensor], tune: Tune) -> UNet:
    """A network with changes found earlier laid over it."""
    layered, places = over(network, tune)
    for name, place in places.items():
        with torch.no_grad():
            place.copy_(changes[name].reshape(place.shape))
        place.requires_grad_(False)
    return layered


class _Gain:
    """Multiply the output of a convolution by ``1 + change``, exactly where ``change`` is small.

    In bfloat16 a factor such as 1.002 would be rounded to 1.
    """

    def __init__(self, change: nn.Parameter) -> None:
        self.change = change

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return torch.addcmul(output, output, self.change.to(output.dtype))


class _Shift(nn.Module):
    """A weight and its change."""

    def __init__(self, change: nn.Parameter) -> None:
        super().__init__()
        self.change = change

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.change
