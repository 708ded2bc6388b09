import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_sbd import SBDError
from napari_sbd.simulation.materials import MATERIALS, block


@pytest.mark.parametrize("name", MATERIALS)
def test_density_is_that_of_the_unit_cell(name):
    material = MATERIALS[name]
    half = (30, 31, 29)
    expected = len(material.basis) / abs(np.linalg.det(material.vectors)) * 60 * 62 * 58
    for zone in material.zones:
        assert len(block(name, zone, None, half, (0.13, 0.21, 0.37))) == pytest.approx(
            expected, rel=0.08
        )


@pytest.mark.parametrize(
    ("name", "shortest"),
    [
        ("Pt", 2.775),
        ("CeO2", 2.343),
        ("Si", 2.352),
        ("SrTiO3", 1.953),
        ("MgO", 2.106),
        ("Fe", 2.483),
    ],
)
def test_nearest_neighbours_are_at_the_known_distance(name, shortest):
    atoms = block(name, (1, -1, 0), None, (12, 12, 12))
    distance = cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]
    assert distance.min() == pytest.approx(shortest, abs=0.01)


def test_stacked_planes_have_their_spacing():
    """Pt seen along [1-10] with (111) up shows rows a / sqrt(3) apart."""
    atoms = block("Pt", (1, -1, 0), (1, 1, 1), (10, 20, 10))
    rows = np.unique(np.round(atoms.positions[:, 1], 3))
    assert np.diff(rows) == pytest.approx(3.924 / np.sqrt(3), abs=2e-3)


def test_impossible_requests_are_refused():
    with pytest.raises(SBDError, match="Unknown material"):
        block("Unobtainium", (1, 0, 0), None, (5, 5, 5))
    with pytest.raises(SBDError, match="zone axis"):
        block("Pt", (1, 0, 0), (1, 0, 0), (5, 5, 5))
