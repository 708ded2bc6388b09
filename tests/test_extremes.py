"""Values and sizes at the ends of what files hold: a right answer or one sentence."""

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd.agreement.statistic import Weights, score_maps, scores_at
from napari_sbd.measure.profile import line_profile
from napari_sbd.measure.spectrum import box_spectrum, snap
from napari_sbd.noise.level import can_be_dealt

PIXEL = 0.0061


@pytest.fixture
def image():
    return np.random.default_rng(0).poisson(lattice((96, 80), mean=20.0)).astype(float)


def test_neighbourhoods_larger_than_the_image_are_summed_as_far_as_it_goes():
    """Beside sums that are taken point by point."""
    expected = lattice((24, 30), mean=3.0)
    residual = np.random.default_rng(1).poisson(expected) - expected
    weights, (y, x) = Weights((18.0, 40.0)), np.mgrid[2:24:7, 1:30:9].reshape(2, -1)
    maps = score_maps(residual, expected, weights)
    for fast, slow in zip(maps, scores_at(residual, expected, weights, y, x), strict=True):
        np.testing.assert_allclose(fast[y, x], slow, atol=2e-3)


def test_a_field_smaller_than_a_column_is_judged(image):
    """As with a pixel size in other units: the truth is not condemned, a third more is."""
    truth = lattice((96, 80), mean=20.0)
    told = {"pixel_size": 1e-4, "denoiser": False}
    assert np.abs(sbd.agreement(image, truth, **told).z).max() < 3.5
    assert np.abs(sbd.agreement(image, 1.3 * truth, **told).z).min() > 5


@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1e15, 1e25])
def test_results_go_with_the_unit_of_the_values(image, scale):
    expected = sbd.denoise(sbd.Micrograph(image, PIXEL), model="hrtem").data
    other = sbd.denoise(sbd.Micrograph((image * scale).astype(np.float32), PIXEL), model="hrtem")
    np.testing.assert_allclose(other.data / scale, expected, rtol=1e-3)


def test_numbers_without_neighbours_are_no_single_electrons():
    assert can_be_dealt(np.array([0.0, 3.0, 1e9]))
    assert not can_be_dealt(np.array([0.0, 3.0, 2.0**60]))


def test_a_gain_that_leaves_no_electrons_is_refused_by_all(image):
    """Columns were said to come from the noise."""
    m = sbd.Micrograph(image, PIXEL, gain=1.0, offset=400.0)
    for ask in (sbd.denoise, lambda m: sbd.find_columns(None, m)):
        with pytest.raises(sbd.SBDError, match=r"no electrons in"):
            ask(m)


@pytest.mark.parametrize("shape", [(1, 40), (33, 1), (7, 7)])
@pytest.mark.parametrize("method", ["thinning", "subsampling"])
def test_too_few_pixels_judge_no_denoiser(shape, method):
    noisy = np.random.default_rng(0).poisson(3.0, shape)
    with pytest.raises(sbd.SBDError, match="too small"):
        sbd.upsnr(noisy, lambda counts: counts, method=method)


def test_of_few_pixels_the_strength_of_noise_is_known_within_wide_limits():
    truth = lattice((40, 32), mean=300.0)
    counts = np.random.default_rng(2).poisson(truth).astype(float)
    counts[:20] = np.nan
    found = sbd.residual_check(sbd.Micrograph(counts, PIXEL), sbd.Micrograph(truth, PIXEL))
    assert found.strength_low < 1 < found.strength_high
    assert found.strength_high > 3 * found.strength_low


@pytest.mark.parametrize("blank", [np.zeros, np.ones])
def test_an_image_of_one_value_has_no_outliers(blank):
    assert not sbd.outlier_mask(blank((40, 40))).any()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_line_leaves_the_rest_as_it_is(image, value):
    image[30] = value
    mask = sbd.outlier_mask(image)
    assert not np.delete(mask, 30, 0).any()
    result = sbd.denoise(sbd.Micrograph(image, PIXEL, gain=1.0), model="hrtem").data
    assert np.isfinite(result).all()
    assert (
        np.abs(np.delete(result, 30, 0) / np.delete(lattice((96, 80), mean=20.0), 30, 0) - 1).max()
        < 0.5
    )


@pytest.mark.parametrize("kind", ["bool", "float16", "zeros", "inf"])
def test_a_figure_of_whatever_values(tmp_path, image, kind):
    raw = {
        "bool": image > image.mean(),
        "float16": (image * 1000).astype(np.float16),
        "zeros": np.zeros((96, 80)),
        "inf": np.where(np.arange(96)[:, None] == 30, np.inf, image),
    }[kind]
    path = sbd.write_figure(tmp_path / "figure.png", sbd.Micrograph(raw, PIXEL), image)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("score", [sbd.psnr, sbd.ssim])
def test_an_image_without_data_has_no_score(image, score):
    """Its PSNR was infinite, as if nothing were wrong in it."""
    for pair in ((np.full_like(image, np.nan), image), (image, np.full_like(image, np.inf))):
        with pytest.raises(sbd.SBDError, match="holds data in both"):
            score(*pair, peak=40.0)


def test_a_box_of_one_value_has_no_spot():
    spectrum = box_spectrum(np.full((40, 60), 3.0))
    with pytest.raises(sbd.SBDError, match="no peak here"):
        snap(spectrum, 0.2, 0.1)


def test_an_offset_above_all_values_leaves_the_errors_of_a_profile(image):
    """They come from the noise of the image, as without a gain."""
    ends = (20.0, 3.0), (70.0, 60.0)
    wrong = line_profile({"raw": image}, *ends, width=5.0, gain=2.0, offset=1e3)
    plain = line_profile({"raw": image + 0.5}, *ends, width=5.0)
    np.testing.assert_allclose(wrong.error, plain.error, rtol=0.1)
