import numpy as np
import pytest
from scipy import stats

from napari_sbd import Micrograph
from napari_sbd.agreement import judge_columns, statistic
from napari_sbd.agreement.result import Agreement
from napari_sbd.agreement.split_halves import still


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


def sure(p):
    """The z that has this two-sided p-value."""
    return stats.norm.isf(np.asarray(p) / 2)


@pytest.mark.parametrize(("least", "rejected"), [(0.0024, True), (0.0026, False)])
def test_columns_are_called_unsupported_at_five_percent_false_discoveries(least, rejected):
    """Benjamini and Hochberg (1995): of 20 the smallest p-value may be up to 0.05 / 20."""
    p = np.r_[least, np.linspace(0.2, 1, 19)]
    assert statistic.supported(sure(p), None).tolist() == [not rejected] + [True] * 19
    # the second smallest may be twice that, with the smallest
    p[1] = 2 * least
    assert statistic.supported(sure(p), None).tolist() == [not rejected] * 2 + [True] * 18
    none = np.zeros((4, 5))
    z = np.random.default_rng(0).permutation(sure(np.r_[least, np.linspace(0.2, 1, 19)]))
    judged = Agreement(
        z=z.reshape(4, 5),
        log_likelihood_ratio=none,
        positions=np.zeros((20, 2)),
        column_ratio=np.zeros(20),
        column_z=z,
        halves=None,
        counts=none,
        expected=none,
        radius=(1.0, 1.0),
        how="",
    )
    assert judged.rejected.sum() == rejected
    np.testing.assert_array_equal(judged.rejected.ravel(), ~judged.columns["supported"])


def test_a_column_that_no_half_shows_is_not_supported_whatever_its_z():
    z = np.zeros(3)
    assert statistic.supported(z, np.array([0, 1, 2])).tolist() == [False, True, True]


def test_scores_beside_an_edge_are_independent_and_normal():
    """Where the expectation is uneven, both sums share noise; the second is freed of the first."""
    weights = statistic.Weights((4.0, 4.0))
    expected = np.full((41, 41), 4.0)
    expected[:, 26:] = 400.0
    here = np.array([20.0]), np.array([20.0])
    (w, v), _ = weights.patches()
    inner = tuple(slice(20 - h, 21 + h) for h in weights.half)
    shared = (w * v * expected[inner]).sum()
    shared /= np.sqrt((w**2 * expected[inner]).sum() * (v**2 * expected[inner]).sum())
    assert abs(shared) > 0.7  # there is something to be freed of
    rng = np.random.default_rng(0)
    found = np.array(
        [
            statistic.scores_at(rng.poisson(expected) - expected, expected, weights, *here)
            for _ in range(1500)
        ]
    )[:, :, 0]
    # four standard errors of 1500 values
    np.testing.assert_allclose(found.std(0), 1, atol=0.08)
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.1


@pytest.mark.parametrize(("excess", "stands"), [(0.11, True), (0.21, False)])
def test_a_scene_stands_still_up_to_a_tenth_more_variance(excess, stands):
    """Pixels that differ by +-d between even and odd frames add 2 d^2 / mean to that of counts."""
    weights, mean = statistic.Weights((2.0, 2.0)), 20.0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        differ = rng.normal(0, np.sqrt(excess * mean / 2), (512, 512))
        frames = np.stack([rng.poisson(mean + differ), rng.poisson(mean - differ)])
        assert still(Micrograph(frames.astype(float)), weights) == stands
