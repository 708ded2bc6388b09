"""A user's microscope: the range of every setting, from which images draw theirs."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from .optics import Optics

_LARGEST = 10_000.0  # nm of defocus, um of Cs: more is another unit, mistaken


_RANGE = "a range is [low, high] with low <= high, or one number"


def _pair(value: Any) -> Any:
    if isinstance(value, int | float):
        return value, value
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(_RANGE)
    return value


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if not (np.isfinite(pair).all() and pair[0] <= pair[1]):
        raise ValueError(_RANGE)
    return pair


def _not_negative(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] < 0:
        raise ValueError("this cannot be negative")
    return pair


def _positive(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] <= 0:
        raise ValueError("this must be positive")
    return pair


def _electrons(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] < 10 or pair[1] > 3000:
        raise ValueError("kilovolt must lie between 10 and 3000")
    return pair


def _of_a_microscope(pair: tuple[float, float]) -> tuple[float, float]:
    if max(abs(pair[0]), abs(pair[1])) > _LARGEST:
        raise ValueError(f"this must lie between -{_LARGEST:g} and {_LARGEST:g}")
    return pair


Range = Annotated[tuple[float, float], BeforeValidator(_pair), AfterValidator(_ordered)]
Size = Annotated[Range, AfterValidator(_not_negative)]
Positive = Annotated[Range, AfterValidator(_positive)]
Kilovolt = Annotated[Range, AfterValidator(_electrons)]
Aberration = Annotated[Range, AfterValidator(_of_a_microscope)]


class Microscope(BaseModel):
    """Ranges of a TEM's settings, each ``(low, high)`` or one number, drawn uniformly.

    What is left out has the range of a well-aligned microscope with aberration corrector.

    Parameters
    ----------
    kilovolt
        Accelerating voltage [kV].
    defocus_nm
        C1 [nm], positive = overfocus.
    cs_um
        C3 [um].
    c5_mm
        C5 [mm].
    astigmatism_nm, coma_nm, threefold_nm
        Size of A1, B2 and A2 [nm]; their directions are drawn freely.
    focal_spread_nm
        Standard deviation [nm].
    convergence_mrad
        Semi-angle of the illumination [mrad].
    image_spread_pm
        Standard deviation of an isotropic blur of the image [pm], the detector's included.
    aperture_per_nm
        Cut-off [1/nm].
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kilovolt: Kilovolt = (300.0, 300.0)
    defocus_nm: Aberration = (-12.0, 20.0)
    cs_um: Aberration = (-14.0, -8.0)
    c5_mm: Range = (0.0, 5.0)
    astigmatism_nm: Size = (0.0, 1.6)
    coma_nm: Size = (0.0, 5.0)
    threefold_nm: Size = (0.0, 16.0)
    focal_spread_nm: Size = (2.2, 5.0)
    convergence_mrad: Size = (0.1, 0.3)
    image_spread_pm: Size = (22.0, 60.0)
    aperture_per_nm: Positive = (12.5, 12.5)

    def draw(self, rng: np.random.Generator, kilovolt: float) -> Optics:
        """Draw settings for a wave of a given voltage [kV]."""
        turn = 2 * np.pi
        return Optics(
            kilovolt=kilovolt,
            defocus=rng.uniform(*self.defocus_nm),
            cs=rng.uniform(*self.cs_um),
            c5=rng.uniform(*self.c5_mm),
            astigmatism=rng.uniform(*self.astigmatism_nm),
            astigmatism_angle=rng.uniform(0, turn),
            coma=rng.uniform(*self.coma_nm),
            coma_angle=rng.uniform(0, turn),
            threefold=rng.uniform(*self.threefold_nm),
            threefold_angle=rng.uniform(0, turn),
            focal_spread=rng.uniform(*self.focal_spread_nm),
            convergence=rng.uniform(*self.convergence_mrad),
            image_spread=rng.uniform(*self.image_spread_pm),
            aperture=rng.uniform(*self.aperture_per_nm),
        )
