"""How fast networks train here: seconds per step, samples per second, and what a step consists of.

    python benchmarks/training_speed.py [--crop 96] [--batch 16] [--steps 8] [--threads N]
                                        [--compile] [--out FILE]

The bundled architecture with random images. ``draw`` is crops, flips and Poisson noise;
``forward``, ``backward`` and ``optimiser`` are the network's; ``average`` follows the weights. The
first two steps do not count. The second table times whole steps done in other ways.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from napari_sbd.networks.hardware import autocast, precision, resolve_device
from napari_sbd.networks.unet import UNet
from napari_sbd.training.loop import Learner
from napari_sbd.training.pool import Pool
from napari_sbd.training.recipe import Recipe

WARM_UP = 2


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--crop", type=int, default=96)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true", help="also try torch.compile")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = resolve_device(options.device)
    recipe = Recipe(name="speed", description="", batch=options.batch)
    images = np.random.default_rng(0).uniform(0.5, 1.5, (500, 144, 144)).astype(np.float16)
    learner, pool = Learner(UNet(), 0.01, device), Pool(images, recipe)

    parts = _parts(learner, pool, options.crop, options.steps)
    total = sum(parts.values())
    name = str(precision(device)).removeprefix("torch.")
    lines = [
        f"{options.threads} threads, {device}, {name}; batch {options.batch}, crop {options.crop}: "
        f"**{total:.2f} s per step, {options.batch / total:.1f} samples per second**",
        "",
        "| part | s | share |",
        "|---|---|---|",
    ]
    lines += [f"| {part} | {s:.3f} | {s / total:.1%} |" for part, s in parts.items()]
    lines += ["", "| variant of a whole step | s |", "|---|---|"]
    for variant, step in _variants(learner, pool, options.crop, options.compile).items():
        lines.append(f"| {variant} | {_mean(step, options.steps):.2f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text)


def _parts(learner: Learner, pool: Pool, crop: int, steps: int) -> dict[str, float]:
    """Mean time of each part of a step."""
    times = {"draw": 0.0, "forward": 0.0, "backward": 0.0, "optimiser": 0.0, "average": 0.0}
    for step in range(WARM_UP + steps):
        marks = [_now(learner)]
        noisy, clean = (
            t.to(learner.device, memory_format=torch.channels_last) for t in pool.batch(crop, step)
        )
        marks.append(_now(learner))
        with autocast(learner.device):
            estimate = learner.network(noisy)
        loss = ((estimate.float() - clean) ** 2).mean((1, 2, 3)).add(1e-4).sqrt().mean()
        marks.append(_now(learner))
        loss.backward()
        marks.append(_now(learner))
        learner.optimiser.step(0.0)
        marks.append(_now(learner))
        learner.follow()
        marks.append(_now(learner))
        if step >= WARM_UP:
            for part, spent in zip(times, np.diff(marks), strict=True):
                times[part] += spent / steps
    return times


def _variants(
    learner: Learner, pool: Pool, crop: int, compiles: bool
) -> dict[str, Callable[[int], object]]:
    """Whole steps done in other ways."""
    executor = ThreadPoolExecutor(1)
    pending = [executor.submit(pool.batch, crop, 0)]

    def ahead(step: int) -> None:
        batch = pending.pop().result()
        pending.append(executor.submit(pool.batch, crop, step + 1))
        learner.learn(*batch, 0.0)

    half = Learner(UNet().to(torch.bfloat16), 0.01, learner.device)

    def in_half(step: int) -> None:
        noisy, clean = pool.batch(crop, step)
        half.learn(noisy.bfloat16(), clean.bfloat16(), 0.0)

    ways = {
        "as it is": lambda step: learner.learn(*pool.batch(crop, step), 0.0),
        "batches drawn in a thread": ahead,
        "weights kept in bfloat16": in_half,
    }
    if compiles:
        fused = Learner(UNet(), 0.01, learner.device)
        fused.network = torch.compile(fused.network)
        ways["torch.compile"] = lambda step: fused.learn(*pool.batch(crop, step), 0.0)
    return ways


def _mean(step: Callable[[int], object], steps: int) -> float:
    for i in range(WARM_UP):
        step(i)
    began = time.perf_counter()
    for i in range(steps):
        step(WARM_UP + i)
    return (time.perf_counter() - began) / steps


def _now(learner: Learner) -> float:
    if learner.device.type == "cuda":
        torch.cuda.synchronize(learner.device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
