import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

import napari_sbd as sbd
from known import lattice
from napari_sbd.denoising import filters

PIXEL = 0.0061
NAMES = [name for name in filters.denoisers(pixel_size=PIXEL) if name != "BM3D"]


@pytest.mark.parametrize("name", NAMES)
def test_each_filter_is_nearer_to_the_truth_than_the_counts(name):
    truth = lattice((256, 256), mean=2.0)
    counts = np.random.default_rng(0).poisson(truth)
    result = filters.denoisers(pixel_size=PIXEL, gain=1.0)[name](counts)
    assert result.shape == counts.shape
    assert sbd.psnr(result, truth, 1) > sbd.psnr(counts, truth, 1) + 8
    assert result.mean() == pytest.approx(counts.mean(), rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_units_of_the_input_are_units_of_the_output(name):
    counts = np.random.default_rng(1).poisson(lattice((160, 160), mean=2.0))
    plain = filters.denoisers(pixel_size=PIXEL, gain=1.0)[name](counts)
    told = filters.denoisers(pixel_size=PIXEL, gain=30.0, offset=500.0)[name](30 * counts + 500)
    np.testing.assert_allclose((told - 500) / 30, plain, atol=0.01)


@pytest.mark.parametrize("name", ["Gaussian", "Wiener", "average background subtraction", "Bragg"])
def test_linear_filters_hang_on_no_offset(name):
    """A scene brighter in the middle; the mean leaked into the slowest frequencies beside it."""
    y, x = np.indices((160, 160)) - 80
    truth = lattice((160, 160), 12, mean=2.0) + 3 * (np.hypot(y, x) < 50)
    counts = np.random.default_rng(4).poisson(truth).astype(float)
    apply = filters.denoisers(block=(1, 1))[name]
    plain = apply(counts)
    for shift in (-counts.mean(), 1000.0):
        np.testing.assert_allclose(apply(counts + shift) - shift, plain, atol=1e-2)


def test_the_inverse_of_anscombe_is_unbiased():
    rng = np.random.default_rng(2)
    for mean in (2.0, 10.0):
        stabilised = filters.anscombe(rng.poisson(mean, 200_000))
        assert stabilised.std() == pytest.approx(1, abs=0.06)
        assert filters.inverse_anscombe(stabilised.mean()) == pytest.approx(mean, rel=0.02)


def test_filters_take_single_images():
    with pytest.raises(sbd.SBDError, match="single"):
        filters.denoisers(pixel_size=PIXEL)["Gaussian"](
            np.random.default_rng(0).poisson(1, (3, 64, 64))
        )


@pytest.mark.parametrize("name", ["non-local means", "wavelet", "total variation"])
def test_the_offset_that_is_told_counts_where_the_gain_is_not_known(name):
    """Without it the noise would seem not to grow with the brightness."""
    truth = lattice((256, 256), mean=2.0, contrast=0.9)
    image = np.random.default_rng(3).poisson(truth) + 400.0
    plain, told = (
        filters.denoisers(pixel_size=PIXEL, offset=o)[name](image) - 400 for o in (0, 400)
    )
    right = filters.denoisers(pixel_size=PIXEL)[name](image - 400)
    np.testing.assert_allclose(told, right, atol=0.01)
    assert np.abs(plain - right).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(9, 9), (9, 40), (11, 9)])
def test_images_of_few_blocks_are_filtered(name, shape):
    counts = np.random.default_rng(0).poisson(9.0, (4 * shape[0], 4 * shape[1]))
    result = filters.denoisers(gain=1.0, block=(4, 4))[name](counts)
    assert result.shape == counts.shape
    assert result.mean() == pytest.approx(9, rel=0.1)


@pytest.mark.parametrize("shape", [(7, 40), (40, 7), (3, 3)])
@pytest.mark.parametrize("block", [(4, 4), None])
def test_images_of_fewer_blocks_are_refused(shape, block):
    counts = np.random.default_rng(0).poisson(9.0, [n * (block or (1, 1))[0] for n in shape])
    for name in NAMES:
        with pytest.raises(sbd.SBDError, match="working pixels"):
            filters.denoisers(pixel_size=PIXEL, gain=1.0, block=block)[name](counts)


@pytest.mark.parametrize("shape", [(9, 30), (12, 10), (16, 17)])
def test_bm3d_never_gets_an_image_of_one_piece(shape, monkeypatch):
    """Small images can end the process in that package, so a stand-in looks at what it is given."""
    given = []

    class Package:
        @staticmethod
        def bm3d(image, sigma):
            given.append(image.shape)
            return image

    monkeypatch.setitem(sys.modules, "bm3d", Package)
    image = np.random.default_rng(0).normal(5, 1, shape)
    np.testing.assert_array_equal(filters.bm3d(image), image)
    assert min(given[0]) >= 16


@pytest.mark.parametrize("period", [12, 24, 48])
def test_the_width_of_the_blur_is_the_best_one(period):
    """Over images, the error is that of the best fixed width: Stein's estimate is unbiased."""
    truth = lattice((128, 128), period=period, mean=9.0)
    images = [np.random.default_rng(s).poisson(truth).astype(float) for s in range(6)]
    widths = 0.5 * 2 ** (np.arange(11) / 2)
    fixed = [np.mean([(gaussian_filter(i, w) - truth) ** 2 for i in images]) for w in widths]
    chosen = np.mean([(filters.gaussian(i) - truth) ** 2 for i in images])
    assert min(fixed) <= chosen * 1.001
    assert chosen < 1.03 * min(fixed)


def test_the_wiener_filter_leaves_of_white_noise_what_its_formula_does():
    """(P - B) / P with P the mean of 3 x 3 exponentially distributed powers, never negative."""
    rng = np.random.default_rng(0)
    powers = rng.exponential(size=(512, 512))
    ratio = uniform_filter(powers, 3, mode="wrap")
    expected = (np.clip(1 - 1 / ratio, 0, 1) ** 2 * powers).mean()
    left = filters.wiener(9 + rng.normal(0, 1, (512, 512)))
    assert left.var() == pytest.approx(expected, rel=0.1)
