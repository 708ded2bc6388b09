"""Middles of hexagons are told from columns, and only said where both look alike."""

import warnings

import numpy as np
import pytest

import napari_sbd as sbd
from columns.scenes import grid, picture

GAP = 20.0  # px between the middles


def honeycomb():
    cell = grid(10, 9, GAP, hexagonal=True)
    return np.vstack([cell, cell + np.array([GAP / 3**0.5, 0])])


def triangular():
    return grid(10, 9, GAP, hexagonal=True)


def square():
    return grid(9, 9, GAP)


def found(points, sigma, amplitude=1.0, pixel=0.0123, **options):
    """Columns, and what was said of middles."""
    image = picture(points, GAP, sigma, amplitude, 5.0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        table = sbd.find_columns(None, sbd.Micrograph(image, pixel), **options)
    return table, [str(w.message) for w in said if "hexagons" in str(w.message)]


@pytest.mark.parametrize("sigma", [4.2, 5.0, 5.8])
@pytest.mark.parametrize("amplitude", [1.0, -1.0])
def test_atoms_of_a_honeycomb_that_flow_together_are_spoken_of(sigma, amplitude):
    """Graphene of 0.246 nm; the middles of its hexagons are taken, and the other way is named."""
    table, said = found(honeycomb(), sigma, amplitude)
    atoms = "bright" if amplitude > 0 else "dark"
    assert table.attrs["polarity"] != atoms
    assert len(said) == 1
    assert f"choose the polarity '{atoms}'" in said[0]
    other, said = found(honeycomb(), sigma, amplitude, polarity=atoms, spacing=GAP / 3**0.5)
    assert said == []
    assert len(other) == len(honeycomb())


@pytest.mark.parametrize("points", [triangular(), square()])
@pytest.mark.parametrize("sigma", [3.0, 4.0, 5.0])
@pytest.mark.parametrize("amplitude", [1.0, -1.0])
def test_lattices_of_one_atom_are_not(points, sigma, amplitude):
    table, said = found(points, sigma, amplitude)
    assert table.attrs["polarity"] == ("bright" if amplitude > 0 else "dark")
    assert len(table) == len(points)
    assert said == []


def test_a_honeycomb_whose_atoms_are_found_is_not():
    table, said = found(honeycomb(), 2.6)
    assert table.attrs["polarity"] == "bright"
    assert said == []


def test_unknown_pixels_may_be_of_any_size_and_small_ones_no_honeycomb():
    assert found(honeycomb(), 5.0, pixel=None)[1]
    assert found(honeycomb(), 5.0, pixel=0.0105)[1]
    assert not found(honeycomb(), 5.0, pixel=0.0095)[1]  # middles 0.19 nm apart


def test_noise_does_not_make_columns_of_one_atom_middles():
    """Nor hide those of a honeycomb: a tenth of the contrast at each pixel, over four draws."""
    for seed in range(4):
        for points, expected in ((honeycomb(), True), (triangular(), False)):
            image = picture(points, GAP, 4.6, 1.0, 5.0)
            noise = np.random.default_rng(seed).normal(0, 0.1 * np.ptp(image), image.shape)
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                sbd.find_columns(None, sbd.Micrograph(image + noise, 0.0123))
            assert any("hexagons" in str(w.message) for w in said) == expected
