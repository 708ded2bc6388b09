import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_sbd.simulation import structures
from napari_sbd.simulation.atomic_columns import at_surface, circumradius, columns_of
from napari_sbd.simulation.crystals import Atoms
from napari_sbd.simulation.materials import MATERIALS, block

VALIDATION = Path(__file__).parents[3] / "shared" / "validation"


def slab(columns_x, columns_y):
    """Square lattice of columns 2 Å apart."""
    y, x = np.mgrid[:columns_y, :columns_x]
    return 2.0 * np.stack([x.ravel(), y.ravel()], 1)


def on_rim(xy):
    return ((xy == xy.min(0)) | (xy == xy.max(0))).any(1)


def test_columns_count_their_atoms():
    atoms = block("SrTiO3", (1, 0, 0), (0, 0, 1), (8, 8, 19.6))
    columns = columns_of(atoms)
    assert columns[:, 3].sum() == len(atoms)
    strontium = columns[columns[:, 2] == 38]
    assert set(strontium[:, 3]) <= {10, 11}
    assert cKDTree(strontium[:, :2]).query(strontium[:, :2], k=2)[0][:, 1] == pytest.approx(3.905)


def test_the_surface_of_a_rectangle_is_its_rim():
    xy = slab(7, 5)
    np.testing.assert_array_equal(at_surface(xy), on_rim(xy))


def test_a_particle_has_the_outline_of_its_facets():
    """Hexagon of Pt columns seen along [1-10]: four {111} and two {100} sides of known length."""
    atoms = block("Pt", (1, -1, 0), (0, 0, 1), (25, 25, 14), (0, 0, 0))
    x, y = atoms.positions[:, :2].T
    edge = 3.924 / 2 * np.sqrt(2)  # {111} traces rise by sqrt(2)
    inside = (np.abs(y) < 8.0) & (np.abs(y) + np.sqrt(2) * np.abs(x) < edge * 5 + 1e-3)
    columns = columns_of(atoms.select(inside))
    height = np.abs(columns[:, 1])
    slope = height + np.sqrt(2) * np.abs(columns[:, 0])
    rim = (height > 7.8) | (slope > slope.max() - 1.5)
    np.testing.assert_array_equal(columns[:, 4] > 0, rim)


def test_a_missing_edge_column_exposes_what_lay_behind_it():
    xy = slab(9, 6)
    behind = (xy == (8, 2)).all(1)
    assert not at_surface(xy)[behind]
    kept = ~(xy == (8, 0)).all(1)
    assert at_surface(xy[kept])[behind[kept]]


def test_a_column_on_top_is_at_the_surface():
    xy = np.concatenate([slab(9, 6), [(7.0, -1.9)]])
    assert at_surface(xy)[-1]


def test_columns_between_particle_and_support_are_inside():
    lower, upper = slab(15, 5), slab(7, 5) + np.array([8, -10.4])
    surface = at_surface(np.concatenate([lower, upper]))
    contact = (upper[:, 1] == upper[:, 1].max()) & (np.abs(upper[:, 0] - 14) < 5)
    assert not surface[len(lower) :][contact].any()
    top = lower[:, 1] == 0
    free = (lower[:, 0] < 6) | (lower[:, 0] > 22)
    assert surface[: len(lower)][top & free].all()
    assert not surface[: len(lower)][top & (np.abs(lower[:, 0] - 14) < 5)].any()


@pytest.mark.parametrize("name", MATERIALS)
def test_the_inside_of_a_perfect_crystal_has_no_surface(name):
    for zone in MATERIALS[name].zones:
        atoms = block(name, zone, None, (24, 24, 10), (0.1, 0.2, 0.3))
        rng = np.random.default_rng(0)
        moved = atoms.moved(atoms.positions + rng.normal(0, 0.05, atoms.positions.shape))
        columns = columns_of(moved)
        inner = (np.abs(columns[:, :2]) < 17).all(1)
        assert not columns[inner, 4].any()


def test_amorphous_atoms_are_never_surface():
    atoms = structures.draw("amorphous_film", np.random.default_rng(0), 40.0)
    columns = columns_of(atoms)
    assert columns[:, 3].sum() == len(atoms)
    assert not columns[:, 4].any()


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_few_columns_are_all_surface(count):
    positions = np.arange(count)[:, None] * np.array([3.0, 0.0, 0.0])
    columns = columns_of(Atoms(positions, np.full(count, "Au"), np.zeros(count, int)))
    assert columns.shape == (count, 6)
    assert columns[:, 4].all()


def test_circumradius_of_known_triangles():
    triangles = np.array([[(0, 0), (3, 0), (0, 4)], [(0, 0), (2, 0), (1, np.sqrt(3))]])
    np.testing.assert_allclose(circumradius(triangles), [2.5, 2 / np.sqrt(3)])


@pytest.mark.skipif(not VALIDATION.is_dir(), reason="validation images are not here")
def test_free_surfaces_agree_with_models_made_by_others():
    """Of the particle's columns that are away from the support."""
    same = []
    for path in sorted(VALIDATION.glob("*.json")):
        truth = json.loads(path.read_text())
        rows = truth["columns"]
        pixel = truth["pixel_nm"] * 10
        xy = pixel * np.array([(row["x"], row["y"]) for row in rows])
        tag = np.array([row["tag"] for row in rows])
        theirs = np.array([row["surface"] for row in rows])
        free = (tag > 0) & (xy[:, 1] < xy[tag == 0, 1].min() - 4)
        same.append(at_surface(xy)[free] == theirs[free])
    assert np.concatenate(same).mean() > 0.95
