import numpy as np
import pytest
from scipy.spatial import ConvexHull, cKDTree

from napari_sbd import SBDError
from napari_sbd.simulation import crystals, defects, edges, films, particles, structures
from napari_sbd.simulation.materials import MATERIALS, block

GOLD = MATERIALS["Au"]
BOND = 4.078 / np.sqrt(2)  # Å between neighbours in gold
SHAPES = {
    "octahedron": lambda rng: particles.truncated_octahedron(rng, GOLD, (1, -1, 0), 18.0),
    "cube": lambda rng: particles.cube(rng, GOLD, (1, 0, 0), 18.0),
    "twin": lambda rng: particles.twin(rng, GOLD, 18.0),
    "decahedron": lambda rng: particles.decahedron(rng, GOLD, 18.0),
}


def distances(atoms, k=2):
    return cKDTree(atoms.positions).query(atoms.positions, k=k)[0][:, 1:]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_atoms_of_particles_have_their_neighbours(shape, seed):
    """Neighbours at the bulk distance, twelve of them inside; decahedra are strained by 2 %."""
    atoms = SHAPES[shape](np.random.default_rng(seed))
    near = distances(atoms, 13)
    assert near.min() > 0.99 * BOND
    inner = np.linalg.norm(atoms.positions - atoms.positions.mean(0), axis=1) < 7
    assert (near[inner] < 1.05 * BOND).all()
    assert (atoms.tags == 1).all()


def test_cubes_fill_their_box_and_octahedra_do_not():
    def filling(atoms):
        p = atoms.positions @ crystals.frame(GOLD, (1, 0, 0))
        return ConvexHull(p).volume / np.prod(np.ptp(p, axis=0))

    cube = particles.cube(np.random.default_rng(0), GOLD, (1, 0, 0), 18.0)
    octahedron = particles.truncated_octahedron(np.random.default_rng(0), GOLD, (1, 0, 0), 18.0)
    assert filling(cube) > 0.85
    assert filling(octahedron) < 0.7


def test_decahedra_are_fivefold():
    atoms = particles.decahedron(np.random.default_rng(0), GOLD, 18.0)
    a = 2 * np.pi / 5
    turn = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    assert cKDTree(atoms.positions).query(atoms.positions @ turn)[0].max() < 0.05


def test_twins_are_mirror_images_across_a_dense_row():
    atoms = particles.twin(np.random.default_rng(4), GOLD, 18.0)
    p = atoms.positions
    middle = (p[:, 1].min() + p[:, 1].max()) / 2
    mirrored = p * (1, -1, 1) + (0, 2 * middle, 0)
    assert cKDTree(p).query(mirrored)[0].max() < 1e-6
    assert np.abs(p[:, 1] - middle).min() < 1e-6


@pytest.mark.parametrize("name", ["Pt", "Al", "Si", "GaAs"])
def test_stacking_faults_keep_all_neighbours(name):
    crystal = MATERIALS[name]
    up, partial, height = defects.fault_geometry(crystal, (1, -1, 0))
    assert np.linalg.norm(partial) == pytest.approx(crystal.vectors[0, 0] / np.sqrt(6))
    atoms = block(name, (1, -1, 0), up, (16, 16, 16), crystal.basis[0][1])
    sheared = atoms.positions + np.outer(atoms.positions[:, 1] > height, partial)
    inner = (np.abs(sheared) < 8).all(1)
    bond = defects.nearest_neighbours(crystal)
    tree = cKDTree(sheared)
    count = {"Pt": 12, "Al": 12, "Si": 4, "GaAs": 4}[name]
    assert (tree.query(sheared[inner], k=2)[0][:, 1] > 0.999 * bond).all()
    near = tree.query_ball_point(sheared[inner], 1.01 * bond, return_length=True)
    assert (near == count + 1).all()
    # the fault is there: no translation of the lattice maps one side on the other
    assert cKDTree(atoms.positions).query(sheared[inner])[0].max() > 0.5


def test_faults_need_a_plane_that_is_edge_on():
    for name, zone in (("Pt", (1, 0, 0)), ("TiO2", (1, -1, 0))):
        with pytest.raises(SBDError, match="edge-on"):
            defects.fault_geometry(MATERIALS[name], zone)
    with pytest.raises(SBDError, match="sheared"):
        defects.fault_geometry(MATERIALS["Fe"], (1, -1, 0))


@pytest.mark.parametrize(
    ("name", "zone", "length"),
    [
        ("Au", (1, -1, 0), 4.078 / np.sqrt(2)),
        ("Fe", (1, 0, 0), 2.867),
        ("GaN", (0, 0, 1), 3.189),
        ("SrTiO3", (1, 0, 0), 3.905),
        ("Si", (1, 1, -2), 5.431 / np.sqrt(2)),
    ],
)
def test_burgers_vectors_are_the_shortest_translations_in_the_image(name, zone, length):
    vector = defects.burgers_vector(MATERIALS[name], zone)
    assert np.linalg.norm(vector) == pytest.approx(length, rel=1e-3)


