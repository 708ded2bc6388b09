"""Random atomic models of what people put into a microscope, each drawn from a seed.

Coordinates are in Å: x to the right and y down in the image, z along the beam. The atoms fill a
square field of side ``box`` and leave its rim to wrap-around of the multislice grid.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from . import crystals
from .crystals import Atoms, Direction, block

_EPITAXY: tuple[tuple[Direction, Direction], ...] = (((1, 1, 1), (1, 1, 1)), ((1, 1, 1), (0, 0, 1)))
_BEAM: Direction = (1, -1, 0)


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
    metal, oxide = rng.choice(crystals.METALS), rng.choice(crystals.OXIDE_SUPPORTS)
    zones = crystals.MATERIALS[metal].zones, crystals.MATERIALS[oxide].zones
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


def crystal_edge(rng: np.random.Generator, box: float) -> Atoms:
    """A crystal of any material with an edge, often as a wedge, often with an amorphous rim."""
    name = rng.choice(list(crystals.MATERIALS))
    zones = crystals.MATERIALS[name].zones
    thickness = float(np.exp(rng.uniform(np.log(15), np.log(120))))
    atoms = _rotated_block(rng, name, zones[rng.integers(len(zones))], box, thickness)
    depth = _distance_below_edge(rng, atoms, box)
    kept = depth > 0
    if rng.random() < 0.5:
        slope = thickness / rng.uniform(0.5 * box, 2 * box)
        kept &= atoms.positions[:, 2] <= rng.uniform(6, 20) + slope * depth
    atoms = atoms.select(kept)
    if rng.random() < 0.3:
        atoms = atoms + _rim(rng, name, box, thickness, atoms)
    return atoms


def free_particle(rng: np.random.Generator, box: float) -> Atoms:
    """A facetted particle of a metal or an oxide, in vacuum or on a carbon film."""
    name = rng.choice([*crystals.METALS, "CeO2", "MgO", "ZnO", "Si"])
    zones = crystals.MATERIALS[name].zones
    radius = rng.uniform(9, 0.4 * box)
    whole = _rotated_block(rng, name, zones[rng.integers(len(zones))], box, 2 * radius)
    centred = whole.positions - (box / 2, box / 2, radius)
    atoms = whole.select(_facetted(rng, centred, radius)).tagged(1)
    if rng.random() < 0.4:
        film = amorphous_film(rng, box, rng.uniform(8, 30))
        film = film.moved(film.positions + np.array([0, 0, atoms.positions[:, 2].max() + 2]))
        atoms = atoms + film
    return atoms


def grain_boundary(rng: np.random.Generator, box: float) -> Atoms:
    """Two grains of one material that meet at a straight boundary."""
    name = rng.choice(list(crystals.MATERIALS))
    zones = crystals.MATERIALS[name].zones
    thickness = rng.uniform(15, 80)
    zone = zones[rng.integers(len(zones))]
    first = _rotated_block(rng, name, zone, box, thickness)
    second = _rotated_block(rng, name, zone, box, thickness)
    angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(-0.25, 0.25) * box
    normal = np.array([np.cos(angle), np.sin(angle)])

    def side(atoms):
        return (atoms.positions[:, :2] - box / 2) @ normal - shift

    return first.select(side(first) < -0.6) + second.select(side(second) > 0.6).tagged(2)


def amorphous_film(rng: np.random.Generator, box: float, thickness: float = 40.0) -> Atoms:
    """Random carbon at about the density of an amorphous film, at least 1.35 Å apart."""
    count = int(0.095 * box * box * thickness * 1.6)
    points = rng.uniform(0, 1, (count, 3)) * (box, box, thickness)
    clashes = cKDTree(points).query_pairs(1.35, output_type="ndarray")
    alive = np.ones(count, dtype=bool)
    alive[clashes.max(1)] = False
    points = points[alive]
    return Atoms(points, np.full(len(points), "C"), np.zeros(len(points), dtype=int))


def sheet(rng: np.random.Generator, box: float) -> Atoms:
    """One to four layers of MoS2 with vacancies."""
    atoms = _rotated_block(rng, "MoS2", (0, 0, 1), box, 6.2 * rng.integers(1, 5))
    vacancies = rng.choice([0, 0.01, 0.03])
    atoms = atoms.select(np.greater(rng.random(len(atoms)), vacancies))
    if rng.random() < 0.6:
        atoms = atoms.select(_distance_below_edge(rng, atoms, box) > 0)
    return atoms


KINDS = {
    "pt_ceo2": pt_ceo2,
    "pt_ceo2_ideal": pt_ceo2_ideal,
    "metal_on_oxide": metal_on_oxide,
    "crystal_edge": crystal_edge,
    "free_particle": free_particle,
    "grain_boundary": grain_boundary,
    "amorphous_film": amorphous_film,
    "sheet": sheet,
}


def draw(kind: str, rng: np.random.Generator, box: float) -> Atoms:
    """Draw a model of one of ``KINDS``, strained, disordered and tilted at random.

    Parameters
    ----------
    kind
        A key of ``KINDS``.
    rng
        The source of all randomness.
    box
        Side of the field [Å].
    """
    atoms = KINDS[kind](rng, box)
    xy = atoms.positions[:, :2]
    inside = np.all((xy >= 1) & (xy <= box - 1), axis=1)
    atoms = atoms.select(inside)
    if kind == "pt_ceo2_ideal":
        tilt = np.zeros(2)
        tilt[rng.integers(2)] = rng.uniform(-4, 4)
        return _tilted(atoms, tilt)
    return _tilted(_disordered(rng, atoms, box), np.clip(rng.normal(0, 1.3, 2), -4, 4))


def _supported(
    rng,
    box,
    thickness,
    metal,
    zone,
    particle_up,
    oxide,
    oxide_zone,
    support_up,
    spin_deg,
    radius=None,
) -> Atoms:
    """Particle of ``metal`` cut flat and set on a slab of ``oxide``; y down."""
    half = (box / 2, box / 2, thickness / 2)
    surface = rng.uniform(-0.3, 0.15) * box  # height of the support's top, centre of the box = 0
    slab = block(oxide, oxide_zone, support_up, half, tuple(rng.uniform(0, 1, 3)))
    height = np.full(len(slab), surface)
    if rng.random() < 0.3:
        step = rng.uniform(2.5, 6.5)
        height += step * ((slab.positions[:, 0] - rng.uniform(-0.4, 0.4) * box) > 0)
    slab = slab.select(slab.positions[:, 1] < height)

    radius = radius or rng.uniform(8, 24)
    cut = rng.uniform(-0.7, 0.4) * radius
    size = (radius * 1.3,) * 3
    whole = block(metal, zone, particle_up, size, tuple(rng.uniform(0, 1, 3)))
    facets = _facetted(rng, whole.positions, radius, flat=cut, up=particle_up)
    body = whole.select(facets).tagged(1)
    body = _surface_defects(rng, body, whole.select(~facets), cut)
    p = body.positions - (0, body.positions[:, 1].min(), 0)
    spin = np.deg2rad(spin_deg)
    turn = np.array([[np.cos(spin), -np.sin(spin)], [np.sin(spin), np.cos(spin)]])
    p[:, :2] = p[:, :2] @ turn.T
    p += (rng.uniform(-0.2, 0.2) * box, surface + rng.uniform(2.0, 2.6), rng.uniform(-6, 6))
    atoms = slab + body.moved(p)
    q = atoms.positions * (1, -1, 1) + (box / 2, box / 2, 0)
    q[:, 2] -= q[:, 2].min()
    return atoms.moved(q)


def _facetted(rng, positions, radius, flat=None, up: Direction | None = None):
    """Mask of a truncated octahedron of {111} and {100} faces, sometimes of other shapes."""
    ratio = rng.uniform(0.95, 1.3)
    if up is None:
        normals = _random_rotation(rng) @ np.array(_cube_normals()).T
    else:
        normals = _orient(up) @ np.array(_cube_normals()).T
    face = positions @ normals
    limits = radius * np.where(np.arange(14) < 8, 1.0, ratio) * rng.normal(1, 0.06, 14)
    inside = (face <= limits).all(1)
    if flat is not None:
        inside &= positions[:, 1] >= flat
    return inside


def _cube_normals() -> list[np.ndarray]:
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T / np.sqrt(3)
    return [*signs, *np.eye(3), *-np.eye(3)]


def _orient(up: Direction) -> np.ndarray:
    """Rows x, y, z of the frame that ``block`` uses for a cubic crystal seen along [1-10]."""
    z = np.asarray(_BEAM) / np.linalg.norm(_BEAM)
    y = np.asarray(up) / np.linalg.norm(up)
    return np.stack([np.cross(y, z), y, z])


def _random_rotation(rng) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


def _surface_defects(rng, body: Atoms, around: Atoms, flat: float) -> Atoms:
    """Remove, thin and add whole columns at the particle's surface."""
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


