"""Clean images held in memory; every batch gets fresh crops, flips and Poisson noise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SBDError
from ..files import checksum, is_whole, read_note
from ..simulation import dataset, structures, wave_cache
from ..simulation.clips import draw_clip
from ..simulation.scenes import Scene
from . import cameras
from .recipe import Recipe

HELD_OUT = 0.03  # share of the waves that only validation sees
VALIDATION_IMAGES = 48
VALIDATION_DOSE = 9.0  # electrons per working pixel
_SHARE = 500  # images in one file of the cache
_WAVE_BYTES = 170_000  # of a cached wave, at most
_RUN_BYTES = 500_000_000  # two checkpoints, a third being written, and the model
_ALWAYS = ("mixture", "adf", "waves", "images", "image_size", "seed")
_SCENE_STATES = 3  # of a scene, on average at most
_IF_GIVEN = ("materials", "zones", "microscope", "pixel_nm", "low_magnification")


class Pool:
    """Clean images (N, S, S), float16, vacuum = 1.

    Parameters
    ----------
    images
        The array.
    recipe
        Gives dose range, batch size and seed.
    """

    def __init__(self, images: np.ndarray, recipe: Recipe) -> None:
        self.images, self.recipe = images, recipe

    def batch(self, crop: int, step: int) -> tuple[Tensor, Tensor]:
        """Draw noisy and clean images in units of the noise, each (B, 1, crop, crop).

        The batch of a step depends on the recipe's seed and on the step alone, so that a resumed
        run sees what an uninterrupted one would have seen.
        """
        rng = np.random.default_rng([self.recipe.seed, 3, step])
        size = self.images.shape[-1]
        low, high = np.log(self.recipe.dose)
        pairs = []
        for _ in range(self.recipe.batch):
            y, x = rng.integers(0, size - crop + 1, 2)
            clean = self.images[rng.integers(len(self.images)), y : y + crop, x : x + crop]
            clean = np.rot90(clean, int(rng.integers(4)))
            if rng.random() < 0.5:
                clean = clean[:, ::-1]
            expected = clean.astype(np.float32) * np.exp(rng.uniform(low, high))
            if self.recipe.cameras and rng.random() < self.recipe.cameras:
                pairs.append(normalised_pair(*cameras.leave_over(expected, rng, self.recipe.adf)))
            else:
                pairs.append(normalised_pair(rng.poisson(expected), expected))
        noisy, target = (
            torch.from_numpy(np.stack(part)[:, None]) for part in zip(*pairs, strict=True)
        )
        return noisy, target


def normalised_pair(counts: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(s - m) / sqrt(m)`` of counts and of their expectation, with m the mean count."""
    m = max(float(counts.mean()), 0.02)
    scale = np.float32(1 / np.sqrt(m))
    noisy = (counts.astype(np.float32) - np.float32(m)) * scale
    return noisy, ((expected - np.float32(m)) * scale).astype(np.float32)


