"""Clean images held in memory; every batch gets fresh crops, flips and Poisson noise."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import SBDError
from ..simulation import dataset
from .recipe import Recipe

HELD_OUT = 0.03  # share of the waves that only validation sees
VALIDATION_IMAGES = 48
VALIDATION_DOSE = 9.0  # electrons per working pixel


class Pool:
    """Clean images (N, S, S), float16, vacuum = 1.

    Parameters
    ----------
    images
        The array.
    recipe
        Gives dose range and batch size.
    """

    def __init__(self, images: np.ndarray, recipe: Recipe) -> None:
        self.images, self.recipe = images, recipe

    def batch(self, crop: int, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw noisy and clean images in units of the noise, each (B, 1, crop, crop)."""
        size = self.images.shape[-1]
        pairs = []
        for _ in range(self.recipe.batch):
            y, x = generator.integers(0, size - crop + 1, 2)
            clean = self.images[generator.integers(len(self.images)), y : y + crop, x : x + crop]
            clean = np.rot90(clean, int(generator.integers(4)))
            if generator.random() < 0.5:
                clean = clean[:, ::-1]
            low, high = np.log(self.recipe.dose)
            expected = clean.astype(np.float32) * np.exp(generator.uniform(low, high))
            pairs.append(normalised_pair(generator.poisson(expected), expected))
        noisy, target = (
            torch.from_numpy(np.stack(part)[:, None]) for part in zip(*pairs, strict=True)
        )
        return noisy, target


def normalised_pair(counts: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(s - m) / sqrt(m)`` of counts and of their expectation, with m the mean count."""
    m = max(float(counts.mean()), 0.02)
    scale = np.float32(1 / np.sqrt(m))
    noisy = (counts.astype(np.float32) - np.float32(m)) * scale
    return noisy, (expected - np.float32(m)) * scale


def build(
    recipe: Recipe, folder: Path, workers: int, progress: Callable[[str], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate (or take up from ``folder``) the training and the validation images of a recipe."""
    _claim(folder, recipe)
    waves = folder / "waves"
    dataset.make_waves(
        waves,
        recipe.waves,
        dataset.MIXTURES[recipe.mixture],
        recipe.seed,
        workers,
        lambda done, total: progress(f"exit waves {done}/{total}"),
    )
    training = _cached(folder / "training.npy", waves, recipe, recipe.images, False, workers)
    progress(f"{len(training)} clean images")
    validation = _cached(folder / "validation.npy", waves, recipe, VALIDATION_IMAGES, True, 1)
    return training, validation


def _claim(folder: Path, recipe: Recipe) -> None:
    """Write down what the folder's data are of; refuse a folder with the data of another recipe."""
    wanted = recipe.model_dump_json(
        include={"mixture", "adf", "waves", "images", "image_size", "seed"}
    )
    note = folder / "data.json"
    if not note.exists():
        note.write_text(wanted)
    elif note.read_text() != wanted:
        raise SBDError(f"{folder} holds the data of another recipe; use a folder of its own.")


def _cached(
    path: Path, waves: Path, recipe: Recipe, count: int, held_out: bool, workers: int
) -> np.ndarray:
    if path.exists():
        images = np.load(path, mmap_mode="r")
        if images.shape == (count, recipe.image_size, recipe.image_size):
            return np.asarray(images)
    shares = np.array_split(np.arange(count), workers)
    jobs = [(waves, recipe, len(s), held_out, recipe.seed * 1000 + i) for i, s in enumerate(shares)]
    with ProcessPoolExecutor(workers) as executor:
        images = np.concatenate(list(executor.map(_draw, *zip(*jobs, strict=True))))
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        np.save(file, images)
    os.replace(draft, path)
    return images


def _draw(waves: Path, recipe: Recipe, count: int, held_out: bool, seed: int) -> np.ndarray:
    torch.set_num_threads(1)
    loaded = dataset.load_waves(waves)[: recipe.waves]
    border = round(len(loaded) * (1 - HELD_OUT))
    chosen = loaded[border:] if held_out else loaded[:border]
    images = dataset.draw_images(
        chosen, count, recipe.image_size, seed + 500 * held_out, recipe.adf
    )
    return np.stack([image.astype(np.float16) for image in images])
