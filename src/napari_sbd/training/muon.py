"""Orthogonalised momentum for convolutions, Adam for the rest.

Muon (K. Jordan et al., 2024, https://kellerjordan.github.io/posts/muon): the momentum of each
weight matrix is replaced by a nearby orthogonal matrix, found with the quintic Newton-Schulz
iteration published there. ``torch.optim.Muon`` takes matrices only; here a convolution counts as
the matrix (outputs, inputs x kernel).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Return a matrix of the same row and column space whose singular values are all near one."""
    a, b, c = _COEFFICIENTS
    x = matrix.bfloat16()
    transposed = x.size(0) > x.size(1)
    if transposed:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = (x.T if transposed else x).to(matrix.dtype)
    return result


class Muon:
    """Optimise a network: Muon on inner convolutions, Adam on its entry, exit and scalars.

    Parameters
    ----------
    network
        A module with attributes ``entry`` and ``exit``.
    rate
        Learning rate of the orthogonalised step.
    momentum
        Of the orthogonalised step (Nesterov).
    adam_rate
        Learning rate of Adam.
    """

    def __init__(
        self,
        network: nn.Module,
        rate: float = 0.01,
        momentum: float = 0.95,
        adam_rate: float = 1e-3,
    ) -> None:
        inner: list[nn.Parameter] = []
        outer: list[nn.Parameter] = []
        for name, p in network.named_parameters():
            is_inner = p.ndim == 4 and not name.startswith(("entry", "exit"))
            (inner if is_inner else outer).append(p)
        self.inner, self.rate, self.momentum, self.adam_rate = inner, rate, momentum, adam_rate
        self.velocity = [torch.zeros_like(p) for p in inner]
        self.adam = torch.optim.Adam(outer, adam_rate)

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Take a step with both learning rates times ``factor``, then drop the gradients."""
        for p, v in zip(self.inner, self.velocity, strict=True):
            if p.grad is None:
                continue
            v.mul_(self.momentum).add_(p.grad)
            direction = p.grad.add(v, alpha=self.momentum).reshape(p.shape[0], -1)
            update = orthogonalise(direction).view_as(p)
            shape_scale = max(1.0, p.shape[0] / direction.shape[1]) ** 0.5
            p.add_(update, alpha=-self.rate * factor * shape_scale)
            p.grad = None
        for group in self.adam.param_groups:
            group["lr"] = self.adam_rate * factor
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {"velocity": self.velocity, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave."""
        for v, saved in zip(self.velocity, state["velocity"], strict=True):
            v.copy_(saved)
        self.adam.load_state_dict(state["adam"])
