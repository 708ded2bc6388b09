"""Kinds of columns by intensities that were drawn."""

import numpy as np
import pytest

from napari_sbd.columns import species
from napari_sbd.measure.histogram import split, suggest_thresholds


def drawn(seed, *kinds):
    """Values of kinds (mean, standard deviation, number), and which kind each is of."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(mean, sd, number) for mean, sd, number in kinds])
    return values, np.repeat(np.arange(len(kinds)), [number for *_, number in kinds])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "kinds",
    [
        [(10, 1, 100), (30, 8, 100)],
        [(40, 6, 150), (60, 1.5, 100)],
        [(10, 1, 100), (20, 4, 100), (32, 1, 100)],
    ],
)
def test_kinds_of_other_spread_are_parted_once(kinds, sign):
    """The wide kind is the likelier one beyond the narrow one, too: of thresholds half-way between
    the outermost values one lay in the middle of a kind, and a seventh of the columns was wrong."""
    for seed in range(6):
        values, kind = drawn(seed, *kinds)
        found = species(sign * values)
        assert (np.diff(found[np.argsort(values)]) >= 0).all()
        assert (found != kind).mean() < 0.06
        label, _ = split(sign * values, suggest_thresholds(sign * values))
        np.testing.assert_array_equal(label, found)


def test_a_single_column_is_no_species():
    """The lowest of fifty, 3.8 deviations off, was one of two seeds in twenty."""
    for seed in range(20):
        values, kind = drawn(seed, (10, 1, 50), (30, 1, 50))
        values[0] = 5.5
        np.testing.assert_array_equal(species(values), kind)


def test_heavy_tails_are_no_species():
    values = np.random.default_rng(0).standard_t(3, 400) + 50
    assert species(values, 2).max() == 0
