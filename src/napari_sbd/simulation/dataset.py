"""Training data: a cache of exit waves, and pools of clean images drawn from it.

Waves are cached rather than images: one wave of 70 to 150 kB gives any number of images with other
optics, pixel sizes and orientations at some 15 ms each.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import SBDError
from . import optics, structures
from .crystals import Atoms
from .multislice import exit_wave
from .scattering import ATOMIC_NUMBER, wavelength

# What share of the waves each kind of structure gets.
GENERAL = {
    "pt_ceo2": 0.5,
    "metal_on_oxide": 0.15,
    "crystal_edge": 0.15,
    "free_particle": 0.1,
    "grain_boundary": 0.04,
    "amorphous_film": 0.03,
    "sheet": 0.03,
}
PT_CEO2 = {"pt_ceo2": 0.5, "pt_ceo2_ideal": 0.5}
WORKING_PIXEL_NM = (0.022, 0.06)  # range of the images that are drawn
MIXTURES = {"general": GENERAL, "pt-ceo2": PT_CEO2}


@dataclass(frozen=True)
class Wave:
    """An exit wave with what produced it.

    Parameters
    ----------
    psi
        (n, n) complex64, incident intensity 1.
    box
        Side of the field [Å].
    kilovolt
        Accelerating voltage [kV].
    kind
        Key of ``structures.KINDS``.
    columns
        (N, 4) x [Å], y [Å], atomic number, number of atoms of every atomic column.
    """

    psi: np.ndarray
    box: float
    kilovolt: float
    kind: str
    columns: np.ndarray


def simulate_wave(kind: str, seed: int) -> Wave:
    """Draw a structure of one kind and propagate the beam through it."""
    rng = np.random.default_rng([seed, 1])
    box = rng.uniform(60, 72)
    kilovolt = (
        300.0 if kind == "pt_ceo2" else float(rng.choice([300, 200, 80], p=[0.7, 0.25, 0.05]))
    )
    atoms = structures.draw(kind, rng, box)
    return Wave(exit_wave(atoms, box, kilovolt), box, kilovolt, kind, columns_of(atoms))


def columns_of(atoms: Atoms, tolerance: float = 0.8) -> np.ndarray:
    """Group atoms that lie behind each other along the beam.

    Parameters
    ----------
    atoms
        A model, possibly tilted by a few degrees.
    tolerance
        Å in projection within which successive atoms belong to one column.

    Returns
    -------
    (N, 4) array: mean x [Å], mean y [Å], atomic number, number of atoms.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    numbers = np.array([ATOMIC_NUMBER[str(e)] for e in atoms.elements])
    found = []
    for number in np.unique(numbers):
        p = atoms.positions[numbers == number] * (1, 1, 0.1)
        pairs = cKDTree(p).query_pairs(tolerance, output_type="ndarray")
        links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(p), len(p)))
        count, label = connected_components(links, directed=False)
        size = np.bincount(label, minlength=count)
        x, y = (np.bincount(label, p[:, i], minlength=count) / size for i in (0, 1))
        found.append(np.stack([x, y, np.full(count, number), size], 1))
    return np.concatenate(found) if found else np.zeros((0, 4))


def make_waves(
    folder: Path,
    count: int,
    mixture: dict[str, float],
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Fill a folder with exit waves; those already there are kept.

    Parameters
    ----------
    folder
        Made when absent.
    count
        How many waves there shall be.
    mixture
        Share of each kind of structure.
    seed
        Wave i of a seed is the same whatever the number of workers.
    workers
        Processes.
    progress
        Called with (done, total).
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(count) if not _wave_path(folder, i).exists()]
    job = partial(_make_wave, folder, mixture, seed)
    with ProcessPoolExecutor(workers, initializer=_one_thread) as pool:
        for done, _ in enumerate(pool.map(job, missing, chunksize=4), 1):
            if progress:
                progress(count - len(missing) + done, count)


def load_waves(folder: Path) -> list[Wave]:
    """Read every wave of a folder, in order.

    Raises
    ------
    SBDError
        If there is none, or a file is damaged.
    """
    paths = sorted(folder.glob("wave*.npz"))
    if not paths:
        raise SBDError(f"No exit waves in {folder}; run napari-sbd train to make some.")
    return [_load_wave(path) for path in paths]


def draw_images(
    waves: list[Wave], count: int, size: int, seed: int = 0, adf: float = 0.0
) -> Iterator[np.ndarray]:
    """Yield clean images (size, size) float32, vacuum (TEM) or mean (ADF) = 1.

    The pixel is the working pixel of the networks, 0.022 to 0.06 nm, and integrates over its area.
    A share ``adf`` of the images is annular dark-field STEM, the others are phase contrast.
    """
    for i in range(count):
        rng = np.random.default_rng([seed, 2, i])
        yield clean_image(waves[rng.integers(len(waves))], rng, size, adf)


