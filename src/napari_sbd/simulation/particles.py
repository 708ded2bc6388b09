"""Free nanoparticles: truncated octahedra, cubes, twins and decahedra.

Every shape is centred on zero in the frame of ``materials.block`` and has tag 1.
"""

from __future__ import annotations

import numpy as np

from . import crystals, materials
from .crystals import Atoms, Direction, Material
from .films import amorphous_film
from .materials import block
from .placing import any_zone, turned

OCTAHEDRON = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T / np.sqrt(3)
CUBE = np.concatenate([np.eye(3), -np.eye(3)])
_TWIN_AXIS: Direction = (1, -1, 0)  # along which twin boundaries of fcc crystals are edge-on


def free_particle(
    rng: np.random.Generator,
    box: float,
    material: str | None = None,
    zone: Direction | None = None,
) -> Atoms:
    """A facetted particle in vacuum or on a carbon film."""
    names = [*materials.METALS, "CeO2", "MgO", "ZnO", "Si"]
    crystal = materials.material(material or str(rng.choice(names)))
    radius = rng.uniform(9, 0.4 * box)
    twins = crystal.is_fcc and zone in (None, _TWIN_AXIS)
    if twins and rng.random() < 0.4:
        atoms = (
            decahedron(rng, crystal, radius) if rng.random() < 0.5 else twin(rng, crystal, radius)
        )
    elif crystal.is_cubic:
        shape = cube if rng.random() < 0.3 else truncated_octahedron
        atoms = shape(rng, crystal, zone or any_zone(rng, crystal), radius)
    else:
        atoms = polyhedron(rng, crystal, zone or any_zone(rng, crystal), radius)
    atoms = turned(rng, atoms, box)
    if rng.random() < 0.4:
        film = amorphous_film(rng, box, rng.uniform(8, 30))
        film = film.moved(film.positions + np.array([0, 0, atoms.positions[:, 2].max() + 2]))
        atoms = atoms + film
    return atoms


def truncated_octahedron(
    rng: np.random.Generator, crystal: Material, zone: Direction, radius: float
) -> Atoms:
    """{111} faces at about ``radius`` [Å], {100} faces at 0.95 to 1.3 of it; fcc Wulff shapes."""
    ratio = rng.uniform(0.95, 1.3)
    limits = radius * np.repeat([1.0, ratio], [8, 6]) * rng.normal(1, 0.06, 14)
    return _cut(rng, crystal, zone, radius, np.concatenate([OCTAHEDRON, CUBE]), limits)


def cube(rng: np.random.Generator, crystal: Material, zone: Direction, radius: float) -> Atoms:
    """{100} faces, edges of nearly one length, corners cut off by {111} faces."""
    half = 0.8 * radius * rng.normal(1, 0.04, 6)
    corners = np.sqrt(3) * 0.8 * radius * rng.uniform(0.75, 1.0) * rng.normal(1, 0.02, 8)
    normals, limits = np.concatenate([OCTAHEDRON, CUBE]), np.concatenate([corners, half])
    return _cut(rng, crystal, zone, 1.2 * radius, normals, limits)


def polyhedron(
    rng: np.random.Generator, crystal: Material, zone: Direction, radius: float
) -> Atoms:
    """Fourteen faces in random directions, for crystals whose habit we do not know."""
    normals = np.concatenate([OCTAHEDRON, CUBE]) @ random_rotation(rng)
    limits = radius * rng.uniform(0.9, 1.3, 14)
    return _cut(rng, crystal, zone, radius, normals, limits)


def twin(rng: np.random.Generator, crystal: Material, radius: float) -> Atoms:
    """Two mirror images of half a truncated octahedron that share a (111) plane, seen edge-on."""
    whole = block(crystal, _TWIN_AXIS, (1, 1, 1), (1.5 * radius,) * 3)
    axes = crystals.frame(crystal, _TWIN_AXIS, (1, 1, 1))
    limits = radius * np.repeat([1.0, rng.uniform(0.95, 1.3)], [8, 6]) * rng.normal(1, 0.06, 14)
    spacing = crystal.vectors[0, 0] / np.sqrt(3)
    shared = spacing * rng.integers(-2, 3)
    face = whole.positions @ (np.concatenate([OCTAHEDRON, CUBE]) @ axes.T).T
    half = whole.select((face <= limits).all(1) & (whole.positions[:, 1] < shared + 0.1))
    mirrored = half.select(half.positions[:, 1] < shared - 0.1)
    image = mirrored.positions * (1, -1, 1) + (0, 2 * shared, 0)
    return (half + mirrored.moved(image)).tagged(1)


def decahedron(rng: np.random.Generator, crystal: Material, radius: float) -> Atoms:
    """Five fcc wedges around [1-10], each opened from 70.5 to 72 degrees, seen along that axis.

    {100} side faces and {111} caps; the five edges are cut off at random (Ino 1966, Marks 1983).
    """
    size = 1.5 * radius
    wedge = block(crystal, _TWIN_AXIS, (-1, -1, 0), (size,) * 3)  # x along the wedge's bisector
    x, y, z = wedge.positions.T
    side = radius * rng.uniform(0.65, 0.95)
    cap = (side + radius * rng.uniform(0.2, 1.0)) / np.sqrt(3)
    opening = np.sqrt(0.5)  # tan of half the angle between the twin planes
    inside = (x <= side) & (x / np.sqrt(3) + np.abs(z) * np.sqrt(2 / 3) <= cap)
    first = (np.abs(x) < 0.1) & (np.abs(y) < 0.1)
    sector = (x > 0.1) & (y >= -opening * x - 0.1) & (y < opening * x - 0.1)
    stretch = np.tan(np.deg2rad(36)) / opening
    p = wedge.positions * (1, stretch, 1)
    reach = side / np.cos(np.deg2rad(36)) * rng.uniform(0.85, 1.05)
    inside &= np.hypot(p[:, 0], p[:, 1]) <= reach
    atoms = wedge.moved(p).select(inside & first)
    for corner in range(5):
        a = 2 * np.pi / 5 * corner
        turn = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
        atoms = atoms + wedge.moved(p @ turn).select(inside & sector)
    return atoms.tagged(1)


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Uniformly random (3, 3) rotation or reflection."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


def _cut(
    rng: np.random.Generator,
    crystal: Material,
    zone: Direction,
    radius: float,
    normals: np.ndarray,
    limits: np.ndarray,
) -> Atoms:
    """Atoms behind the faces ``normals`` (crystal frame) at distances ``limits`` [Å]."""
    whole = block(crystal, zone, None, (1.5 * radius,) * 3, tuple(rng.uniform(0, 1, 3)))
    face = whole.positions @ (normals @ crystals.frame(crystal, zone).T).T
    return whole.select(np.all(face <= limits, axis=1)).tagged(1)
