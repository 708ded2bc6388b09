"""Metal particles on oxide slabs, seen from the side."""

from __future__ import annotations

import numpy as np

from . import crystals, materials
from .crystals import Atoms, Direction
from .materials import block
from .particles import CUBE, OCTAHEDRON, random_rotation

_EPITAXY: tuple[tuple[Direction, Direction], ...] = (((1, 1, 1), (1, 1, 1)), ((1, 1, 1), (0, 0, 1)))
_BEAM: Direction = (1, -1, 0)
_FACES = np.concatenate([OCTAHEDRON, CUBE])


def pt_ceo2(rng: np.random.Generator, box: float) -> Atoms:
    """Platinum particle on a ceria slab, both seen along [1-10] (Mohan et al. 2010.12970)."""
    thickness = rng.uniform(28, 64)
    support_up, particle_up = _EPITAXY[int(rng.random() < 0.35)]
    if rng.random() < 0.15:
        support_up = (0, 0, 1)
    return _supported(
        rng, box, thickness, "Pt", _BEAM, particle_up, "CeO2", _BEAM, support_up, rng.normal(0, 2.5)
    )


def pt_ceo2_ideal(rng: np.random.Generator, box: float) -> Atoms:
    """The same as the models of the SBD paper: small particle, both (111) up, a perfect lattice."""
    return _supported(
        rng,
        box,
        rng.uniform(28, 62),
        "Pt",
        _BEAM,
        (1, 1, 1),
        "CeO2",
        _BEAM,
        (1, 1, 1),
        rng.normal(0, 0.7),
        radius=rng.uniform(9, 16),
    )


def metal_on_oxide(rng: np.random.Generator, box: float) -> Atoms:
    """Any metal particle on any oxide slab, each in a low-index zone of its own."""
    metal, oxide = rng.choice(materials.METALS), rng.choice(materials.OXIDE_SUPPORTS)
    zones = materials.MATERIALS[metal].zones, materials.MATERIALS[oxide].zones
    return _supported(
        rng,
        box,
        rng.uniform(20, 70),
        metal,
        zones[0][rng.integers(len(zones[0]))],
        None,
        oxide,
        zones[1][rng.integers(len(zones[1]))],
        None,
        rng.uniform(0, 360),
    )


def _supported(
    rng: np.random.Generator,
    box: float,
    thickness: float,
    metal: str,
    zone: Direction,
    particle_up: Direction | None,
    oxide: str,
    oxide_zone: Direction,
    support_up: Direction | None,
    spin_deg: float,
    radius: float | None = None,
) -> Atoms:
    """Particle of ``metal`` cut flat and set on a slab of ``oxide``; y down."""
    half = (box / 2, box / 2, thickness / 2)
    surface = rng.uniform(-0.3, 0.15) * box  # height of the support's top, centre of the box = 0
    slab = block(oxide, oxide_zone, support_up, half, tuple(rng.uniform(0, 1, 3)))
    step_height = step_place = 0.0
    if rng.random() < 0.3:
        step_height, step_place = rng.uniform(2.5, 6.5), rng.uniform(-0.4, 0.4) * box

    x, y, _ = slab.positions.T
    kept = y < surface + step_height * (x > step_place)
    slab = slab.select(kept)
    levels = (y[kept & (x <= step_place)].max(), y[kept & (x > step_place)].max())

    def ground(x: np.ndarray | float) -> np.ndarray:
        result: np.ndarray = np.where(x > step_place, levels[1], levels[0])
        return result

    radius = radius or rng.uniform(8, 24)
    cut = rng.uniform(-0.7, 0.4) * radius
    whole = block(metal, zone, particle_up, (radius * 1.5,) * 3, tuple(rng.uniform(0, 1, 3)))
    inside = _facetted(rng, whole.positions, metal, zone, particle_up, radius)
    spin = np.deg2rad(spin_deg)
    turn = np.array([[np.cos(spin), -np.sin(spin)], [np.sin(spin), np.cos(spin)]])
    p = whole.positions.copy()
    p[:, :2] = p[:, :2] @ turn.T
    whole = whole.moved(p)
    inside &= p[:, 1] >= cut
    body = _surface_defects(rng, whole.select(inside).tagged(1), whole.select(~inside), cut)
    place, gap = rng.uniform(-0.2, 0.2) * box, rng.uniform(2.0, 2.6)
    p = body.positions - (0, body.positions[:, 1].min(), 0)
    p += (place, float(ground(place)) + gap, rng.uniform(-6, 6))
    # it stands on the terrace below its middle and leaves out what a higher one takes
    body = body.moved(p).select(p[:, 1] >= ground(p[:, 0] + gap) + gap - 0.1)
    q = (slab + body).positions * (1, -1, 1) + (box / 2, box / 2, 0)
    q[:, 2] -= q[:, 2].min()
    return (slab + body).moved(q)


