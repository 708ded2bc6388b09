"""Crystals in the field: orientation, edges, strain, disorder and tilt.

Coordinates are in Å: x to the right and y down in the image, z along the beam. The field is a
square of side ``box`` that begins at zero.
"""

from __future__ import annotations

import numpy as np

from .crystals import Atoms, Direction, Material
from .materials import block


def turned(rng: np.random.Generator, atoms: Atoms, box: float) -> Atoms:
    """Turn a model that is centred on zero in the image plane, and cut the field out of it."""
    a = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    p = atoms.positions.copy()
    p[:, :2] = p[:, :2] @ turn.T + box / 2
    p[:, 2] -= p[:, 2].min(initial=0)
    return atoms.moved(p).select(np.all((p[:, :2] >= 0) & (p[:, :2] <= box), axis=1))


def covering_block(
    rng: np.random.Generator,
    crystal: Material,
    zone: Direction,
    box: float,
    thickness: float,
    up: Direction | None = None,
) -> Atoms:
    """Block of a crystal, centred on zero, that covers the field however it is turned."""
    reach = box * 0.72
    return block(crystal, zone, up, (reach, reach, thickness / 2), tuple(rng.uniform(0, 1, 3)))


def any_zone(rng: np.random.Generator, crystal: Material) -> Direction:
    """One of the usual zones of a material."""
    return crystal.zones[rng.integers(len(crystal.zones))]


def depth_below_edge(rng: np.random.Generator, atoms: Atoms, box: float) -> np.ndarray:
    """Depth [Å] of each atom behind a straight or polygonal edge; the whole field now and then."""
    angle, depth = rng.uniform(0, 2 * np.pi), np.full(len(atoms), np.inf)
    if rng.random() < 0.2:
        return np.full(len(atoms), box)
    turns = ((0.0,), (0.0, np.pi / 2), (0.0, 2 * np.pi / 3))[rng.integers(3)]
    for turn in turns:
        normal = np.array([np.cos(angle + turn), np.sin(angle + turn)])
        offset = rng.uniform(-0.1, 0.35) * box
        depth = np.minimum(depth, offset - (atoms.positions[:, :2] - box / 2) @ normal)
    return depth


def without_clashes(atoms: Atoms, distance: float) -> Atoms:
    """Remove the later one of every two atoms that are nearer than ``distance`` [Å]."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(atoms.positions).query_pairs(distance, output_type="ndarray")
    keep = np.ones(len(atoms), dtype=bool)
    keep[pairs.max(1)] = False
    return atoms.select(keep)


def disordered(rng: np.random.Generator, atoms: Atoms, box: float) -> Atoms:
    """Add a smooth strain field and static disorder."""
    p = atoms.positions.copy()
    if rng.random() < 0.5:
        for _ in range(2):
            wave = rng.normal(0, 2 * np.pi / box, 2)
            strength = rng.uniform(0, 0.02) / max(float(np.linalg.norm(wave)), 0.05)
            bump = np.sin(p[:, :2] @ wave + rng.uniform(0, 2 * np.pi))
            p[:, :2] += strength * bump[:, None] * rng.normal(0, 0.7, 2)
    p += rng.normal(0, rng.uniform(0, 0.08), p.shape)
    return atoms.moved(p)


def tilted(atoms: Atoms, degrees: np.ndarray) -> Atoms:
    """Tilt the model by small angles about y and x (shear of the columns)."""
    if not len(atoms):
        return atoms
    p = atoms.positions.copy()
    p[:, :2] += np.tan(np.deg2rad(degrees)) * (p[:, 2:] - p[:, 2].mean())
    return atoms.moved(p)
