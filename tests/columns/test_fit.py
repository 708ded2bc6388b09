import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from columns.scenes import grid, picture
from napari_sbd.columns.fit import fit_gaussians
from napari_sbd.columns.overlap import Around
from napari_sbd.columns.shown import Shown


def start(points, amplitude, sigma, background):
    values = np.broadcast_to([amplitude, sigma, background], (len(points), 3))
    return np.column_stack([points, values])


@pytest.mark.parametrize("gap", [30.0, 13.0, 10.5])
@pytest.mark.parametrize("amplitude", [2.0, -1.0])
def test_the_truth_comes_back_without_noise(gap, amplitude):
    """Also of columns whose flanks overlap, and of dark ones."""
    points = grid(6, 6, gap, jitter=1.0)
    image = picture(points, gap, 3.0, amplitude, 5.0)
    fit = fit_gaussians(image, start(np.rint(points), 0.8 * amplitude, 2.7, 5.0), 9.0)
    assert fit.converged.all()
    np.testing.assert_allclose(fit.values, start(points, amplitude, 3.0, 5.0), atol=0.03)


@pytest.mark.parametrize("flip", [np.fliplr, np.flipud])
def test_a_flipped_image_gives_the_same_columns(flip):
    """Pixels halfway between two columns belong to the nearer one, not to the one listed first."""
    points = grid(8, 8, 12.0, jitter=0.8)
    counts = np.random.default_rng(0).poisson(picture(points, 12.0, 2.5, 50.0, 25.0))
    counts = counts[:108, :108]  # whole sums of 2 x 2 pixels either way
    turned = points.copy()
    axis = 0 if flip is np.flipud else 1
    turned[:, axis] = counts.shape[axis] - 1 - turned[:, axis]
    first, other = (
        Shown(image.astype(float), start(places, *[np.nan] * 3), 2.5, True).alone()
        for image, places in ((counts, points), (flip(counts), turned))
    )
    assert np.abs((first.intensity - other.intensity) / first.intensity_error).max() < 0.05


def test_a_pair_closer_than_its_windows_is_told_apart():
    points = np.array([[20.0, 20.0], [20.0, 27.5]])
    image = picture(points, 20, 3.0, np.array([3.0, 1.0]), 1.0)
    fit = fit_gaussians(image, start(points + 0.6, 2.0, 3.0, 1.0), 8.0)
    np.testing.assert_allclose(fit.values[:, :2], points, atol=0.02)
    np.testing.assert_allclose(fit.values[:, 2], [3, 1], atol=0.03)


@pytest.mark.parametrize(
    ("gap", "sigma", "amplitude", "background"),
    [(40, 3.0, 20, 10), (40, 3.0, 4, 2), (15, 3.0, 4, 2), (10, 2.0, 10, 5), (15, 3.0, -4, 6)],
)
def test_errors_from_counts_are_honest_and_near_the_bound(gap, sigma, amplitude, background):
    """Isolated columns and lattices at several doses, bright and dark."""
    points = grid(24, 24, gap, jitter=1.0, hexagonal=True)
    expected = picture(points, gap, sigma, amplitude, background)
    counts = np.random.default_rng(1).poisson(expected).astype(float)
    truth = start(points, amplitude, sigma, background)
    held = np.full(len(points), abs(amplitude) < 20)
    fit = fit_gaussians(counts, truth, 2.75 * sigma, poisson=True, hold_width=held)
    assert fit.converged.mean() > 0.99
    ok = fit.converged
    error = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
    off = (fit.values - truth)[ok]
    for i in (0, 1, 2):
        assert 0.9 < (off[:, i] / error[ok, i]).std() < 1.1
    bound = fit_gaussians(expected, truth, 6 * sigma, poisson=True, iterations=0, hold_width=held)
    least = np.sqrt(np.diagonal(bound.covariance, axis1=1, axis2=2))
    assert off[:, :2].std() < 1.2 * least[:, :2].mean()


def test_columns_that_are_not_free_stay_and_still_shine():
    points = grid(3, 3, 11.0)
    image = picture(points, 11.0, 3.0, 2.0, 1.0)
    begin = start(points, 2.0, 3.0, 1.0)
    begin[4, :2] += 1.0
    free = np.arange(9) == 4
    fit = fit_gaussians(image, begin, 8.0, free=free)
    np.testing.assert_array_equal(fit.values[~free], begin[~free])
    np.testing.assert_allclose(fit.values[4, :2], points[4], atol=0.01)