def test_the_displacement_around_a_dislocation_closes_on_the_burgers_vector():
    burgers = np.array([2.0, 1.5])
    angles = np.linspace(-np.pi, np.pi, 401)[1:-1] + np.arctan2(1.5, 2.0)
    for radius in (5, 50):
        circle = radius * np.stack([np.cos(angles), np.sin(angles)], 1)
        u = defects.edge_displacement(circle, burgers)
        np.testing.assert_allclose(u[-1] - u[0], burgers, rtol=0.02)
        assert np.abs(np.diff(u, axis=0)).max() < 0.1


def test_the_field_of_a_dislocation_is_in_equilibrium():
    """(1 - 2 nu) Laplacian u + grad div u = 0 away from the core (Navier, plane strain)."""
    nu, h = 0.3, 0.05
    grid = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"), -1)
    point = np.array([7.0, 4.0]) + h * grid.reshape(-1, 2)
    u = defects.edge_displacement(point, np.array([2.5, 0.0]), nu).reshape(5, 5, 2)
    xx, yy = (np.gradient(np.gradient(u, h, axis=i), h, axis=i)[2, 2] for i in (0, 1))
    xy = np.gradient(np.gradient(u, h, axis=0), h, axis=1)[2, 2]
    divergence = np.array([xx[0] + xy[1], xy[0] + yy[1]])
    assert np.abs((1 - 2 * nu) * (xx + yy) + divergence).max() < 0.02 * np.abs(xx).max()


def test_a_dislocation_ends_one_row_of_atoms():
    """The lattice is whole again along the slip plane: neighbours stay near their distance."""
    atoms = defects.dislocation(np.random.default_rng(0), 60.0, "Au", (1, -1, 0))
    nearest = distances(atoms)[:, 0]
    assert np.median(np.abs(nearest / BOND - 1)) < 0.02
    assert np.quantile(nearest, 0.01) > 0.85 * BOND


@pytest.mark.parametrize(
    ("name", "bond"), [("graphene", 1.421), ("hBN", 1.446), ("MoS2", 2.41), ("WS2", 2.40)]
)
def test_sheets_are_whole_layers(name, bond):
    crystal, foreign = films.SHEETS[name]
    for seed in range(4):
        atoms = films.sheet(np.random.default_rng(seed), 60.0, name)
        nearest = distances(atoms)[:, 0]
        assert np.median(nearest) == pytest.approx(bond, abs=0.02)
        layers = round(2 * np.ptp(atoms.positions[:, 2]) / MATERIALS[crystal].vectors[2, 2], 6)
        sandwich = {"MoS2": 0.516, "WS2": 0.51}.get(name, 0)  # S above and below the metal
        assert layers % 1 == pytest.approx(sandwich, abs=0.01)
        host = np.isin(atoms.elements, list(foreign))
        assert 0.95 < host.mean() <= 1


def test_terraces_are_flat():
    atoms = block("MgO", (1, 0, 0), None, (30, 30, 20))
    levels = edges.terraces(np.random.default_rng(2), atoms, 60.0, 40.0)
    assert 2 <= len(np.unique(levels)) <= 32
    assert (levels >= 4).all()


@pytest.mark.parametrize("kind", ["pt_ceo2", "pt_ceo2_ideal", "metal_on_oxide"])
def test_particles_never_touch_their_support(kind):
    for seed in range(12):
        atoms = structures.KINDS[kind](np.random.default_rng(seed), 64.0)
        particle = atoms.positions[atoms.tags > 0]
        support = atoms.positions[atoms.tags == 0]
        assert cKDTree(support).query(particle)[0].min() > 1.7


@pytest.mark.parametrize("kind", structures.OF_ONE_CRYSTAL)
def test_material_and_zone_are_honoured(kind):
    atoms = structures.draw(kind, np.random.default_rng(1), 60.0, "Ag", [1, -1, 0])
    assert set(atoms.elements) - {"C"} == {"Ag"}
    silver = atoms.positions[atoms.elements == "Ag"]
    bond = 4.086 / np.sqrt(2)  # repeat of the rows along [1-10], here along the beam
    pairs = cKDTree(silver).query_pairs(bond + 0.3, output_type="ndarray")
    along = np.diff(silver[pairs], axis=1)[:, 0]
    steep = np.abs(along[:, 2]) > 0.95 * np.linalg.norm(along, axis=1)
    assert steep.mean() > 0.1
    assert np.abs(along[steep, 2]).mean() == pytest.approx(bond, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "choice", "reason"),
    [
        ("pt_ceo2", {"material": "Au"}, "fixed"),
        ("amorphous_film", {"material": "Si"}, "fixed"),
        ("sheet", {"zone": (0, 0, 1)}, "fixed"),
        ("sheet", {"material": "Pt"}, "sheet is made of"),
        ("crystal_edge", {"material": "Unobtainium"}, "Unknown material"),
        ("crystal_edge", {"zone": (0, 0, 0)}, "whole numbers"),
        ("grain_boundary", {"zone": (1, 0.5, 0)}, "whole numbers"),
        ("dislocation", {"zone": (1, 0)}, "whole numbers"),
        ("stacking_fault", {"zone": [1, 0]}, "whole numbers"),
        ("cheese", {}, "Unknown structure"),
    ],
)
def test_impossible_models_are_refused(kind, choice, reason):
    with pytest.raises(SBDError, match=reason):
        structures.draw(kind, np.random.default_rng(0), 60.0, **choice)
