"""The training loop: checkpoints, averaged weights, fixed validation, resumable at any moment."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import Cancelled, SBDError
from ..networks.hardware import autocast, resolve_device
from ..networks.unet import UNet
from . import checkpoint, history
from .clip_pool import ClipPool, window_pair
from .memory import keep_freed
from .muon import Muon
from .pool import VALIDATION_DOSE, Pool, normalised_pair
from .recipe import Recipe

WARM_UP_STEPS = 50
AVERAGING = 0.998  # of the weights, per step
CHECKPOINT_SECONDS = 120  # even the checkpoint before the last one is less than five minutes old
_RAW_DOSE = 0.45  # electrons per raw pixel at which validation is expressed, as in the SBD paper
_VALIDATION_SIDE = 128  # working pixels


class Learner:
    """A network, its averaged form and its optimiser.

    Parameters
    ----------
    network
        Where to start; it is changed.
    rate
        Learning rate.
    device
        Where to compute.

    Attributes
    ----------
    average
        The network with weights averaged over the last steps, in evaluation mode.
    step
        Steps taken.
    loss
        Running mean over the steps.
    """

    def __init__(self, network: UNet, rate: float, device: torch.device) -> None:
        self.device = device
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.train()
        self.average = copy.deepcopy(network).eval()
        self.optimiser = Muon(network, rate)
        self.step, self.loss = 0, float("nan")

    def learn(self, noisy: Tensor, clean: Tensor, factor: float) -> float:
        """Take a step with the learning rate times ``factor``; return the loss of the batch."""
        noisy, clean = (
            t.to(self.device, memory_format=torch.channels_last) for t in (noisy, clean)
        )
        with autocast(self.device):
            estimate = self.network(noisy)
        # root and division keep images of high dose or strong contrast from ruling the gradient:
        # of a scale-equivariant network the ratio does not change with the scale of an image
        error = ((estimate.float() - clean) ** 2).mean((1, 2, 3)).add(1e-4).sqrt()
        loss = (error / noisy.square().mean((1, 2, 3)).sqrt()).mean()
        loss.backward()
        value: float = loss.item()
        if math.isfinite(value):
            self.optimiser.step(min(1.0, (self.step + 1) / WARM_UP_STEPS) * factor)
            self.step += 1
            self.loss = value if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * value
            self.follow()
        return value

    @torch.no_grad()
    def follow(self) -> None:
        """Move the averaged weights towards the present ones."""
        keep = min(AVERAGING, self.step / (self.step + 20))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        for mean, newest in pairs:
            mean.lerp_(newest, 1 - keep)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "architecture": self.network.architecture,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "loss": self.loss,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.loss = state["step"], state["loss"]


def train(
    recipe: Recipe,
    rate: float,
    network: UNet,
    images: np.ndarray,
    validation: np.ndarray,
    folder: Path,
    *,
    saved: dict[str, Any] | None = None,
    origin: dict[str, Any] | None = None,
    device: str = "auto",
    report: Callable[[str], None] = lambda line: None,
    status: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[UNet, history.Row]:
    """Train a network; return its averaged form, and what it has reached.

    Parameters
    ----------
    recipe
        What to train, and how long.
    rate
        Learning rate at the start.
    network
        Where to start; it is changed.
    images, validation
        Clean images or clips, vacuum = 1, as ``pool.build`` makes them.
    folder
        Receives checkpoints, ``history.csv`` and ``curves.png`` every two minutes.
    saved
        A checkpoint of this run to go on from. The learning rate is always that of a run of the
        recipe's length at this moment, so when a run is made longer it falls to zero once more.
    origin
        Plain values to keep in the checkpoints.
    device
        As ``networks.hardware.resolve_device`` takes it.
    report, status
        Called with lines of text: at each checkpoint, and at each step.
    should_stop
        Asked before each step.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so; a checkpoint is written first.
    SBDError
        If the loss is not finite any more.
    OSError
        If the folder cannot be written; the last checkpoint stays.
    """
    keep_freed()
    learner = Learner(network, rate, resolve_device(device))
    before, rows = 0.0, []
    if saved is not None:
        learner.load_state_dict(saved)
        before, rows = saved["spent"], [history.Row(*row) for row in saved["history"]]
    pool = Pool(images, recipe) if recipe.frames == 1 else ClipPool(images, recipe)
    fixed = _validation_batch(validation, network.multiple)
    first, spent, began = learner.step, before, time.monotonic()

    def done() -> float:
        return learner.step / recipe.steps if recipe.steps else spent / (recipe.minutes * 60)

    def measure() -> None:
        score = validate(learner.average, *fixed, learner.device)
        samples, factor = learner.step * recipe.batch, max(0.0, 1 - done())
        rows.append(history.Row(spent / 60, learner.step, samples, learner.loss, score, factor))
        loss = f"  loss {learner.loss:.4f}" if learner.step else ""
        report(f"{spent / 60:6.1f} min  step {learner.step}{loss}  {score:.2f} dB")

    def save() -> None:
        measure()
        plain = {"spent": spent, "history": [tuple(row) for row in rows]}
        checkpoint.save(folder, {**(origin or {}), **learner.state_dict(), **plain})
        history.write(folder, rows)

    if saved is None:
        measure()  # so that the curve tells whether fine-tuning gains anything
        began = time.monotonic()
    last_save = began
    while done() < 1:
        if should_stop():
            save()
            raise Cancelled(
                f"Stopped at step {learner.step} after {spent / 60:.1f} minutes of training; the "
                "same command with --resume goes on from there."
            )
        crop = recipe.crops[min(int(done() * len(recipe.crops)), len(recipe.crops) - 1)]
        loss = learner.learn(*pool.batch(crop, learner.step), 1 - done())
        if not math.isfinite(loss):
            raise SBDError(
                f"Training broke down at step {learner.step} (the loss is {loss}); lower the rate "
                f"of {rate:g}. The last checkpoint is in {folder}."
            )
        spent = before + time.monotonic() - began
        length = f"/{recipe.steps}" if recipe.steps else f" of {recipe.minutes:g} min"
        now = f"step {learner.step}" if recipe.steps else f"{spent / 60:.1f}"
        pace = (spent - before) / (learner.step - first)
        score = rows[-1].validation_db
        status(f"{now}{length}  {pace:.2f} s/step  loss {learner.loss:.4f}  {score:.2f} dB")
        if time.monotonic() - last_save > CHECKPOINT_SECONDS:
            save()
            last_save = time.monotonic()
    if rows[-1].step < learner.step:
        save()
    if rows[-1].validation_db < rows[0].validation_db:
        report("The result is worse than the start; train longer, or lower the rate.")
    return learner.average, rows[-1]


def validate(network: UNet, noisy: Tensor, clean: Tensor, rate: Tensor, device: Any) -> float:
    """Mean PSNR [dB] for a peak of 1 electron, were vacuum 0.45 electrons per raw pixel.

    Only the working pixels enter; what upsampling to raw pixels loses is not part of it.
    """
    with torch.no_grad(), autocast(device):
        estimate = network(noisy.to(device, memory_format=torch.channels_last)).float().cpu()
    relative = ((estimate - clean) ** 2).mean((1, 2, 3)) * rate / VALIDATION_DOSE**2
    return float((-10 * torch.log10(_RAW_DOSE**2 * relative)).mean())


def _validation_batch(images: np.ndarray, multiple: int) -> tuple[Tensor, Tensor, Tensor]:
    unit = max(4, multiple)
    side = min(_VALIDATION_SIDE, images.shape[-1]) // unit * unit
    rng = np.random.default_rng(0)
    noisy, clean, rates = [], [], []
    for image in images:
        expected = image[..., :side, :side].astype(np.float32) * VALIDATION_DOSE
        counts = rng.poisson(expected)
        if image.ndim == 3:
            pair = window_pair(counts, expected)
            rates.append(counts[len(counts) // 2].mean())
        else:
            one, other = normalised_pair(counts, expected)
            pair = one[None], other[None]
            rates.append(counts.mean())
        noisy.append(pair[0])
        clean.append(pair[1])
    stack = [torch.from_numpy(np.stack(p)) for p in (noisy, clean)]
    return stack[0], stack[1], torch.tensor(rates, dtype=torch.float32)
