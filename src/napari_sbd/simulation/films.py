"""Amorphous films and two-dimensional sheets."""

from __future__ import annotations

import numpy as np

from ..errors import SBDError
from .crystals import AMORPHOUS, Atoms
from .materials import MATERIALS, block
from .placing import depth_below_edge, turned

# crystal of two layers per cell, and the atoms that replace some of each element
SHEETS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "graphene": ("graphite", {"C": ("N", "B", "Si")}),
    "hBN": ("hBN", {"B": ("C",), "N": ("C", "O")}),
    "MoS2": ("MoS2", {"Mo": ("W", "Re", "V"), "S": ("Se", "O")}),
    "WS2": ("WS2", {"W": ("Mo",), "S": ("Se", "O")}),
}


def amorphous_film(rng: np.random.Generator, box: float, thickness: float = 40.0) -> Atoms:
    """Random carbon at about the density of an amorphous film, at least 1.35 Å apart."""
    from scipy.spatial import cKDTree

    count = int(0.095 * box * box * thickness * 1.6)
    points = rng.uniform(0, 1, (count, 3)) * (box, box, thickness)
    clashes = cKDTree(points).query_pairs(1.35, output_type="ndarray")
    alive = np.ones(count, dtype=bool)
    alive[clashes.max(1)] = False
    points = points[alive]
    return Atoms(points, np.full(len(points), "C"), np.full(len(points), AMORPHOUS))


def sheet(rng: np.random.Generator, box: float, material: str | None = None) -> Atoms:
    """One to four layers of a two-dimensional material, with vacancies and foreign atoms.

    Now and then the last layer is turned against the others (twisted bilayer). ``material`` is a
    key of ``SHEETS``.
    """
    name = str(rng.choice(list(SHEETS))) if material is None else material
    if name not in SHEETS:
        raise SBDError(f"A sheet is made of one of {', '.join(SHEETS)}, not of {str(name)!r}.")
    crystal, foreign = SHEETS[name]
    layers = int(rng.integers(1, 5))
    twist = 0.0
    if layers > 1 and rng.random() < 0.4:
        twist = rng.uniform(0, 30)
    atoms = turned(rng, _layers(rng, crystal, box, layers, twist), box)
    vacancies = rng.choice([0, 0.01, 0.03])
    atoms = atoms.select(np.greater(rng.random(len(atoms)), vacancies))
    atoms = _substituted(rng, atoms, foreign, rng.choice([0, 0.005, 0.02]))
    if rng.random() < 0.6:
        atoms = atoms.select(depth_below_edge(rng, atoms, box) > 0)
    return atoms


def _layers(
    rng: np.random.Generator, crystal: str, box: float, count: int, twist_deg: float
) -> Atoms:
    """Whole layers, the last one turned about z, centred on zero."""
    c = MATERIALS[crystal].vectors[2, 2]
    reach = box * 0.72
    origin = (*rng.uniform(0, 1, 2), 0.0)
    tall = block(crystal, (0, 0, 1), None, (reach, reach, c * (count / 2 + 1)), origin)
    layer = np.floor(2 * tall.positions[:, 2] / c).astype(int)
    atoms = tall.select((layer >= 0) & (layer < count))
    last = layer[(layer >= 0) & (layer < count)] == count - 1
    a = np.deg2rad(twist_deg)
    p = atoms.positions.copy()
    p[last, :2] = p[last, :2] @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return atoms.moved(p)


def _substituted(
    rng: np.random.Generator, atoms: Atoms, foreign: dict[str, tuple[str, ...]], share: float
) -> Atoms:
    elements = atoms.elements.astype("U2")
    for element, others in foreign.items():
        sites = np.flatnonzero((atoms.elements == element) & (rng.random(len(atoms)) < share))
        elements[sites] = rng.choice(others, len(sites))
    return Atoms(atoms.positions, elements, atoms.tags)
