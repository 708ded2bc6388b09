"""What a person says about material and microscope, as a training recipe; knows no Qt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SBDError
from ...units import number_of, parse_number

if TYPE_CHECKING:
    from ...training.recipe import Recipe

_WAVE_SECONDS, _IMAGE_SECONDS = 0.25, 0.032  # of one core, docs/simulate.md


@dataclass(frozen=True)
class Wishes:
    """The fields of the Train widget, as typed.

    Parameters
    ----------
    name
        Of the model.
    material
        Name of a known material, or the path of a CIF file.
    zones
        Directions along the beam, as ``1 0 0, 1 1 0``; empty for the usual ones.
    kilovolt, cs_um, defocus_nm
        Of the microscope: one number, or ``low to high``; empty for many microscopes.
    pixel_nm
        Of the raw image [nm].
    dose
        Electrons per raw pixel: one number, or ``low to high``.
    waves
        Exit waves to simulate.
    minutes
        Of training.
    """

    name: str
    material: str
    zones: str
    kilovolt: str
    cs_um: str
    defocus_nm: str
    pixel_nm: str
    dose: str
    waves: str
    minutes: str


def recipe_of(wishes: Wishes) -> Recipe:
    """The recipe of a specialist model.

    Raises
    ------
    SBDError
        If a field cannot be understood, or contradicts another.
    """
    from ...training.specialist import specialist

    microscope = {
        key: list(_range(value, key.partition("_")[0]))
        for key in ("kilovolt", "cs_um", "defocus_nm")
        if (value := getattr(wishes, key).strip())
    }
    return specialist(
        wishes.material,
        _range(wishes.pixel_nm, "pixel size"),
        name=wishes.name.strip() or None,
        zones=zones_of(wishes.zones),
        microscope=microscope,
        dose=_range(wishes.dose, "dose"),
        waves=round(_range(wishes.waves, "number of exit waves")[0]),
        minutes=_range(wishes.minutes, "time")[0],
    )


def plan_of(recipe: Recipe, start: str, cores: int) -> str:
    """What a training will do and how long it takes, in words.

    Parameters
    ----------
    recipe
        Of the training.
    start
        The model to fine-tune.
    cores
        That simulate.
    """
    simulation = (recipe.waves * _WAVE_SECONDS + recipe.images * _IMAGE_SECONDS) / cores / 60
    material = ", ".join(Path(m).stem for m in recipe.materials)
    return (
        f"Simulates {recipe.waves:,} exit waves of {material} and {recipe.images:,} images, about "
        f"{_time(simulation)} on {number_of(cores, 'core')}; then trains {start} for "
        f"{_time(recipe.minutes)}. In all about {_time(simulation + recipe.minutes)}."
    )


def _time(minutes: float) -> str:
    return f"{max(round(minutes), 1)} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def zones_of(words: str) -> list[tuple[int, int, int]]:
    """Directions [u, v, w] from ``1 0 0, 1 -1 0`` or ``[100] [1-10]``.

    Raises
    ------
    SBDError
        If that is no list of directions.
    """
    found = re.findall(r"-?\d", words)
    if len(found) % 3 or re.sub(r"[-\d\s,;\[\]]", "", words):
        raise SBDError(f'"{words}" are no directions; type them as in 1 0 0, 1 1 0.')
    return [
        (int(u), int(v), int(w))
        for u, v, w in zip(found[::3], found[1::3], found[2::3], strict=True)
    ]


def _range(words: str, what: str) -> tuple[float, float]:
    parts = re.split(r"\s+to\s+|\s*…\s*", words.strip())
    try:
        numbers = sorted(n for part in parts if (n := parse_number(part, what)) is not None)
    except SBDError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise SBDError(f'"{words}" is no {what}; type one number, or two as in 2 to 12.')
    return numbers[0], numbers[-1]
