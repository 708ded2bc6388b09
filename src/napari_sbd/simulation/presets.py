"""What ``napari-sbd simulate`` can make: each preset lists the images of every exit wave."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..errors import SBDError
from . import ptceo2

_SAMPLING = 0.333  # Å; with 50 pm of image spread nothing is left beyond 1.5 1/Å
_HEAVY = 30  # atomic number from which columns count for the contrast class
_RANDOM_IMAGES = 2000
_IMAGES_PER_WAVE = 8
_RANDOM_SIZE = 256  # px
_RANDOM_PIXEL_NM = (0.008, 0.022)
_RANDOM_SPLITS = {8: "validation", 9: "test"}  # by the last digit of the wave's number


@dataclass(frozen=True)
class Drawn:
    """The images of one exit wave with their truth.

    Parameters
    ----------
    images
        (N, n, n), vacuum (TEM) or the mean of the simulated field (ADF-STEM) = 1.
    box_nm, field_nm
        Side of the images, which are periodic, and of the field in their middle that is to be
        shown; both None if the images are the field and not periodic.
    columns
        (M, 6) of ``ptceo2.atoms_of``, or None.
    contrast
        N contrast classes, or None.
    """

    images: np.ndarray
    box_nm: float | None = None
    field_nm: float | None = None
    columns: np.ndarray | None = None
    contrast: list[str] | None = None


@dataclass(frozen=True)
class Piece:
    """One exit wave of a dataset, the unit of work.

    Parameters
    ----------
    name
        Of its file.
    rows
        What the metadata say of each of its images; ``index`` counts the images of the file.
    draw
        Makes the images; depends on nothing else, so it can run anywhere.
    """

    name: str
    rows: tuple[dict[str, Any], ...]
    draw: Callable[[], Drawn]


@dataclass(frozen=True)
class Preset:
    """A kind of dataset.

    Parameters
    ----------
    pieces
        Lists the pieces for a seed and a number of images (None = all).
    piece_bytes
        Size of a piece on disk, at most about.
    """

    pieces: Callable[[int, int | None], list[Piece]]
    piece_bytes: int


def preset(name: str) -> Preset:
    """Look a preset up by name.

    Raises
    ------
    SBDError
        If there is none of this name.
    """
    if name not in PRESETS:
        raise SBDError(f"Unknown preset {name!r}; known: {', '.join(PRESETS)}, movies.")
    return PRESETS[name]


def _benchmark(seed: int, images: int | None) -> list[Piece]:
    """All views of ``ptceo2.grid``, or as many at random as hold a number of images."""
    views, defoci = ptceo2.grid(seed), len(ptceo2.DEFOCUS_NM)
    total = len(views) * defoci
    images = total if images is None else images
    if images > total:
        raise SBDError(f"sbd-ptceo2 has {total} images, so {images} cannot be made of it.")
    rng = np.random.default_rng([seed, 7])
    chosen = rng.permutation(len(views))[: math.ceil(images / defoci)]
    # all defoci of every view but the last, which gives what is missing
    last, rest = chosen[-1], images - (len(chosen) - 1) * defoci
    shown = {last: np.sort(rng.permutation(defoci)[:rest])}
    return [_benchmark_piece(views[i], shown.get(i, range(defoci))) for i in np.sort(chosen)]


def _benchmark_piece(view: ptceo2.View, indices: Any) -> Piece:
    model = view.model
    rows = tuple(
        {
            "file": f"images/{view.name}.npz",
            "index": int(index),
            "model": model.name,
            "particle": model.particle,
            "defect": model.defect,
            "thickness_nm": model.thickness_nm,
            "tilt_x_deg": view.tilt_x_deg,
            "tilt_y_deg": view.tilt_y_deg,
            "defocus_nm": ptceo2.DEFOCUS_NM[index],
            "pixel_nm": round(ptceo2.FIELD / 10 / 1024, 8),
            "contrast": "",
            "split": model.split,
            "seed": model.seed,
            "columns_file": f"images/{view.name}.npz",
        }
        for index in indices
    )
    return Piece(view.name, rows, partial(_draw_benchmark, view))


def _draw_benchmark(view: ptceo2.View) -> Drawn:
    from . import optics
    from .bandlimited import coarser
    from .contrast import contrast_classes
    from .multislice import exit_wave

    atoms, columns = ptceo2.atoms_of(view)
    wave = exit_wave(atoms, ptceo2.BOX, ptceo2.OPTICS.kilovolt)
    size = 2 * math.ceil(ptceo2.BOX / _SAMPLING / 2)
    images = np.stack(
        [
            coarser(optics.image(wave, ptceo2.BOX, ptceo2.optics(defocus)).numpy(), size)
            for defocus in ptceo2.DEFOCUS_NM
        ]
    )
    corner = (ptceo2.BOX - ptceo2.FIELD) / 2
    inside = ((columns[:, :2] > 1) & (columns[:, :2] < ptceo2.FIELD - 1)).all(1)
    heavy = columns[inside & (columns[:, 2] >= _HEAVY)]
    places = np.column_stack([heavy[:, 1] + corner, heavy[:, 0] + corner, heavy[:, 2]])
    classes = contrast_classes(images, ptceo2.BOX, places)
    return Drawn(images, ptceo2.BOX / 10, ptceo2.FIELD / 10, columns, classes)


def _mixture(adf: float, seed: int, images: int | None) -> list[Piece]:
    """Random images of the training's general mixture, eight of every exit wave."""
    images = _RANDOM_IMAGES if images is None else images
    pieces = []
    for start in range(0, images, _IMAGES_PER_WAVE):
        wave = start // _IMAGES_PER_WAVE
        rng = np.random.default_rng([seed, 8, wave])
        kind, wave_seed = _kind(rng), int(rng.integers(2**31))
        low, high = np.log(_RANDOM_PIXEL_NM)
        pixels = np.exp(rng.uniform(low, high, _IMAGES_PER_WAVE)).round(5)
        name = f"wave{wave:05d}"
        facts = {"kind": kind, "split": _RANDOM_SPLITS.get(wave % 10, "train"), "seed": wave_seed}
        rows = tuple(
            {"file": f"images/{name}.npz", "index": i, "pixel_nm": float(pixels[i]), **facts}
            for i in range(min(_IMAGES_PER_WAVE, images - start))
        )
        draw = partial(_draw_mixture, kind, wave_seed, tuple(map(float, pixels)), adf)
        pieces.append(Piece(name, rows, draw))
    return pieces


def _kind(rng: np.random.Generator) -> str:
    from .dataset import GENERAL

    shares = np.array(list(GENERAL.values()))
    return str(rng.choice(list(GENERAL), p=shares / shares.sum()))


def _draw_mixture(kind: str, seed: int, pixels: tuple[float, ...], adf: float) -> Drawn:
    from .dataset import clean_image, simulate_wave

    wave = simulate_wave(kind, seed)
    images = [
        clean_image(
            wave, np.random.default_rng([seed, 9, i]), _RANDOM_SIZE, adf, pixel_nm=(pixel, pixel)
        )
        for i, pixel in enumerate(pixels)
    ]
    return Drawn(np.stack(images))


PRESETS = {
    "sbd-ptceo2": Preset(_benchmark, 700_000),
    "hrtem": Preset(partial(_mixture, 0.0), 1_000_000),
    "stem": Preset(partial(_mixture, 1.0), 1_000_000),
}
