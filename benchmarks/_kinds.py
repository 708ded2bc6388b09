"""Kinds of simulated images that differ from each other in one respect each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch

from napari_sbd.simulation import optics
from napari_sbd.simulation.dataset import Wave, simulate_wave

_USED = 0.95  # of a wave's field


@dataclass(frozen=True)
class Kind:
    """What is imaged, and how.

    Parameters
    ----------
    structure
        Key of ``simulation.structures.KINDS``.
    pixel
        Working pixel [nm].
    dose
        Electrons per working pixel, in vacuum or (dark field) on average.
    dark_field
        Incoherent dark-field STEM on a background of this many times the mean signal; None is TEM.
    settings
        Of the microscope, where they differ from an aberration-corrected one, atoms bright.
    """

    structure: str = "pt_ceo2"
    pixel: float = 0.033
    dose: float = 12.0
    dark_field: float | None = None
    settings: dict[str, float] = field(default_factory=dict)

    def clean(self, seed: int) -> np.ndarray:
        """One image (N, N) of expected electrons; structure, turn and position by the seed."""
        wave = _wave(self.structure, seed)
        rng = np.random.default_rng([seed, 9])
        picture = self._tem(wave) if self.dark_field is None else self._stem(wave)
        size = min(192, int(_USED * wave.box / (10 * self.pixel)) // 8 * 8)
        scale = size * 10 * self.pixel / wave.box
        turn = np.pi / 2 * rng.integers(4) + rng.uniform(-0.1, 0.1)
        cos, sin = scale * math.cos(turn), scale * math.sin(turn)
        affine = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]], dtype=torch.float32)
        grid = torch.nn.functional.affine_grid(affine, [1, 1, size, size], align_corners=False)
        sampled = torch.nn.functional.grid_sample(
            picture[None, None], grid, "bicubic", "reflection", align_corners=False
        )
        image: np.ndarray = sampled[0, 0].clamp_min(0.02).numpy() * self.dose
        return image

    def _tem(self, wave: Wave) -> torch.Tensor:
        pixel_blur = 1000 * self.pixel / math.sqrt(12)
        settings = {"image_spread": 40.0, **self.settings}
        settings["image_spread"] = math.hypot(settings["image_spread"], pixel_blur)
        microscope = optics.Optics(kilovolt=wave.kilovolt, **settings)
        picture: torch.Tensor = optics.image(wave.psi, wave.box, microscope)
        return picture

    def _stem(self, wave: Wave) -> torch.Tensor:
        x, y, number, atoms = wave.columns.T[:4]
        spread = math.hypot(0.6, 10 * self.pixel / math.sqrt(12))
        weight = atoms**0.9 * number**1.7
        picture = optics.adf_image(x, y, weight, wave.box, spread, 2 * wave.psi.shape[0])
        picture = picture + self.dark_field * picture.mean()
        return picture / picture.mean()


@lru_cache(maxsize=256)
def _wave(structure: str, seed: int) -> Wave:
    return simulate_wave(structure, seed)


BASE = Kind()
OTHERS = {
    "dark contrast (defocus -6 nm)": Kind(settings={"defocus": -6.0}),
    "strong delocalisation (Cs 1 mm)": Kind(settings={"cs": 1000.0, "defocus": -50.0}),
    "material: MoS2 sheets": Kind("sheet"),
    "material: any crystal with an edge": Kind("crystal_edge"),
    "material: grain boundaries": Kind("grain_boundary"),
    "no lattice: amorphous carbon": Kind("amorphous_film"),
    "dose 30 times higher": Kind(dose=360.0),
    "dose 15 times lower": Kind(dose=0.8),
    "pixel 0.018 nm": Kind(pixel=0.018),
    "pixel 0.055 nm": Kind(pixel=0.055),
    "dark-field STEM on a background": Kind(dark_field=0.5),
}