def _rotated_block(rng, name, zone, box, thickness) -> Atoms:
    """Block of a crystal turned in the plane at random, filling the field."""
    reach = box * 0.72
    atoms = block(name, zone, None, (reach, reach, thickness / 2), tuple(rng.uniform(0, 1, 3)))
    a = rng.uniform(0, 2 * np.pi)
    p = atoms.positions.copy()
    p[:, :2] = p[:, :2] @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]).T + box / 2
    p[:, 2] += thickness / 2
    return atoms.moved(p).select(((p[:, :2] >= 0) & (p[:, :2] <= box)).all(1))


def _distance_below_edge(rng, atoms: Atoms, box: float) -> np.ndarray:
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


def _rim(rng, name: str, box: float, thickness: float, atoms: Atoms) -> Atoms:
    """Amorphous shell of the crystal's own elements along its edge."""
    film = amorphous_film(rng, box, min(thickness, 40.0))
    elements = [element for element, _ in crystals.MATERIALS[name].basis]
    film = film.select(rng.random(len(film)) < 0.6)
    distance = cKDTree(atoms.positions[:, :2]).query(film.positions[:, :2])[0]
    shell = film.select((distance > 1.5) & (distance < rng.uniform(3, 12)))
    return Atoms(shell.positions, rng.choice(elements, len(shell)), shell.tags)


def _disordered(rng, atoms: Atoms, box: float) -> Atoms:
    """Add a smooth strain field and static disorder."""
    p = atoms.positions.copy()
    if rng.random() < 0.5:
        for _ in range(2):
            wave = rng.normal(0, 2 * np.pi / box, 2)
            strength = rng.uniform(0, 0.02) / max(np.linalg.norm(wave), 0.05)
            bump = np.sin(p[:, :2] @ wave + rng.uniform(0, 2 * np.pi))
            p[:, :2] += strength * bump[:, None] * rng.normal(0, 0.7, 2)
    p += rng.normal(0, rng.uniform(0, 0.08), p.shape)
    return atoms.moved(p)


def _tilted(atoms: Atoms, degrees: np.ndarray) -> Atoms:
    """Tilt the model by small angles about y and x (shear of the columns)."""
    p = atoms.positions.copy()
    p[:, :2] += np.tan(np.deg2rad(degrees)) * (p[:, 2:] - p[:, 2].mean())
    return atoms.moved(p)
