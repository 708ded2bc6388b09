"""Training data: exit waves of random structures, and clean images drawn from them.

Waves are cached (``wave_cache``) rather than images: one wave of 70 to 150 kB gives any number of
images with other optics, pixel sizes and orientations at some 15 ms each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import stop_if_asked
from . import optics, structures
from .atomic_columns import columns_of
from .crystals import Direction
from .low_magnification import low_magnification_image
from .microscope import Microscope
from .multislice import exit_wave
from .scattering import wavelength

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
LOW_MAGNIFICATION_NM = (0.06, 1000.0)  # pixels that show objects larger than atoms
MIXTURES = {"general": GENERAL, "pt-ceo2": PT_CEO2}
FIELD = (60.0, 72.0)  # range of a wave's box [Å]


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
        Every atomic column, as ``atomic_columns.columns_of`` gives them.
    """

    psi: np.ndarray
    box: float
    kilovolt: float
    kind: str
    columns: np.ndarray


def simulate_wave(
    kind: str,
    seed: int,
    materials: Sequence[str] = (),
    zones: Sequence[Direction] = (),
    microscope: Microscope | None = None,
) -> Wave:
    """Draw a structure of one kind and propagate the beam through it.

    Parameters
    ----------
    kind
        Key of ``structures.KINDS``.
    seed
        Of everything that is drawn.
    materials
        Names or CIF files to choose from; by default the kind's own.
    zones
        Directions [uvw] along the beam to choose from; by default the usual ones.
    microscope
        Gives the range of the accelerating voltage; by default mostly 300 kV.
    """
    rng = np.random.default_rng([seed, 1])
    box = rng.uniform(*FIELD)
    if microscope is not None:
        kilovolt = rng.uniform(*microscope.kilovolt)
    elif kind == "pt_ceo2":
        kilovolt = 300.0
    else:
        kilovolt = float(rng.choice([300, 200, 80], p=[0.7, 0.25, 0.05]))
    material = str(rng.choice(materials)) if materials else None
    zone = zones[int(rng.integers(len(zones)))] if zones else None
    atoms = structures.draw(kind, rng, box, material, zone)
    return Wave(exit_wave(atoms, box, kilovolt), box, kilovolt, kind, columns_of(atoms))


def draw_images(
    waves: list[Wave],
    count: int,
    size: int,
    seed: int = 0,
    adf: float = 0.0,
    microscope: Microscope | None = None,
    pixel_nm: tuple[float, float] | None = None,
    low_magnification: float = 0.0,
) -> Iterator[np.ndarray]:
    """Yield clean images (size, size) float32, vacuum (TEM) or mean (ADF) = 1.

    Each integrates over the area of its pixels and is drawn as ``clean_image`` does, but for a
    share ``low_magnification`` that shows objects larger than atoms, about a mean of 1. A share
    ``adf`` of the others is annular dark-field STEM, the rest is phase contrast.
    """
    for i in range(count):
        stop_if_asked()
        rng = np.random.default_rng([seed, 2, i])
        if low_magnification and rng.random() < low_magnification:
            yield low_magnification_image(rng, size)
            continue
        wave = waves[rng.integers(len(waves))]
        yield clean_image(wave, rng, size, adf, microscope, pixel_nm)


def clean_image(
    wave: Wave,
    rng: np.random.Generator,
    size: int,
    adf: float = 0.0,
    microscope: Microscope | None = None,
    pixel_nm: tuple[float, float] | None = None,
) -> np.ndarray:
    """Image a wave with random optics, pixel size, orientation and position.

    Parameters
    ----------
    wave
        What to image.
    rng
        The source of all randomness.
    size
        Pixels along a side.
    adf
        Probability of annular dark field.
    microscope
        Gives the ranges of the settings; by default those of ``draw_optics``.
    pixel_nm
        Range of the pixel size [nm], drawn log-uniformly; by default the working pixels of the
        networks, ``WORKING_PIXEL_NM``, mostly near the middle.
    """
    import torch

    if pixel_nm is not None:
        pixel = 10 * math.exp(rng.uniform(*np.log(pixel_nm)))
    elif wave.kind == "pt_ceo2_ideal" or rng.random() < 0.75:
        pixel = rng.uniform(0.27, 0.40)
    else:
        pixel = 10 * math.exp(rng.uniform(*np.log(WORKING_PIXEL_NM)))
    if rng.random() < adf:
        picture = _adf(wave, rng, pixel)
    else:
        settings = microscope.draw(rng, wave.kilovolt) if microscope else draw_optics(wave, rng)
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


def _adf(wave: Wave, rng: np.random.Generator, pixel: float) -> Any:
    """Columns as spots with the tails of a real probe, on a background; mean = 1.

    The probe's standard deviation is 0.25 to 0.85 Å: 0.06 to 0.2 nm at half of its maximum.
    """
    x, y, number, atoms = wave.columns.T[:4]
    weight = atoms ** rng.uniform(0.7, 1.0) * number ** rng.uniform(1.5, 1.9)
    size = 2 * wave.psi.shape[0]
    spread = math.hypot(rng.uniform(0.25, 0.85), pixel / math.sqrt(12))
    picture = optics.adf_image(x, y, weight, wave.box, spread, size)
    tails = optics.adf_image(x, y, weight, wave.box, rng.uniform(1.2, 5), size)
    picture = picture + rng.uniform(0, 0.8) * tails
    if rng.random() < 0.6:
        background = math.exp(rng.uniform(math.log(0.02), 0)) * picture.mean()
        picture = picture + background * (_clouds(size, wave.box, rng) if rng.random() < 0.5 else 1)
    return picture / picture.mean()


def _clouds(size: int, box: float, rng: np.random.Generator) -> Any:
    """A support or contamination of uneven thickness, at least 0 and about 1 in the mean."""
    import torch

    drawn = torch.from_numpy(rng.normal(size=(size, size))).float()
    smooth = optics.blur(drawn, box, math.exp(rng.uniform(math.log(2), math.log(20))))
    return (1 + rng.uniform(0.1, 0.5) * smooth / smooth.std()).clamp_min(0)