def test_noise_without_a_column_is_not_taken_for_one():
    """Where the counts hold nothing, most fits say so or have an error as large as the value."""
    counts = np.random.default_rng(2).poisson(1.0, (200, 200)).astype(float)
    points = grid(9, 9, 20.0)
    fit = fit_gaussians(
        counts, start(points, 0.5, 3.0, 1.0), 8.0, poisson=True, hold_width=np.ones(81, bool)
    )
    significance = fit.values[:, 2] / np.sqrt(fit.covariance[:, 2, 2])
    assert (fit.converged & (significance > 4)).sum() <= 2


def test_pixels_without_data_are_left_out():
    points = grid(3, 3, 20.0)
    image = picture(points, 20.0, 3.0, 2.0, 1.0)
    image[18:22, 22] = np.nan
    fit = fit_gaussians(image, start(np.rint(points) + 0.5, 1.5, 3.0, 1.0), 8.0)
    np.testing.assert_allclose(fit.values[:, :2], points, atol=0.01)


def test_columns_outside_of_all_data_are_not_fixed():
    fit = fit_gaussians(np.full((30, 30), np.nan), np.array([[15.0, 15, 1, 3, 0]]), 8.0)
    assert not fit.converged.any()
    assert len(fit_gaussians(np.ones((20, 20)), np.zeros((0, 5)), 5.0).values) == 0


NOISELESS = picture(grid(12, 12, 22.0, jitter=1.0), 22.0, 4.0, 4.0, 2.0)


def test_errors_of_the_truth_are_those_of_its_counts():
    """Nothing is left of the fit to an image without noise: the counts alone make its errors."""
    clean = 20 * NOISELESS
    counts = np.random.default_rng(0).poisson(clean).astype(float)
    points = grid(12, 12, 22.0, jitter=1.0)
    begin = np.column_stack([points, np.full((len(points), 3), np.nan)])
    image = Shown(clean, begin, 4.0, True)
    shown, counted = image.with_data(counts, known=image.in_data(counts))
    for i in range(5):
        assert np.median(shown.error[:, i] / counted.error[:, i]) == pytest.approx(1, abs=0.1)
    assert np.median(shown.intensity_error / counted.intensity_error) == pytest.approx(1, abs=0.1)
    off = (counted.values - shown.values) / shown.error
    np.testing.assert_allclose(np.nanstd(off, axis=0), 1, atol=0.15)
    off = (counted.intensity - shown.intensity) / shown.intensity_error
    assert 0.85 < np.nanstd(off) < 1.15
    np.testing.assert_allclose(shown.noise, shown.error[:, :2], rtol=0.05)


def test_what_is_left_of_a_smooth_image_is_part_of_its_errors():
    """Errors blurred by half a width of the columns, in an image of data that have hardly any."""
    points, pulls = grid(12, 12, 22.0, jitter=1.0), []
    begin = np.column_stack([points, np.full((len(points), 3), np.nan)])
    for seed in range(3):
        wrong = gaussian_filter(np.random.default_rng(seed).normal(size=NOISELESS.shape), 1.9)
        image = NOISELESS + 0.1 * wrong / wrong.std()
        least = np.full(image.shape, 1e-8)
        fit = Shown(image, begin, 4.0, True).with_data(NOISELESS, least)[0]
        pulls.append((fit.values[:, :2] - points) / fit.error[:, :2])
    assert 0.75 < np.std(pulls) < 1.25


def test_no_column_is_more_than_one_of_those_that_tell_the_background():
    """Whichever comes first: that one stood in for those that are lacking at the rim."""
    rng = np.random.default_rng(0)
    points = grid(9, 9, 10.0)
    values = start(points, 1.0, 2.5, 5.0)
    values[:, 4] = 5.0 + 0.02 * points[:, 0] + rng.normal(0, 0.01, len(points))
    values[40, 4] = 50.0  # off by far, in the middle
    order = np.append(40, np.delete(np.arange(len(points)), 40))
    usual, first = (Around(v[:, :2]).slopes(v) for v in (values, values[order]))
    np.testing.assert_allclose(first, usual[order], atol=1e-9)
    np.testing.assert_allclose(usual, np.broadcast_to([0.02, 0.0], usual.shape), atol=2e-3)