def clean_image(wave: Wave, rng: np.random.Generator, size: int, adf: float = 0.0) -> np.ndarray:
    """Image a wave with random optics, pixel size, orientation and position."""
    import torch

    near = wave.kind == "pt_ceo2_ideal" or rng.random() < 0.75
    if near:
        pixel = rng.uniform(0.27, 0.40)
    else:
        pixel = 10 * math.exp(rng.uniform(*np.log(WORKING_PIXEL_NM)))
    if rng.random() < adf:
        picture = _adf(wave, rng, pixel)
    else:
        settings = draw_optics(wave, rng)
        # the pixel's own area, as a Gaussian of the same variance, adds to the blur of the image
        spread = math.hypot(settings.image_spread, 100 * pixel / math.sqrt(12))
        settings = optics.Optics(**{**vars(settings), "image_spread": spread})
        picture = optics.image(wave.psi, wave.box, settings)
    scale = size * pixel / wave.box
    reach = max(0.0, (1 - scale) * 0.9)
    angle, mirror = rng.uniform(0, 2 * np.pi), rng.choice([-1, 1])
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    shift = rng.uniform(-reach, reach, 2)
    affine = torch.tensor(
        [[[cos, -sin * mirror, shift[0]], [sin, cos * mirror, shift[1]]]], dtype=torch.float32
    )
    grid = torch.nn.functional.affine_grid(affine, [1, 1, size, size], align_corners=False)
    sampled = torch.nn.functional.grid_sample(
        picture[None, None], grid, "bicubic", "reflection", align_corners=False
    )
    return sampled[0, 0].clamp_min(0.02).numpy()


def draw_optics(wave: Wave, rng: np.random.Generator) -> optics.Optics:
    """Draw microscope settings: mostly aberration-corrected, negative Cs and overfocus."""
    specialist = wave.kind in PT_CEO2
    classic = not specialist and rng.random() < 0.2
    if classic:
        cs = rng.uniform(500, 1200)
        defocus = -0.12 * math.sqrt(cs * 1e4 * wavelength(wave.kilovolt)) * rng.uniform(0.6, 1.4)
    else:
        cs = rng.uniform(-14, -8)
        defocus = rng.uniform(-4, 20) if specialist else rng.uniform(-12, 20)
    residual = 0.0 if wave.kind == "pt_ceo2_ideal" and rng.random() < 0.7 else 1.0
    return optics.Optics(
        kilovolt=wave.kilovolt,
        defocus=defocus,
        cs=cs,
        c5=rng.choice([0.0, 5.0]),
        astigmatism=residual * abs(rng.normal(0, 0.8)),
        astigmatism_angle=rng.uniform(0, 2 * np.pi),
        coma=residual * abs(rng.normal(0, 2.7)),
        coma_angle=rng.uniform(0, 2 * np.pi),
        threefold=residual * abs(rng.normal(0, 8)),
        threefold_angle=rng.uniform(0, 2 * np.pi),
        focal_spread=rng.uniform(2.2, 5),
        convergence=rng.uniform(0.1, 0.3),
        image_spread=rng.uniform(22, 60),
        aperture=12.5,
    )


def _adf(wave: Wave, rng: np.random.Generator, pixel: float):
    """Columns as spots with the tails of a real probe, on a background; mean = 1."""
    x, y, number, atoms = wave.columns.T
    weight = atoms ** rng.uniform(0.7, 1.0) * number ** rng.uniform(1.5, 1.9)
    size = 2 * wave.psi.shape[0]
    spread = math.hypot(rng.uniform(0.4, 0.85), pixel / math.sqrt(12))
    picture = optics.adf_image(x, y, weight, wave.box, spread, size)
    tails = optics.adf_image(x, y, weight, wave.box, rng.uniform(1.2, 5), size)
    picture = picture + rng.uniform(0, 0.8) * tails
    if rng.random() < 0.6:
        picture = picture + math.exp(rng.uniform(math.log(0.02), 0)) * picture.mean()
    return picture / picture.mean()


def _wave_path(folder: Path, index: int) -> Path:
    return folder / f"wave{index:06d}.npz"


def _make_wave(folder: Path, mixture: dict[str, float], seed: int, index: int) -> None:
    rng = np.random.default_rng([seed, 0, index])
    shares = np.array(list(mixture.values()))
    kind = str(rng.choice(list(mixture), p=shares / shares.sum()))
    wave = simulate_wave(kind, int(rng.integers(2**31)))
    path = _wave_path(folder, index)
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        np.savez(
            file,
            psi=np.stack([wave.psi.real, wave.psi.imag]).astype(np.float16),
            box=wave.box,
            kilovolt=wave.kilovolt,
            kind=wave.kind,
            columns=wave.columns.astype(np.float32),
        )
    os.replace(draft, path)


def _load_wave(path: Path) -> Wave:
    try:
        with np.load(path, allow_pickle=False) as z:
            re, im = z["psi"].astype(np.float32)
            scalars = float(z["box"]), float(z["kilovolt"]), str(z["kind"])
            return Wave((re + 1j * im).astype(np.complex64), *scalars, z["columns"])
    except (OSError, ValueError, KeyError) as error:
        raise SBDError(f"{path} is damaged; delete it and run the training again.") from error


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
