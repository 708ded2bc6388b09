"""Adam without the compiler that PyTorch loads with its own optimisers.

That takes seconds at the first step, in which a window hardly answers.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980) with its usual constants.

    Parameters
    ----------
    parameters
        What is changed: leaves that require a gradient.
    """

    decay = 0.9, 0.999  # of the running means of gradients and of their squares, per step
    epsilon = 1e-8

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._steps = 0
        self._state = [(p, torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Take a step with this learning rate, then drop the gradients."""
        self._steps += 1
        slow, slower = self.decay
        known, known_square = 1 - slow**self._steps, 1 - slower**self._steps
        for p, mean, square in self._state:
            if p.grad is None:
                continue
            mean.lerp_(p.grad, 1 - slow)
            square.mul_(slower).addcmul_(p.grad, p.grad, value=1 - slower)
            size = (square.sqrt() / known_square**0.5).add_(self.epsilon)
            p.addcdiv_(mean, size, value=-rate / known)
            p.grad = None
