import numpy as np
import pytest
from scipy import stats

from napari_sbd.agreement import judge_columns, statistic


@pytest.mark.parametrize("mean", [20, 200])
def test_the_normal_score_of_poisson_counts_is_that_of_their_mid_p_value(mean):
    k = np.arange(mean + 5 * int(mean**0.5))
    middle = stats.poisson.cdf(k - 1, mean) + stats.poisson.pmf(k, mean) / 2
    exact = stats.norm.ppf(middle)
    near = np.abs(exact) < 3
    found = statistic.normal_score(k - mean, mean, mean)
    assert np.abs(found - exact)[near].max() < 0.05


def test_scores_combine_to_a_standard_normal():
    rng = np.random.default_rng(0)
    for count in (1, 2, 4):
        z = statistic.combined(list(rng.normal(size=(count, 100_000))))
        assert stats.kstest(z, "norm").pvalue > 0.01


def test_the_combined_score_has_the_p_value_of_chi_squared():
    """A single score is itself; of several the squares count; the sum has the sign."""
    one = np.linspace(-6, 6, 41)
    np.testing.assert_allclose(statistic.combined([one]), one, atol=1e-5)
    two = [np.array([3.0, -1.0, 0.5]), np.array([-1.0, -2.0, 0.1])]
    z = statistic.combined(two)
    expected = stats.chi2.sf(two[0] ** 2 + two[1] ** 2, 2)
    np.testing.assert_allclose(statistic.p_value(z), expected, rtol=1e-4)
    np.testing.assert_array_equal(np.sign(z), [1, -1, 1])


def test_the_map_and_the_columns_have_the_same_z():
    rng = np.random.default_rng(1)
    expected = rng.uniform(0.5, 1.5, (60, 70))
    counts = rng.poisson(expected)
    weights = statistic.Weights((4.0, 5.0))
    maps = statistic.score_maps(counts - expected, expected, weights)
    y, x = np.array([0, 30, 59]), np.array([10, 35, 69])
    for whole, at in zip(
        maps, statistic.scores_at(counts - expected, expected, weights, y, x), strict=True
    ):
        np.testing.assert_allclose(whole[y, x], at, atol=2e-3)


@pytest.mark.parametrize("dose", [0.05, 0.45, 20])
def test_columns_of_the_truth_have_uniform_p_values(dose):
    """Discs that do not overlap, so that the values are independent."""
    from known import lattice

    truth = lattice((1200, 1200), mean=dose)
    counts = np.random.default_rng(2).poisson(truth)
    y, x = (g.ravel() for g in np.mgrid[30:1170:57, 30:1170:57])
    z, p = judge_columns(counts, truth, y, x, radius=11.3)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert z.std() == pytest.approx(1, abs=0.11)  # three standard errors of 400 values
    assert abs(z.mean()) < 0.15
