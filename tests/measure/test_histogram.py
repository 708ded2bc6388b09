import numpy as np
import pytest

from napari_sbd.columns import species
from napari_sbd.errors import SBDError
from napari_sbd.measure.histogram import histogram, split, suggest_thresholds


def test_every_finite_value_is_counted_once():
    values = np.append(np.random.default_rng(0).normal(5, 1, 500), [np.nan, np.inf])
    found = histogram(values)
    assert found.counts.sum() == 500
    assert found.left_out == 2
    assert np.ptp(np.diff(found.edges)) < 1e-9
    assert len(histogram(values, 7).counts) == 7


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0], [0.0, 0.0, 0.0, 9.0], [0.2, 0.2 + 5e-17]])
def test_few_and_equal_values(values):
    assert histogram(np.array(values)).counts.sum() == len(values)


def test_nothing_to_count_is_refused():
    with pytest.raises(SBDError, match="no values"):
        histogram(np.array([np.nan]))
    with pytest.raises(SBDError, match="bins"):
        histogram(np.ones(3), 0)


def test_kinds_between_thresholds():
    label, kinds = split(np.array([1.0, 2.0, np.nan, 5.0, 7.0, 6.0]), [5.0, 2.0])
    assert label.tolist() == [0, 1, -1, 2, 2, 2]
    assert [k.count for k in kinds] == [1, 1, 3]
    assert kinds[2].mean == 6
    assert kinds[2].sd == pytest.approx(1)
    assert kinds[2].mean_err == pytest.approx(1 / np.sqrt(3))
    assert np.isnan(kinds[0].sd)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_suggested_thresholds_stand_between_the_kinds(sign):
    """Also for dark columns, whose intensity is negative."""
    rng = np.random.default_rng(0)
    values = sign * np.concatenate([rng.normal(10, 1, 90), rng.normal(20, 1.5, 60)])
    (threshold,) = suggest_thresholds(values)
    assert 13 < sign * threshold < 16.5
    assert suggest_thresholds(rng.normal(10, 1, 200)) == []


def test_kinds_of_dark_columns_have_the_numbers_of_their_species():
    """0 is the weakest; between thresholds it was the strongest."""
    rng = np.random.default_rng(0)
    dark = -np.concatenate([rng.normal(10, 1, 80), rng.normal(30, 1, 50), [np.nan]])
    label, kinds = split(dark, suggest_thresholds(dark))
    np.testing.assert_array_equal(label, species(dark))
    assert [kind.count for kind in kinds] == [80, 50]
    assert kinds[0].mean == pytest.approx(-10, abs=0.5)
    np.testing.assert_array_equal(split(-dark, suggest_thresholds(-dark))[0], species(-dark))
