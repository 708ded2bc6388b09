"""Simulated images with the axes of the SBD paper's data, and how well they are denoised."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_sbd.simulation import dataset, optics, ptceo2
from napari_sbd.simulation.contrast import contrast_classes
from napari_sbd.simulation.microscope import Microscope
from napari_sbd.simulation.multislice import exit_wave

SIDE = 128  # working pixels
DEFECTS = ("D0", "D1", "D2", "Dh", "Ds")
PIXEL = 0.0305  # nm, five pixels of 6.1 pm
DOSE = 11.25  # electrons per working pixel
RAW = 0.45  # electrons per raw pixel

Denoiser = Callable[[np.ndarray, float], np.ndarray]


def pictures(
    fixed: dict[str, Any], numbers: range, workers: int, cache: Path, each: int = 1
) -> list[np.ndarray]:
    """Clean images (SIDE, SIDE) float32 of a class.

    Parameters
    ----------
    fixed
        Fields of ``Case``, and ``contrast``, a class; the defocus may be a range. What is not given
        is drawn.
    numbers
        One for each model.
    workers
        Processes.
    cache
        Folder for exit waves, which serve for all optics.
    each
        Images of each model.
    """
    count = len(numbers)
    with ProcessPoolExecutor(workers, initializer=_on_one_thread) as pool:
        jobs = [fixed] * count, numbers, [each] * count, [cache] * count
        return [picture for some in pool.map(_pictures, *jobs) for picture in some]


def _on_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@dataclass(frozen=True)
class Case:
    """What an image is of; ``number`` seeds what the other fields leave open."""

    number: int
    particle: str
    defect: str
    thickness_nm: int
    tilt: int
    defocus: float
    pixel: float


def draw(number: int, **fixed: Any) -> Case:
    """A case of the paper's ranges, with some of its fields fixed."""
    rng = np.random.default_rng([number, 7])
    free = {
        "particle": str(rng.choice(list(ptceo2.DEFECTS))),
        "defect": str(rng.choice(DEFECTS)),
        "thickness_nm": int(rng.choice(ptceo2.THICKNESS_NM)),
        "tilt": int(rng.integers(5)),
        "defocus": rng.uniform(0, 20),
        "pixel": PIXEL,
    }
    return Case(number, **{**free, **fixed})


def _wave(case: Case, cache: Path) -> dataset.Wave:
    """Exit wave of a case; one serves for many optics."""
    facts = case.number, case.particle, case.defect, case.thickness_nm, case.tilt
    path = cache / f"{'-'.join(map(str, facts))}.npz"
    if not path.exists():
        model = ptceo2.Model(*facts[:4], variant=0, split="", seed=0)
        tilts = (case.tilt, 0) if case.number % 2 else (0, case.tilt)
        atoms, columns = ptceo2.atoms_of(ptceo2.View(model, *tilts))
        draft = cache / f"{path.stem}-{os.getpid()}.part"
        with draft.open("wb") as file:
            np.savez(file, psi=exit_wave(atoms, ptceo2.BOX), columns=columns)
        os.replace(draft, path)
    with np.load(path) as z:
        return dataset.Wave(z["psi"], ptceo2.BOX, 300.0, "pt_ceo2", z["columns"])


def _contrast(wave: dataset.Wave, defocus: float) -> str:
    """Contrast class of a wave's image, from the platinum and cerium in the field."""
    x, y, number = wave.columns[:, :3].T
    inside = (number > 8) & (x > 0) & (x < ptceo2.FIELD) & (y > 0) & (y < ptceo2.FIELD)
    corner = (ptceo2.BOX - ptceo2.FIELD) / 2
    places = np.stack([y + corner, x + corner, number], 1)[inside]
    picture = optics.image(wave.psi, wave.box, ptceo2.optics(defocus)).numpy()
    return contrast_classes(picture[None], wave.box, places)[0]


def _pictures(fixed: dict[str, Any], number: int, each: int, cache: Path) -> list[np.ndarray]:
    rng = np.random.default_rng([number, 10])
    defocus = fixed.get("defocus", (0, 20))
    given = {k: v for k, v in fixed.items() if k not in ("contrast", "defocus")}
    found: list[np.ndarray] = []
    for attempt in range(50):
        case = draw(number + 1_000_000 * attempt, **given)
        wave = _wave(case, cache)
        for _ in range(4 * each):
            d = rng.uniform(*defocus) if isinstance(defocus, tuple) else defocus
            if "contrast" not in fixed or _contrast(wave, d) == fixed["contrast"]:
                where = np.random.default_rng([number, 9, len(found)])
                size = (case.pixel, case.pixel)
                found.append(dataset.clean_image(wave, where, SIDE, 0.0, _microscope(d), size))
            if len(found) == each:
                return found
    raise SystemExit(f"No image of {fixed} in 50 models.")


def _microscope(defocus: float) -> Microscope:
    """That of the paper at one defocus [nm]."""
    at = ptceo2.optics(defocus)
    return Microscope(
        kilovolt=at.kilovolt,
        defocus_nm=at.defocus,
        cs_um=at.cs,
        c5_mm=at.c5,
        astigmatism_nm=0,
        coma_nm=0,
        threefold_nm=0,
        focal_spread_nm=at.focal_spread,
        convergence_mrad=at.convergence,
        image_spread_pm=at.image_spread,
        aperture_per_nm=at.aperture,
    )


def psnr(estimate: np.ndarray, clean: np.ndarray, dose: float) -> float:
    """PSNR [dB] with peak 1 electron at 0.45 per raw pixel; both images in counts of ``dose``."""
    return float(-10 * np.log10(RAW**2 * np.mean((estimate - clean) ** 2) / dose**2))


def score(denoiser: Denoiser, images: Iterable[np.ndarray], dose: float) -> float:
    """Mean PSNR [dB] of images with fresh noise, the same for every denoiser."""
    found = []
    for i, clean in enumerate(images):
        expected = clean.astype(np.float64) * dose
        counts = np.random.default_rng([i, 11]).poisson(expected).astype(np.float32)
        found.append(psnr(denoiser(counts, dose), expected, dose))
    return float(np.mean(found))


def blur(images: Iterable[np.ndarray], dose: float) -> float:
    """Mean PSNR [dB] of the best Gaussian blur of each image."""
    found = []
    for i, clean in enumerate(images):
        expected = clean.astype(np.float64) * dose
        counts = np.random.default_rng([i, 11]).poisson(expected).astype(np.float64)
        widths = (0, 0.4, 0.6, 0.8, 1, 1.3, 1.6, 2, 2.5, 3, 4, 6)
        found.append(max(psnr(gaussian_filter(counts, w), expected, dose) for w in widths))
    return float(np.mean(found))
