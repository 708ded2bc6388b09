"""Extended defects of crystals: grain boundaries, dislocations, stacking faults and twins."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..errors import SBDError
from . import crystals, materials
from .crystals import Atoms, Direction, Material
from .materials import block
from .placing import any_zone, covering_block, turned, without_clashes

POISSON = 0.3  # ratio of most metals and oxides
_FAULTED = (*materials.METALS, "Al", "Si", "GaAs")
_DISLOCATED = (*_FAULTED, "Fe", "W", "GaN", "MgO", "CeO2", "SrTiO3")
_LONGEST_BURGERS = 12.0  # Å
_EDGE_ON: Direction = (1, -1, 0)  # zone in which {111} planes are edge-on


def grain_boundary(
    rng: np.random.Generator,
    box: float,
    material: str | None = None,
    zone: Direction | None = None,
) -> Atoms:
    """Two grains of one material and zone that meet at a straight boundary."""
    crystal = materials.material(material or str(rng.choice(list(materials.MATERIALS))))
    zone = zone or any_zone(rng, crystal)
    thickness = rng.uniform(15, 80)
    first, second = (
        turned(rng, covering_block(rng, crystal, zone, box, thickness), box) for _ in range(2)
    )
    angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(-0.25, 0.25) * box
    normal = np.array([np.cos(angle), np.sin(angle)])

    def side(atoms: Atoms) -> Any:
        return (atoms.positions[:, :2] - box / 2) @ normal - shift

    grains = first.select(side(first) < 0) + second.select(side(second) > 0).tagged(2)
    return without_clashes(grains, 0.75 * nearest_neighbours(crystal))


def dislocation(
    rng: np.random.Generator,
    box: float,
    material: str | None = None,
    zone: Direction | None = None,
) -> Atoms:
    """One to three edge dislocations seen along their lines, of either sign.

    The Burgers vector is the shortest lattice translation in the image plane.
    """
    crystal = materials.material(material or str(rng.choice(_DISLOCATED)))
    zone = zone or any_zone(rng, crystal)
    vector = burgers_vector(crystal, zone)
    atoms = covering_block(rng, crystal, zone, box + 2 * _LONGEST_BURGERS, rng.uniform(15, 80))
    p = atoms.positions.copy()
    for _ in range(rng.integers(1, 4)):
        core, sign = rng.uniform(-0.3, 0.3, 2) * box, rng.choice([-1, 1])
        p[:, :2] += edge_displacement(atoms.positions[:, :2] - core, sign * vector)
    atoms = without_clashes(atoms.moved(p), 0.75 * nearest_neighbours(crystal))
    return turned(rng, atoms, box)


def edge_displacement(xy: np.ndarray, burgers: np.ndarray, poisson: float = POISSON) -> np.ndarray:
    """Displacement around an edge dislocation, isotropic elasticity (Hirth & Lothe, section 3-3).

    Parameters
    ----------
    xy
        (N, 2) positions relative to the dislocation line [Å].
    burgers
        (2,) Burgers vector [Å]; the slip plane contains it, and the displacement jumps by it
        across the half plane that it points away from.
    poisson
        Poisson's ratio.

    Returns
    -------
    (N, 2) displacement [Å].
    """
    length = np.linalg.norm(burgers)
    along = burgers / length
    across = np.array([-along[1], along[0]])
    x, y = xy @ along, xy @ across
    r2 = np.maximum(x**2 + y**2, 1e-6)
    stiff = 1 / (4 * (1 - poisson))
    u = np.arctan2(y, x) + 2 * stiff * x * y / r2
    v = -stiff * ((1 - 2 * poisson) * np.log(r2 / length**2) + (x**2 - y**2) / r2)
    result: np.ndarray = length / (2 * np.pi) * (u[:, None] * along + v[:, None] * across)
    return result


def burgers_vector(crystal: Material, zone: Direction) -> np.ndarray:
    """Shortest lattice translation perpendicular to a zone, as (2,) x, y in ``block``'s frame [Å].

    Raises
    ------
    SBDError
        If there is none shorter than 12 Å.
    """
    axes = crystals.frame(crystal, zone)
    steps = np.array(list(product(range(-3, 4), repeat=3)))
    every = np.concatenate([steps + shift for shift in _centring(crystal)]) @ crystal.vectors
    length = np.linalg.norm(every, axis=1)
    flat = (np.abs(every @ axes[2]) < 1e-3) & (length > 0.5) & (length < _LONGEST_BURGERS)
    if not flat.any():
        raise SBDError(
            f"No lattice translation of this material is perpendicular to the zone {zone}; "
            "choose another zone for a dislocation."
        )
    result: np.ndarray = (every[flat][np.argmin(length[flat])] @ axes.T)[:2]
    return result


def stacking_fault(
    rng: np.random.Generator,
    box: float,
    material: str | None = None,
    zone: Direction | None = None,
) -> Atoms:
    """Intrinsic and extrinsic stacking faults, twin lamellae and twin boundaries, seen edge-on.

    Made by shearing what lies above a {111} plane by the Shockley partial a/6 <112>: one plane
    gives an intrinsic fault, two successive planes an extrinsic one, n of them a lamella of twin.
    """
    crystal = materials.material(material or str(rng.choice(_FAULTED)))
    up, partial, height = fault_geometry(crystal, zone or _EDGE_ON)
    spacing = crystal.vectors[0, 0] / np.sqrt(3)
    zone = zone or _EDGE_ON
    origin = rng.uniform(0, 1, 3)
    reach = 0.72 * box
    atoms = block(crystal, zone, up, (reach, reach, rng.uniform(7, 40)), tuple(origin))
    site = (crystal.basis[0][1] - origin) @ crystal.vectors @ crystals.frame(crystal, zone, up)[1]
    planes = np.arange(-box, box, spacing) + (site + height + box) % spacing
    sheared = np.zeros(len(planes), dtype=bool)
    for _ in range(rng.integers(1, 4)):
        start = np.searchsorted(planes, rng.uniform(-0.3, 0.3) * box)
        lamella = int(rng.integers(3, 13))
        count = rng.choice([1, 2, lamella, len(planes)], p=[0.4, 0.2, 0.25, 0.15])
        sheared[start : start + count] = True
    shears = (
        np.searchsorted(planes[sheared], atoms.positions[:, 1]) % 3
    )  # 3 partials: a translation
    return turned(rng, atoms.moved(atoms.positions + shears[:, None] * partial), box)


def fault_geometry(crystal: Material, zone: Direction) -> tuple[Direction, np.ndarray, float]:
    """Plane, partial and height at which a crystal can be sheared into a stacking fault.

    Returns
    -------
    up, partial, height
        {111} plane that the zone contains; (3,) a/6 <112> in the frame of ``block`` [Å]; height
        along y [Å] of the cut above an atom of the first site.

    Raises
    ------
    SBDError
        If no {111} plane is seen edge-on, or every shear brings neighbours closer together.
    """
    signs = (1, -1)
    octahedral: list[Direction] = [(h, k, m) for h, k, m in product(signs, signs, signs)]
    edge_on = [n for n in octahedral if np.dot(n, zone) == 0]
    if not crystal.is_cubic or not edge_on:
        raise SBDError(
            f"No {{111}} plane of a cubic crystal is edge-on along {zone}; stacking faults need "
            "a cubic material and a zone such as (1, -1, 0)."
        )
    axes = crystals.frame(crystal, zone, edge_on[0])
    a = crystal.vectors[0, 0]
    shears = np.array(list(product((-2, -1, 1, 2), repeat=3)))
    shears = shears[(np.abs(shears).sum(1) == 4) & (shears @ edge_on[0] == 0)] * a / 6 @ axes.T
    visible = shears[np.abs(shears[:, 0]) > 0.1]
    around = block(crystal, zone, edge_on[0], (2.5 * a, 1.5 * a, 2.5 * a), crystal.basis[0][1])
    y = np.unique(np.round(around.positions[:, 1], 3))
    y = y[(y >= -1e-3) & (y < a / np.sqrt(3) + 1e-3)]
    for cut, partial in product(
        (y[:-1] + y[1:]) / 2, visible[np.argsort(-np.abs(visible[:, 0]), kind="stable")]
    ):
        if _keeps_neighbours(around, cut, partial, crystal):
            return edge_on[0], partial, float(cut)
    raise SBDError("A sheared {111} plane of this material has no good neighbours; choose another.")


def _keeps_neighbours(atoms: Atoms, cut: float, shear: np.ndarray, crystal: Material) -> bool:
    """Whether a shear of what lies above y = cut leaves every atom its nearest neighbours."""
    from scipy.spatial import cKDTree

    middle = (np.abs(atoms.positions[:, [0, 2]]) < crystal.vectors[0, 0]).all(1)
    above = atoms.select((atoms.positions[:, 1] > cut) & middle)
    below = atoms.select(atoms.positions[:, 1] < cut)
    reach = 1.1 * nearest_neighbours(crystal)

    def neighbours(moved: np.ndarray, element: str) -> tuple[float, Any]:
        tree = cKDTree(below.positions[below.elements == element])
        return tree.query(moved)[0].min(), tree.query_ball_point(moved, reach, return_length=True)

    for mine, other in product(np.unique(atoms.elements), repeat=2):
        here = above.positions[above.elements == mine]
        nearest, count = neighbours(here, other)
        sheared, count_sheared = neighbours(here + shear, other)
        if sheared < 0.97 * nearest or (np.sort(count) != np.sort(count_sheared)).any():
            return False
    return True


def nearest_neighbours(crystal: Material) -> float:
    """Shortest distance between two atoms [Å]."""
    from scipy.spatial import cKDTree

    cells = np.array(list(product((-1, 0, 1), repeat=3)))
    sites = np.array([fraction for _, fraction in crystal.basis])
    everywhere = (cells[:, None] + sites).reshape(-1, 3) @ crystal.vectors
    return float(cKDTree(everywhere).query(sites @ crystal.vectors, k=2)[0][:, 1].min())


def _centring(crystal: Material) -> np.ndarray:
    """Fractional translations, the zero one included, that map the basis on itself."""
    elements = np.array([element for element, _ in crystal.basis])
    sites = np.array([fraction for _, fraction in crystal.basis])
    found = []
    for shift in sites[elements == elements[0]] - sites[0]:
        offset = (sites[:, None] + shift - sites[None] + 0.5) % 1 - 0.5
        same = (np.abs(offset) < 1e-3).all(-1) & (elements[:, None] == elements[None])
        if same.any(1).all():
            found.append(shift)
    return np.array(found)
