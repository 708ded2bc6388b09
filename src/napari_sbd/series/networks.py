"""Networks along the stack axis: signals (V, N) in units of the noise, to clean ones.

``Paper`` is the reference, ``Protocol`` the default where N is always the same, ``AnyLength`` the
one for stacks of other lengths.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import SBDError
from ..networks.hardware import autocast

_BEYOND = 0.5  # of the noise: how far signals may lie beyond those learnt, in any direction


class Paper(nn.Module):
    """The network of Cheng et al., PLOS ONE 17(9):e0274396.

    Two convolutions with ReLU, each followed by max pooling, and a dense output with ReLU.

    Parameters
    ----------
    length
        N.
    """

    def __init__(self, length: int) -> None:
        super().__init__()
        self.architecture = {"kind": "paper", "length": length}
        self.first = nn.Conv1d(1, 16, 16)
        self.second = nn.Conv1d(16, 32, 8)
        self.out = nn.Linear(32 * (length // 4), length)

    def forward(self, noisy: Tensor) -> Tensor:
        """(V, N) to (V, N)."""
        h = functional.pad(noisy[:, None], (7, 8))  # the convolutions keep the length
        h = functional.max_pool1d(functional.relu(self.first(h)), 2)
        h = functional.max_pool1d(functional.relu(self.second(functional.pad(h, (3, 4)))), 2)
        return functional.relu(self.out(h.flatten(1)))


class Protocol(nn.Module):
    """The best linear estimate, and what a residual network adds to it.

    Every channel sees every other, since neighbours on the axis of a diffusion series have nothing
    in common; so a network fits one protocol only. The linear part starts as the regression of the
    clean on the noisy signals (``start_at``), the rest at zero.

    Parameters
    ----------
    length
        N.
    inputs
        N, or a multiple of it where the network sees the neighbourhood too.
    width, depth
        Hidden units, and layers of them after the first.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, length: int, inputs: int, width: int = 192, depth: int = 2) -> None:
        super().__init__()
        sizes = {"length": length, "inputs": inputs, "width": width, "depth": depth}
        self.architecture = {"kind": "protocol", **sizes}
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.linear = nn.Linear(inputs, length)
        self.entry = nn.Linear(inputs, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.exit = nn.Linear(width, length)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    @torch.no_grad()
    def start_at(self, noisy: Tensor, clean: Tensor, around: bool = False) -> None:
        """Take centre, spread and linear part from pairs (V, inputs) and (V, N).

        Parameters
        ----------
        noisy, clean
            The pairs, in units of the noise.
        around
            Whether the last N inputs are an estimate already, which is to be corrected.
        """
        self.centre.copy_(noisy.mean(0))
        self.spread.copy_(noisy.std(0) + 1e-3)
        known = torch.zeros_like(self.linear.weight)
        if around:
            known[:, -len(known) :] = torch.eye(len(known))
        x = (noisy - self.centre).double()
        y = (clean - clean.mean(0)).double() - x @ known.double().T
        covariance = x.T @ x
        if around:
            covariance += len(x) * _unforeseen(*self.linear.weight.shape)
        covariance += torch.eye(len(covariance)) * (covariance.trace() / len(covariance) * 1e-6)
        self.linear.weight.copy_(known + torch.linalg.solve(covariance, x.T @ y).T)
        self.linear.bias.copy_(clean.mean(0))

    def forward(self, noisy: Tensor) -> Tensor:
        """(V, inputs) to (V, N)."""
        centred = noisy - self.centre
        result: Tensor = self.linear(centred)
        # what is added is small: half the digits do, where nothing is learnt from it
        with nullcontext() if torch.is_grad_enabled() else autocast(noisy.device):
            h = functional.gelu(self.entry(centred / self.spread))
            for layer in self.hidden:
                h = h + functional.gelu(layer(h))
            result = result + self.exit(h)
        return result


def _unforeseen(length: int, inputs: int) -> Tensor:
    """Covariance of what signals may hold beyond those learnt: anything, in a voxel and in its
    estimate alike; the boxes between may hold something else."""
    several = inputs // length
    same = torch.eye(several, dtype=torch.float64)
    same[0, -1] = same[-1, 0] = 1
    return _BEYOND**2 * torch.kron(same, torch.eye(length, dtype=torch.float64))


class AnyLength(nn.Module):
    """Residual convolutions along the axis, for series whose neighbours resemble each other.

    Without biases the network is scale-equivariant (Mohan et al., ICLR 2020), which suits noise
    without a floor; dilation doubles from layer to layer.

    Parameters
    ----------
    bias
        Whether the layers have biases: magnitudes need them.
    width, depth
        Channels, and inner layers.
    """

    def __init__(self, bias: bool, width: int = 32, depth: int = 5) -> None:
        super().__init__()
        self.architecture = {"kind": "any-length", "bias": bias, "width": width, "depth": depth}
        self.entry = nn.Conv1d(1, width, 7, padding="same", bias=bias)
        self.hidden = nn.ModuleList(
            nn.Conv1d(width, width, 5, padding="same", dilation=2**i, bias=bias)
            for i in range(depth)
        )
        self.exit = nn.Conv1d(width, 1, 7, padding="same", bias=bias)
        nn.init.zeros_(self.exit.weight)
        if bias:
            nn.init.zeros_(self.exit.bias)  # type: ignore[arg-type]

    def forward(self, noisy: Tensor) -> Tensor:
        """(V, N) to (V, N)."""
        h = functional.relu(self.entry(noisy[:, None]))
        for layer in self.hidden:
            h = h + functional.relu(layer(h))
        result: Tensor = noisy + self.exit(h)[:, 0]
        return result


_KINDS = {"paper": Paper, "protocol": Protocol, "any-length": AnyLength}


def build(architecture: dict[str, Any]) -> nn.Module:
    """The network that ``architecture`` describes, with fresh weights.

    Raises
    ------
    SBDError
        If there is no such kind.
    """
    options = dict(architecture)
    kind = options.pop("kind", None)
    if kind not in _KINDS:
        raise SBDError(f"The architecture is one of {', '.join(_KINDS)}, not {kind!r}.")
    network: nn.Module = _KINDS[kind](**options)
    return network
