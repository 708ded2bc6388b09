"""The training loop: checkpoints, averaged weights, fixed validation, resumable at any moment."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..networks.hardware import autocast, resolve_device
from ..networks.unet import UNet
from .muon import Muon
from .pool import VALIDATION_DOSE, Pool, normalised_pair
from .recipe import Recipe

WARM_UP_STEPS = 50
AVERAGING = 0.998  # of the weights, per step
CHECKPOINT_SECONDS = 180
_RAW_DOSE = 0.45  # electrons per raw pixel at which validation is expressed, as in the SBD paper


def train(
    recipe: Recipe,
    images: np.ndarray,
    validation: np.ndarray,
    folder: Path,
    *,
    resume: bool = False,
    start: dict[str, Tensor] | None = None,
    device: str = "auto",
    report: Callable[[str], None],
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Train a network; return its averaged weights, and steps, minutes and validation PSNR [dB].

    Parameters
    ----------
    recipe
        What to train.
    images, validation
        Clean images, vacuum = 1, as ``pool.build`` makes them.
    folder
        Receives ``checkpoint.pt`` every three minutes.
    resume
        Go on from the folder's checkpoint, at most three minutes behind.
    start
        Weights to fine-tune from.
    device
        As ``networks.hardware.resolve_device`` takes it.
    report
        Called with a line of text now and then.
    """
    where = resolve_device(device)
    torch.manual_seed(recipe.seed)
    network = UNet().to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        network.load_state_dict(start)
    average = copy.deepcopy(network).eval()
    optimiser = Muon(network, recipe.rate)
    step, spent = 0, 0.0
    checkpoint = folder / "checkpoint.pt"
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=where, weights_only=True)
        network.load_state_dict(saved["network"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        step, spent = saved["step"], saved["spent"]
    pool, generator = Pool(images, recipe), np.random.default_rng([recipe.seed, 3, step])
    fixed = _validation_batch(validation)
    began, last_save, running = time.monotonic() - spent, time.monotonic(), float("nan")
    while (spent := time.monotonic() - began) < recipe.minutes * 60:
        done = spent / (recipe.minutes * 60)
        crop = recipe.crops[min(int(done * len(recipe.crops)), len(recipe.crops) - 1)]
        noisy, clean = (
            t.to(where, memory_format=torch.channels_last) for t in pool.batch(crop, generator)
        )
        with autocast(where):
            estimate = network(noisy)
        # root and division keep images of high dose or strong contrast from ruling the gradient:
        # of a scale-equivariant network the ratio does not change with the scale of an image
        error = ((estimate.float() - clean) ** 2).mean((1, 2, 3)).add(1e-4).sqrt()
        loss = (error / noisy.square().mean((1, 2, 3)).sqrt()).mean()
        loss.backward()
        optimiser.step(min(1.0, (step + 1) / WARM_UP_STEPS) * (1 - done))
        step += 1
        running = loss.item() if running != running else 0.98 * running + 0.02 * loss.item()
        with torch.no_grad():
            keep = min(AVERAGING, step / (step + 20))
            for a, b in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(b, 1 - keep)
        if time.monotonic() - last_save > CHECKPOINT_SECONDS:
            last_save = time.monotonic()
            state = (network, average, optimiser)
            _save(checkpoint, *(s.state_dict() for s in state), step=step, spent=spent)
            score = validate(average, *fixed, where)
            report(f"{spent / 60:6.1f} min  step {step}  loss {running:.4f}  {score:.2f} dB")
    score = validate(average, *fixed, where)
    report(f"final  step {step}  {score:.2f} dB")
    return average.state_dict(), {"steps": step, "minutes": round(spent / 60, 1), "psnr": score}


def validate(network: UNet, noisy: Tensor, clean: Tensor, rate: Tensor, device: Any) -> float:
    """Mean PSNR [dB] for a peak of 1 electron, were vacuum 0.45 electrons per raw pixel.

    Only the working pixels enter; what upsampling to raw pixels loses is not part of it.
    """
    with torch.no_grad(), autocast(device):
        estimate = network(noisy.to(device, memory_format=torch.channels_last)).float().cpu()
    relative = ((estimate - clean) ** 2).mean((1, 2, 3)) * rate / VALIDATION_DOSE**2
    return float((-10 * torch.log10(_RAW_DOSE**2 * relative)).mean())


def _validation_batch(images: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    noisy, clean, rates = [], [], []
    for image in images:
        expected = image[:128, :128].astype(np.float32) * VALIDATION_DOSE
        counts = rng.poisson(expected)
        pair = normalised_pair(counts, expected)
        noisy.append(pair[0])
        clean.append(pair[1])
        rates.append(counts.mean())
    stack = [torch.from_numpy(np.stack(p)[:, None]) for p in (noisy, clean)]
    return stack[0], stack[1], torch.tensor(rates, dtype=torch.float32)


def _save(path: Path, network: Any, average: Any, optimiser: Any, **rest: Any) -> None:
    draft = path.with_suffix(".part")
    torch.save({"network": network, "average": average, "optimiser": optimiser, **rest}, draft)
    os.replace(draft, path)
