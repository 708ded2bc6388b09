"""The training loop of the networks along the stack axis: minutes on one core."""

from __future__ import annotations

import copy
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import Cancelled, SBDError
from .features import View, in_noise_units
from .networks import AnyLength, Protocol
from .noises import Noise
from .training_pairs import Lessons

BATCH = 1024
_ROUNDS = 20  # steps until a new lesson takes the place of the oldest
_LESSONS = 8  # that a batch is drawn from, so that no batch holds a single orientation
_VOXELS = 4096  # kept of a lesson
_WARM_UP = 50  # steps
_LOOK = 100  # steps between looks at the held-out voxels
_HELD_OUT = 4096  # voxels
_CROP = 256  # channels that a network of any length sees at once
_RATES = {"paper": 1e-3, "protocol": 2e-3, "any-length": 2e-3}


@dataclass(frozen=True)
class Fitted:
    """What a training has reached.

    Parameters
    ----------
    network
        With the weights that did best on the held-out voxels.
    view
        What it sees of a voxel.
    steps, minutes
        How long it took.
    error, raw_error
        Root mean square error on held-out voxels, of the network and of the noisy signals, in
        units of the noise.
    """

    network: nn.Module
    view: View
    steps: int
    minutes: float
    error: float
    raw_error: float


def fit(
    network: nn.Module,
    lessons: Lessons,
    held_out: Lessons,
    noise: Noise,
    steps: int,
    device: torch.device,
    progress: Callable[[float, float], None],
    should_stop: Callable[[], bool],
) -> Fitted:
    """Train a network for the least mean square error in units of the noise.

    Parameters
    ----------
    network
        Where to start; it is changed.
    lessons, held_out
        What to learn from, and what to be judged by.
    noise
        Of the noisy signals: gives their unit.
    steps
        Of the optimiser; the learning rate falls to zero over them.
    device, progress, should_stop
        As in ``train_series``.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    SBDError
        If the loss is not finite any more.
    """
    kind = network.architecture["kind"]  # type: ignore[index]
    began = time.monotonic()
    test = [a[:_HELD_OUT] for a in _pairs(held_out, noise, varied=False)]
    if lessons.tissue is not None:  # orientations that the reference lacks count as much
        test = [np.concatenate(p) for p in zip(test, _some(lessons, noise), strict=True)]
    known = deque((_some(lessons, noise) for _ in range(_LESSONS)), _LESSONS)
    if isinstance(network, Protocol):
        noisy, clean = (np.concatenate(parts) for parts in zip(*known, strict=True))
        network.start_at(_tensor(noisy), _tensor(clean), lessons.view.noise is not None)
    network.to(device)
    optimiser = torch.optim.AdamW(network.parameters(), _RATES[str(kind)], weight_decay=0.01)
    raw = _error(lambda x: x[:, : test[1].shape[1]], test[0], test[1], device)
    best, state, step = math.inf, copy.deepcopy(network.state_dict()), 0
    while step < steps:
        for _ in range(_ROUNDS):
            if should_stop():
                raise Cancelled(f"Stopped at step {step} of {steps}; nothing was kept.")
            noisy, clean = _batch(known, lessons.rng)
            factor = (1 - step / steps) * min(1.0, (step + 1) / _WARM_UP)
            for group in optimiser.param_groups:
                group["lr"] = _RATES[str(kind)] * factor
            pair = _crop(network, noisy, clean, lessons.rng)
            _learn(network, optimiser, *(_tensor(a).to(device) for a in pair))
            step += 1
            progress(step, steps)
            if step % _LOOK == 0 or step == steps:
                error = _error(network, test[0], test[1], device)
                if error < best:
                    best, state = error, copy.deepcopy(network.state_dict())
            if step == steps:
                break
        else:
            known.append(_some(lessons, noise))
    network.load_state_dict(state)
    network.cpu().eval().requires_grad_(False)
    return Fitted(network, lessons.view, steps, (time.monotonic() - began) / 60, best, raw)


def _learn(network: nn.Module, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    loss = nn.functional.mse_loss(network(x), y)
    if not torch.isfinite(loss):
        raise SBDError("Training broke down; check the stack for values far outside its range.")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


def _pairs(lessons: Lessons, noise: Noise, varied: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Features and clean signals in units of the noise."""
    noisy, clean = lessons.draw(varied)
    scaled, unit = in_noise_units(noisy, clean.shape[1], noise)
    return scaled, clean / unit


def _some(lessons: Lessons, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """A lesson, of which few enough voxels are kept."""
    noisy, clean = _pairs(lessons, noise)
    chosen = lessons.rng.permutation(len(noisy))[:_VOXELS]
    return noisy[chosen], clean[chosen]


def _batch(
    known: deque[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As many voxels of each lesson."""
    chosen = [rng.integers(len(noisy), size=BATCH // len(known)) for noisy, _ in known]
    parts = [(noisy[i], clean[i]) for i, (noisy, clean) in zip(chosen, known, strict=True)]
    noisy, clean = (np.concatenate(part) for part in zip(*parts, strict=True))
    return noisy, clean


def _crop(
    network: nn.Module, noisy: np.ndarray, clean: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """For a network of any length, a part of the axis and a quarter of the voxels."""
    if not isinstance(network, AnyLength):
        return noisy, clean
    start = int(rng.integers(0, max(clean.shape[1] - _CROP, 0) + 1))
    part = slice(start, start + _CROP)
    return noisy[: BATCH // 4, part], clean[: BATCH // 4, part]


@torch.no_grad()
def _error(
    estimate: Callable[[Tensor], Tensor],
    noisy: np.ndarray,
    clean: np.ndarray,
    device: torch.device,
) -> float:
    parts = [
        estimate(_tensor(noisy[i : i + BATCH]).to(device)).cpu() - _tensor(clean[i : i + BATCH])
        for i in range(0, len(noisy), BATCH)
    ]
    return float(torch.cat(parts).square().mean().sqrt())


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
