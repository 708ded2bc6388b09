"""Small networks that know one kind of image only, for the benchmarks; a minute or two each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from napari_sbd.networks import ModelCard, save_model
from napari_sbd.networks.hardware import autocast
from napari_sbd.networks.unet import UNet
from napari_sbd.training.muon import Muon

_BATCH, _CROP, _RATE = 8, 64, 0.01
_DEVICE = torch.device("cpu")


def train(
    name: str,
    images: list[np.ndarray],
    noisy: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    folder: Path,
    steps: int,
) -> Path:
    """Train on clean images with fresh noise; the weights are made once and then taken up again.

    Parameters
    ----------
    name
        Of the model.
    images
        Clean images (Y, X), at least 64 x 64.
    noisy
        Adds the noise to a crop.
    folder
        Receives NAME.safetensors and NAME.json.
    steps
        Of the optimiser.
    """
    path = folder / f"{name}.safetensors"
    if path.exists():
        return path
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = UNet(widths=(24, 64, 96), depths=(2, 2, 2), non_local=1)
    network = network.to(memory_format=torch.channels_last)
    average, optimiser = copy.deepcopy(network), Muon(network, _RATE)
    for step in range(steps):
        pairs = [_pair(images[rng.integers(len(images))], noisy, rng) for _ in range(_BATCH)]
        seen, clean = (torch.from_numpy(np.stack(p)[:, None]) for p in zip(*pairs, strict=True))
        with autocast(_DEVICE):
            estimate = network(seen.to(memory_format=torch.channels_last))
        error = (estimate.float() - clean).square().mean((1, 2, 3)).add(1e-4).sqrt()
        (error / seen.square().mean((1, 2, 3)).sqrt()).mean().backward()
        optimiser.step(min(1.0, (step + 1) / 50) * (1 - step / steps))
        keep = min(0.99, step / (step + 20))
        with torch.no_grad():
            for a, b in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(b, 1 - keep)
    card = ModelCard(
        name=name,
        version="0",
        description="For a benchmark.",
        license="BSD-3-Clause",
        architecture=average.architecture,
        parameters=sum(p.numel() for p in average.parameters()),
        working_pixel_nm=(0.001, 1.0),
        dose_range=(1e-3, 1e6),
        training={},
        figures={},
        sha256="",
    )
    return save_model(average, card, folder)


def _pair(
    image: np.ndarray,
    noisy: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    y, x = (rng.integers(n - _CROP + 1) for n in image.shape)
    clean = np.rot90(image[y : y + _CROP, x : x + _CROP], rng.integers(4))
    seen = noisy(clean, rng)
    mean, scale = seen.mean(), seen.std()
    return ((seen - mean) / scale).astype(np.float32), ((clean - mean) / scale).astype(np.float32)
