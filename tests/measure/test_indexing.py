"""Textbook spacings and angles."""

import numpy as np
import pytest

from napari_sbd.measure.indexing import index_spots, rings
from napari_sbd.simulation.crystals import frame
from napari_sbd.simulation.materials import MATERIALS


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Au", {(1, 1, 1): 0.2354, (2, 0, 0): 0.2039, (2, 2, 0): 0.1442, (3, 1, 1): 0.1230}),
        ("Fe", {(1, 1, 0): 0.2027, (2, 0, 0): 0.1434, (2, 1, 1): 0.1170}),
        ("Si", {(1, 1, 1): 0.3136, (2, 2, 0): 0.1920, (3, 1, 1): 0.1637, (4, 0, 0): 0.1358}),
        ("SrTiO3", {(1, 0, 0): 0.3905, (1, 1, 0): 0.2761, (1, 1, 1): 0.2255}),
        ("graphite", {(0, 0, 2): 0.3354, (1, 0, 0): 0.2131}),
    ],
)
def test_rings_are_those_of_the_textbook(name, first):
    """Without what the lattice forbids: no (100) of fcc, no (200) of diamond."""
    found = {r.plane: r.spacing for r in rings(MATERIALS[name], min(first.values()) * 0.99)}
    if name == "graphite":  # it has (101) between
        found = {plane: d for plane, d in found.items() if plane in first}
    assert found.keys() == first.keys()
    for plane, spacing in first.items():
        assert found[plane] == pytest.approx(spacing, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "zone", "planes"),
    [
        ("Pt", (1, -1, 0), [(1, 1, 1), (0, 0, 2)]),
        ("CeO2", (1, -1, 0), [(1, 1, -1), (1, 1, 1)]),
        ("Au", (1, 0, 0), [(0, 2, 0), (0, 0, 2)]),
        ("TiO2", (0, 0, 1), [(1, 1, 0), (2, 0, 0)]),
        ("MoS2", (0, 0, 1), [(1, 0, 0), (1, 1, 0)]),
    ],
)
def test_spots_of_a_zone_are_indexed(name, zone, planes):
    """Turned by any angle, 1 % off in scale: planes, angle and zone up to symmetry."""
    crystal = MATERIALS[name]
    axes = frame(crystal, zone)
    vectors = np.array(planes) @ np.linalg.inv(crystal.vectors / 10).T
    projected = vectors @ axes[:2].T * 1.01
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    best = index_spots(crystal, [tuple(v) for v in projected @ turn.T])[0]
    lengths = 1 / np.linalg.norm(vectors, axis=1)
    assert best.spacings == pytest.approx(lengths, rel=1e-6)
    cosine = vectors[0] @ vectors[1] * lengths[0] * lengths[1]
    assert best.angle == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-6)
    if crystal.is_cubic:
        assert sorted(map(abs, best.zone)) == sorted(map(abs, zone))
    else:
        assert tuple(map(abs, best.zone)) == zone


def test_what_the_material_does_not_have_is_not_indexed():
    assert index_spots(MATERIALS["Au"], [(0.0, 1 / 0.30)]) == []
    # both spacings are gold's, but no two of its planes stand at 20 degrees
    g = 1 / 0.2354
    near = g * np.sin(np.radians(20)), g * np.cos(np.radians(20))
    assert index_spots(MATERIALS["Au"], [(0.0, g), near]) == []


def test_one_spot_names_its_planes():
    (found,) = index_spots(MATERIALS["Au"], [(1 / 0.204, 0.0)])
    assert found.planes == ((2, 0, 0),)
    assert found.zone is None
    assert found.spacings[0] == pytest.approx(0.2039)
