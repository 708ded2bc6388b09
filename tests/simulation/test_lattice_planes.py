"""Spacings of lattice planes against those of textbooks."""

import numpy as np
import pytest

from napari_sbd.simulation.lattice_planes import plane_spacings
from napari_sbd.simulation.materials import material


@pytest.mark.parametrize(
    ("name", "a", "planes"),
    [
        ("Pt", 3.9242, [(1, 1, 1), (2, 0, 0), (2, 2, 0)]),  # face-centred: all odd or all even
        ("W", 3.165, [(1, 1, 0), (2, 0, 0), (2, 1, 1)]),  # body-centred: an even sum
        ("SrTiO3", 3.905, [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 0, 0)]),  # primitive
        ("Si", 5.431, [(1, 1, 1), (2, 0, 0), (2, 2, 0), (3, 1, 1)]),  # with the forbidden 200
    ],
)
def test_cubic_spacings_are_a_over_the_length_of_hkl(name, a, planes):
    expected = [a / np.linalg.norm(hkl) for hkl in planes]
    assert plane_spacings(material(name))[: len(planes)] == pytest.approx(expected, rel=3e-3)


def test_layers_of_a_hexagonal_crystal():
    """MoS2: c = 12.29 and a = 3.16 Å; d of (100) is a sqrt(3) / 2."""
    spacings = plane_spacings(material("MoS2"))
    for d in (12.29, 12.29 / 2, 3.16 * np.sqrt(3) / 2):
        assert np.min(np.abs(np.array(spacings) - d)) < 0.02


def test_a_cell_smaller_than_the_shortest_spacing_has_no_planes_to_name():
    assert plane_spacings(material("Pt"), shortest=10.0) == []