def _facetted(
    rng: np.random.Generator,
    positions: np.ndarray,
    metal: str,
    zone: Direction,
    up: Direction | None,
    radius: float,
) -> np.ndarray:
    """Mask of a truncated octahedron of {111} and {100} faces; faces at random without ``up``."""
    ratio = rng.uniform(0.95, 1.3)
    if up is None:
        axes = random_rotation(rng)
    else:
        axes = crystals.frame(materials.material(metal), zone, up)
    limits = radius * np.where(np.arange(14) < 8, 1.0, ratio) * rng.normal(1, 0.06, 14)
    result: np.ndarray = (positions @ axes @ _FACES.T <= limits).all(1)
    return result


def _surface_defects(rng: np.random.Generator, body: Atoms, around: Atoms, flat: float) -> Atoms:
    """Remove, thin and add whole columns at the particle's surface."""
    from scipy.spatial import cKDTree

    columns, index = np.unique(np.round(body.positions[:, :2], 1), axis=0, return_inverse=True)
    index = index.ravel()
    if len(columns) < 8 or rng.random() < 0.25:
        return body
    tree = cKDTree(columns)
    spacing = np.median(tree.query(columns, k=2)[0][:, 1])
    neighbours = np.array([len(n) for n in tree.query_ball_point(columns, 1.3 * spacing)])
    surface = np.flatnonzero((neighbours < neighbours.max()) & (columns[:, 1] > flat + 1))
    rng.shuffle(surface)
    removed, thinned = np.split(surface[: rng.integers(0, 13)], [rng.integers(0, 5)])
    keep = ~np.isin(index, removed)
    for column in thinned:
        atoms = np.flatnonzero(index == column)
        order = atoms[np.argsort(body.positions[atoms, 2])]
        left = rng.integers(1, max(2, len(order)))
        start = rng.integers(0, len(order) - left + 1)
        keep[np.setdiff1d(order, order[start : start + left])] = False
    result = body.select(keep)

    near = tree.query(around.positions[:, :2])[0] < 1.3 * spacing
    near &= tree.query(around.positions[:, :2])[0] > 0.5 * spacing
    near &= around.positions[:, 1] > flat
    z_low, z_high = body.positions[:, 2].min(), body.positions[:, 2].max()
    near &= (around.positions[:, 2] >= z_low) & (around.positions[:, 2] <= z_high)
    free = around.select(near)
    sites, where = np.unique(np.round(free.positions[:, :2], 1), axis=0, return_inverse=True)
    where = where.ravel()
    for site in rng.permutation(len(sites))[: rng.integers(0, 5)]:
        atoms = np.flatnonzero(where == site)
        atoms = atoms[np.argsort(np.abs(free.positions[atoms, 2] - rng.uniform(z_low, z_high)))]
        result = result + free.select(atoms[: rng.integers(1, len(atoms) + 1)]).tagged(2)
    return result
