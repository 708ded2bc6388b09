"""The adaptation itself: optimise, watch the score, stop at the best, decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..errors import Cancelled
from ..networks.hardware import autocast
from ..networks.unet import UNet
from . import layer
from .adam import Adam
from .judge import Frame, Judge, Verdict
from .losses import LOSSES

CROP = 128  # working pixels along a side of what one step sees
RATE = {"gains": 3e-2, "all": 1e-3}  # of Adam at its highest; it falls to zero with the steps
_WARM_UP_STEPS = 10
LOOKS = 20  # how often the score is looked at
PATIENCE = 4  # looks without a better score, after which tuning ends
_AVERAGING = 0.9  # of the changes, per step


@dataclass
class Outcome:
    """What an adaptation came to.

    Parameters
    ----------
    changes
        The best changes, whether kept or not, as exact as half precision; zero where no step was
        better than none.
    verdict
        On the part that decides; None where it was never asked.
    curve
        (step, score) of every look.
    steps, best_step
        Done, and the one that was best.
    seconds
        Wall time.
    cancelled
        Whether ``should_stop`` ended it.
    """

    changes: dict[str, Tensor] = field(default_factory=dict)
    verdict: Verdict | None = None
    curve: list[tuple[int, float]] = field(default_factory=list)
    steps: int = 0
    best_step: int = 0
    seconds: float = 0.0
    cancelled: bool = False


def adapt(
    network: UNet,
    frames: list[Frame],
    judged: list[Frame],
    *,
    loss: str,
    tune: layer.Tune,
    steps: int,
    rng: np.random.Generator,
    device: torch.device,
    progress: Callable[[int, int], None],
    on_step: Callable[[int, float], None],
    should_stop: Callable[[], bool],
) -> Outcome:
    """Adapt a network to frames.

    Parameters
    ----------
    network
        Stays as it is.
    frames, judged
        To learn from; and those of them to judge on.
    loss
        A key of ``LOSSES``.
    tune
        What to change.
    steps
        At most.
    rng
        Source of chance.
    device
        Where the network is.
    progress
        Called with (step, steps) after every step.
    on_step
        Called with (step, score) at every look.
    should_stop
        Asked before every step; True ends the work with the best so far.
    """
    began, outcome = time.perf_counter(), Outcome()
    tuned, changes = layer.over(network, tune)
    outcome.changes = {name: torch.zeros_like(c) for name, c in changes.items()}
    try:
        watch = Judge(judged, "stop", network, device, should_stop)
        decide = Judge(judged, "decide", network, device, should_stop)
        first = [_first(network, f, device, should_stop, loss) for f in frames]
    except Cancelled:
        outcome.cancelled, outcome.seconds = True, time.perf_counter() - began
        return outcome
    score = float(watch.untuned.mean())
    outcome.curve.append((0, score))
    on_step(0, score)
    optimiser = Adam(changes.values())
    average = {name: torch.zeros_like(c) for name, c in changes.items()}
    every, best = max(1, steps // LOOKS), score
    for step in range(1, steps + 1):
        if should_stop():
            outcome.cancelled = True
            break
        which = int(rng.integers(len(frames)))
        value = _loss(tuned, frames[which], first[which], loss, rng, device)
        with _repeatable():
            value.backward()
        optimiser.step(RATE[tune] * min(1.0, step / _WARM_UP_STEPS) * (1 - (step - 1) / steps))
        with torch.no_grad():
            for name, change in changes.items():
                average[name].lerp_(change, 1 - min(_AVERAGING, step / (step + 5)))
        outcome.steps = step
        if step % every == 0 or step == steps:
            score = watch(layer.apply(network, average, tune)).tuned
            outcome.curve.append((step, score))
            on_step(step, score)
            if score < best:
                best, outcome.best_step = score, step
                outcome.changes = {name: a.half().float() for name, a in average.items()}
            elif step >= outcome.best_step + PATIENCE * every:
                break
        progress(step, steps)
    if outcome.best_step:
        outcome.verdict = decide(layer.apply(network, outcome.changes, tune))
    outcome.seconds = time.perf_counter() - began
    return outcome


def _first(
    network: UNet,
    frame: Frame,
    device: torch.device,
    should_stop: Callable[[], bool],
    loss: str,
) -> np.ndarray:
    """What resampling starts from; the other losses do not look at it."""
    if loss != "resampling":
        result: np.ndarray = frame.seen
        return result
    estimate = frame.denoise(network, frame.seen, frame.share, device, should_stop)
    return estimate.astype(np.float32)


def _loss(
    network: UNet,
    frame: Frame,
    first: np.ndarray,
    loss: str,
    rng: np.random.Generator,
    device: torch.device,
) -> Tensor:
    """A loss on one random crop."""

    def predict(images: np.ndarray, share: float) -> Tensor:
        level = np.float32(share * frame.share * frame.mean)
        normal = torch.from_numpy((images - level).astype(np.float32)[:, None] / frame.scale)
        with autocast(device):
            clean = network(normal.to(device, memory_format=torch.channels_last))
        result: Tensor = clean[:, 0].float() * frame.scale + level
        return result

    m = network.multiple
    window = []
    for n in frame.seen.shape:
        side = min(CROP, n // m * m)
        start = int(rng.integers(n - side + 1))
        window.append(slice(start, start + side))
    part = tuple(window)
    with _repeatable():
        value = LOSSES[loss](predict, frame.seen[part], frame.noise, rng, first[part])
    # gradients near 1 for every pixel, as half precision needs; Adam does not mind
    result: Tensor = value * (frame.seen[part].size / frame.scale**2)
    return result


def _repeatable() -> AbstractContextManager[None]:
    """Context in which the same seed gives the same result on CUDA, too."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
