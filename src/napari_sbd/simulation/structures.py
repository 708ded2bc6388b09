"""Random atomic models of what people put into a microscope, each drawn from a seed.

Coordinates are in Å: x to the right and y down in the image, z along the beam. The atoms fill a
square field of side ``box`` and leave its rim to wrap-around of the multislice grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import SBDError
from .crystals import Atoms, Direction, lattice_direction
from .defects import dislocation, grain_boundary, stacking_fault
from .edges import crystal_edge
from .films import amorphous_film, sheet
from .particles import free_particle
from .placing import disordered, tilted
from .supported import metal_on_oxide, pt_ceo2, pt_ceo2_ideal

KINDS: dict[str, Callable[..., Atoms]] = {
    "pt_ceo2": pt_ceo2,
    "pt_ceo2_ideal": pt_ceo2_ideal,
    "metal_on_oxide": metal_on_oxide,
    "crystal_edge": crystal_edge,
    "free_particle": free_particle,
    "grain_boundary": grain_boundary,
    "dislocation": dislocation,
    "stacking_fault": stacking_fault,
    "amorphous_film": amorphous_film,
    "sheet": sheet,
}
# which kinds let the user choose what
OF_ONE_CRYSTAL = (
    "crystal_edge",
    "free_particle",
    "grain_boundary",
    "dislocation",
    "stacking_fault",
)
OF_ONE_MATERIAL = (*OF_ONE_CRYSTAL, "sheet")


def draw(
    kind: str,
    rng: np.random.Generator,
    box: float,
    material: str | None = None,
    zone: Direction | None = None,
) -> Atoms:
    """Draw a model of one of ``KINDS``, strained, disordered and tilted at random.

    Parameters
    ----------
    kind
        A key of ``KINDS``.
    rng
        The source of all randomness.
    box
        Side of the field [Å].
    material
        A key of ``materials.MATERIALS`` or the path of a CIF file; for a sheet, a key of
        ``films.SHEETS``. Drawn at random when None. Only for kinds in ``OF_ONE_MATERIAL``.
    zone
        Lattice direction [uvw] along the beam. Drawn from the material's usual ones when None.
        Only for kinds in ``OF_ONE_CRYSTAL``.

    Raises
    ------
    SBDError
        If kind or material are unknown, or the kind has no such choice.
    """
    if kind not in KINDS:
        raise SBDError(f"Unknown structure {kind!r}; known: {', '.join(KINDS)}.")
    chosen: dict[str, Any] = {}
    for name, value, allowed in (
        ("material", material, OF_ONE_MATERIAL),
        ("zone", zone, OF_ONE_CRYSTAL),
    ):
        if value is None:
            continue
        if kind not in allowed:
            raise SBDError(
                f"The {name} of {kind!r} is fixed; one can be chosen for {', '.join(allowed)}."
            )
        chosen[name] = value if name == "material" else lattice_direction(value)
    atoms = KINDS[kind](rng, box, **chosen)
    xy = atoms.positions[:, :2]
    inside = np.all((xy >= 1) & (xy <= box - 1), axis=1)
    atoms = atoms.select(inside)
    if kind == "pt_ceo2_ideal":
        tilt = np.zeros(2)
        tilt[rng.integers(2)] = rng.uniform(-4, 4)
        return tilted(atoms, tilt)
    return tilted(disordered(rng, atoms, box), np.clip(rng.normal(0, 1.3, 2), -4, 4))