def build(
    recipe: Recipe,
    folder: Path,
    workers: int,
    report: Callable[[str], None] = lambda line: None,
    status: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate (or take up from ``folder``) the training and the validation images of a recipe.

    Parameters
    ----------
    recipe
        What to simulate.
    folder
        Receives ``waves/``, ``images/`` and ``data.json``; what is there and whole is kept.
    workers
        Processes.
    report, status
        Called with lines of text: results, and what is under way.
    should_stop
        Asked now and then.

    Returns
    -------
    (images, S, S) and (48, S, S), float16; for movies (images, T, S, S) and (48, T, S, S).

    Raises
    ------
    SBDError
        If the folder holds the data of another recipe, the disk has no room for these, or a
        material cannot be had in a zone or with a defect.
    Cancelled
        If ``should_stop`` said so.
    """
    _check_room(recipe, folder)
    _check_structures(recipe)
    _claim(folder, recipe)
    waves = folder / "waves"
    what: dict[str, Any] = {
        "count": recipe.waves,
        "mixture": recipe.shares,
        "seed": recipe.seed,
        "workers": workers,
        "progress": lambda done, total: status(f"exit waves {done}/{total}"),
        "should_stop": should_stop,
    }
    if recipe.frames > 1:
        wave_cache.make_scenes(waves, **what)
    else:
        chosen = {k: getattr(recipe, k) for k in ("materials", "zones", "microscope")}
        wave_cache.make_waves(waves, **what, **chosen)
    shares = [("validation", VALIDATION_IMAGES, True, 0)]
    for i in range(-(-recipe.images // _SHARE)):
        count = min(_SHARE, recipe.images - i * _SHARE)
        shares.append((f"training{i:04d}", count, False, i))
    images = folder / "images"
    images.mkdir(exist_ok=True)
    paths = [images / f"{name}.npz" for name, *_ in shares]
    missing = [(p, waves, recipe, *s[1:]) for p, s in zip(paths, shares, strict=True)]
    missing = [job for job in missing if not is_whole(job[0])]
    before = len(shares) - len(missing)

    def tell(done: int) -> None:
        status(f"clean images, {before + done} of {len(shares)} parts")

    tell(0)
    wave_cache.simulate_all(_draw, missing, workers, tell, should_stop)
    for kept in (_waves, _scenes):
        kept.cache_clear()
    parts = [np.load(path)["images"] for path in paths]
    what_of = "images of {} exit waves" if recipe.frames == 1 else "clips of {} scenes"
    report(f"{recipe.images} clean {what_of.format(recipe.waves)}")
    return np.concatenate(parts[1:]), parts[0]


def _check_room(recipe: Recipe, folder: Path) -> None:
    """Refuse at once what the disk cannot hold."""
    states = 1 if recipe.frames == 1 else _SCENE_STATES
    need = recipe.waves * states * _WAVE_BYTES + _RUN_BYTES
    need += recipe.images * recipe.frames * recipe.image_size**2 * 2
    there = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    free = shutil.disk_usage(folder).free
    if need - there > free:
        raise SBDError(
            f"This recipe needs {need / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB are free "
            "there; free some, choose another disk, or lower the waves, the images or their size."
        )


def _check_structures(recipe: Recipe) -> None:
    """Find out at once whether the recipe's materials can be had as it wants them."""
    zones = recipe.zones or (None,)
    for kind, material, zone in product(recipe.shares, recipe.materials, zones):
        try:
            drawn = structures.draw(
                kind, np.random.default_rng(0), dataset.FIELD[1], material, zone
            )
        except SBDError as error:
            raise SBDError(f"The recipe's {kind} is not possible: {error}") from error
        if not len(drawn):
            raise SBDError(
                f"The recipe's {kind} of {material} holds no atom; check the unit cell, which may "
                f"be larger than the field of {dataset.FIELD[1] / 10:g} nm."
            )


def _claim(folder: Path, recipe: Recipe) -> None:
    """Write down what the folder's data are of; refuse a folder with the data of another recipe."""
    facts = recipe.model_dump(mode="json", include={*_ALWAYS, *_IF_GIVEN})
    wanted = {k: v for k, v in facts.items() if k in _ALWAYS or v}
    if recipe.frames > 1:
        wanted["frames"] = recipe.frames
    if recipe.materials:
        # a CIF file counts by what it holds
        wanted["materials"] = [
            checksum(Path(m)) if Path(m).is_file() else m for m in recipe.materials
        ]
    note = folder / "data.json"
    if not note.exists():
        note.write_text(json.dumps(wanted), "utf-8")
        return
    if read_note(note, "train into another folder") != wanted:
        raise SBDError(f"{folder} holds the data of another recipe; use a folder of its own.")


def _draw(job: tuple[Path, Path, Recipe, int, bool, int]) -> None:
    """Draw one file of clean images; its seed makes it independent of all others."""
    path, waves, recipe, count, held_out, share = job
    seed = recipe.seed * 10_000 + 2 * share + held_out
    if recipe.frames > 1:
        scenes = _part(_scenes(waves), recipe.waves, held_out)
        rng = np.random.default_rng([seed, 7])
        clips = (draw_clip(scenes, rng, recipe.frames, recipe.image_size) for _ in range(count))
        stack = np.stack([clip.images.astype(np.float16) for clip in clips])
        wave_cache.save_arrays(path, images=stack)
        return
    images = dataset.draw_images(
        _waves(waves, recipe.waves, held_out),
        count,
        recipe.image_size,
        seed,
        recipe.adf,
        recipe.microscope,
        recipe.pixel_nm,
        recipe.low_magnification,
    )
    wave_cache.save_arrays(path, images=np.stack([image.astype(np.float16) for image in images]))


@lru_cache(maxsize=2)
def _waves(folder: Path, count: int, held_out: bool) -> list[dataset.Wave]:
    return _part(wave_cache.load_waves(folder), count, held_out)


@lru_cache(maxsize=1)
def _scenes(folder: Path) -> list[Scene]:
    return wave_cache.load_scenes(folder)


def _part(loaded: list[Any], count: int, held_out: bool) -> list[Any]:
    border = round(count * (1 - HELD_OUT))
    return loaded[border:count] if held_out else loaded[:border]
