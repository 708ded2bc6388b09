"""Crystals with an edge: wedges, terraces, amorphous rims."""

from __future__ import annotations

import numpy as np

from . import materials
from .crystals import Atoms, Direction, Material
from .films import amorphous_film
from .placing import any_zone, covering_block, depth_below_edge, turned


def crystal_edge(
    rng: np.random.Generator,
    box: float,
    material: str | None = None,
    zone: Direction | None = None,
) -> Atoms:
    """A crystal with an edge, as a wedge, with terraces or flat, often with an amorphous rim."""
    crystal = materials.material(material or str(rng.choice(list(materials.MATERIALS))))
    zone = zone or any_zone(rng, crystal)
    thickness = float(np.exp(rng.uniform(np.log(15), np.log(120))))
    atoms = turned(rng, covering_block(rng, crystal, zone, box, thickness), box)
    depth = depth_below_edge(rng, atoms, box)
    kept = depth > 0
    form = rng.choice(["wedge", "terraces", "flat"], p=[0.4, 0.3, 0.3])
    if form == "wedge":
        slope = thickness / rng.uniform(0.5 * box, 2 * box)
        kept &= atoms.positions[:, 2] <= rng.uniform(6, 20) + slope * depth
    elif form == "terraces":
        kept &= atoms.positions[:, 2] <= terraces(rng, atoms, box, thickness)
    atoms = atoms.select(kept)
    if rng.random() < 0.3:
        atoms = atoms + _rim(rng, crystal, box, thickness, atoms)
    return atoms


def terraces(rng: np.random.Generator, atoms: Atoms, box: float, thickness: float) -> np.ndarray:
    """Height of a stepped surface [Å] at each atom: one to five straight steps up and down."""
    height = np.full(len(atoms), thickness * rng.uniform(0.4, 0.8))
    for _ in range(rng.integers(1, 6)):
        angle = rng.uniform(0, 2 * np.pi)
        normal = np.array([np.cos(angle), np.sin(angle)])
        beyond = (atoms.positions[:, :2] - box / 2) @ normal > rng.uniform(-0.35, 0.35) * box
        height += np.where(beyond, rng.choice([-1, 1]) * rng.uniform(2, 0.15 * thickness + 4), 0)
    result: np.ndarray = np.maximum(height, 4.0)
    return result


def _rim(
    rng: np.random.Generator, crystal: Material, box: float, thickness: float, atoms: Atoms
) -> Atoms:
    """Amorphous shell of the crystal's own elements along its edge."""
    from scipy.spatial import cKDTree

    film = amorphous_film(rng, box, min(thickness, 40.0))
    elements = [element for element, _ in crystal.basis]
    film = film.select(rng.random(len(film)) < 0.6)
    distance = cKDTree(atoms.positions[:, :2]).query(film.positions[:, :2])[0]
    shell = film.select((distance > 1.5) & (distance < rng.uniform(3, 12)))
    return Atoms(shell.positions, rng.choice(elements, len(shell)), shell.tags)
