import numpy as np
import pandas as pd
import pytest

from columns.scenes import grid
from napari_sbd import SBDError, compare_columns, compare_columns_many_to_one


def test_a_set_agrees_with_itself():
    points = grid(5, 6, 20.0)
    score = compare_columns(points, points)
    assert (score.precision, score.recall, score.f1, score.jaccard, score.rmse) == (1, 1, 1, 1, 0)
    assert score.tolerance == pytest.approx(0.27 * 20)


def test_missing_and_added_columns_are_counted():
    """One of 30 lost and two invented: 29 pairs."""
    points = grid(5, 6, 20.0)
    found = np.vstack([points[1:] + np.array([0.3, 0.4]), [[500, 500], [600, 600]]])
    score = compare_columns(points, found)
    assert score.precision == pytest.approx(29 / 31)
    assert score.recall == pytest.approx(29 / 30)
    assert score.f1 == pytest.approx(58 / 61)
    assert score.jaccard == pytest.approx(29 / 32)
    assert score.rmse == pytest.approx(0.5)


def test_a_column_is_matched_once_only_unlike_in_the_paper():
    points = grid(5, 5, 20.0)
    doubled = np.vstack([points + 1, points - 1])
    assert compare_columns(points, doubled).precision == 0.5
    loose = compare_columns_many_to_one(points, doubled)
    assert loose.f1 == 1
    assert loose.precision == 0.5


def test_as_many_pairs_as_possible_are_made():
    """The greedy nearest pair (1, 0.8) would leave 0 and 2.1 alone."""
    score = compare_columns(np.array([[0, 0], [0, 1.0]]), np.array([[0, 0.8], [0, 2.1]]), 1.2)
    assert score.matched == 2


def test_surface_and_intensity_are_compared_where_both_know_them():
    points = grid(4, 4, 20.0)
    table = pd.DataFrame(points, columns=["y", "x"])
    table["surface"] = np.arange(16) < 8
    table["intensity"] = 2.0
    found = table.drop(index=0).assign(intensity=2.2)
    score = compare_columns(table, found)
    assert score.surface.recall == pytest.approx(7 / 8)
    assert score.intensity_bias == pytest.approx(0.1)
    assert compare_columns(points, found).surface is None


def test_empty_sets_and_bad_input():
    points = grid(3, 3, 20.0)
    none = compare_columns(points, np.zeros((0, 2)))
    assert none.recall == 0
    assert np.isnan(none.precision)
    assert np.isnan(none.rmse)
    assert compare_columns_many_to_one(points, []).f1 == 0
    for bad in (
        lambda: compare_columns(points[:1], points),
        lambda: compare_columns(points, [1.0]),
    ):
        with pytest.raises(SBDError):
            bad()
    with pytest.raises(SBDError, match="tolerance"):
        compare_columns(points, points, tolerance=-1)
    with pytest.raises(SBDError, match="y and x"):
        compare_columns(pd.DataFrame({"a": [1]}), points)


def test_ten_thousand_columns_are_matched():
    points = grid(100, 100, 20.0, jitter=3)
    shuffled = np.random.default_rng(1).permutation(points + 0.5)
    assert compare_columns(points, shuffled).matched == 10_000
