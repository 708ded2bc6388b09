"""Correlated noise of pixels: its kernel, and what is known of sums of pixels."""

import numpy as np
import pytest
from scipy.ndimage import fourier_gaussian, gaussian_filter

import napari_sbd as sbd
from napari_sbd import sampling
from napari_sbd.noise.covariance import Covariance, covariance_of, pixel_kernel
from napari_sbd.noise.spectrum_estimate import estimate_spectrum

SHAPE = (240, 270)


def electrons(seed, dose=9.0, shape=SHAPE):
    return np.random.default_rng(seed).poisson(dose, shape).astype(float)


def spread(image, sigma):
    return np.fft.ifft2(fourier_gaussian(np.fft.fft2(image), sigma)).real


@pytest.mark.parametrize("block", [(1, 1), (3, 3), (2, 4)])
def test_drawn_noise_has_the_spectrum_at_the_working_sampling(block):
    sigma = tuple(0.7 * b for b in block)
    image = spread(electrons(0, 50.0), sigma) + 0.1 * electrons(1, 50.0)
    noise = estimate_spectrum([sampling.bin_counts(image, block)], block, force=True)
    made = Covariance(pixel_kernel(noise), 1.0, noise)
    assert made.kernel.sum() == pytest.approx(1)
    rng, shape = np.random.default_rng(2), tuple(64 * b for b in block)
    power = np.mean(
        [
            np.abs(np.fft.fft2(sampling.bin_counts(made.draw(np.full(shape, 4.0), rng), block)))
            ** 2
            for _ in range(60)
        ],
        0,
    ) / (4 * 64**2 * np.prod(block))
    f = np.fft.fftfreq(64)
    expected = noise.power(f[:, None], f)
    slow = np.hypot(f[:, None], f) < 0.25
    slow[0, 0] = False
    assert power[slow].mean() == pytest.approx(expected[slow].mean(), rel=0.04)
    assert power[~slow].mean() == pytest.approx(expected[~slow].mean(), rel=0.06)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("weights", ["column", "core and ring"])
def test_the_variance_of_sums_over_columns(sigma, weights):
    y, x = np.mgrid[-8:9, -8:9]
    w = np.exp(-(y**2 + x**2) / 2 / 1.6**2)
    if weights == "core and ring":
        w = w * (1 - (y**2 + x**2) / 1.6**2)
    images = [spread(electrons(s), sigma) for s in range(6)]
    data = sbd.Micrograph(images[0], 0.033, gain=1.0)
    flat = np.full(SHAPE, 9.0)
    found = covariance_of(data, images[0], flat, flat, (1, 1))
    wide = np.pad(w, [(h, h) for h in found.half])
    told = found.level * 9.0 * (found.spread(wide) ** 2).sum()
    kernel = np.zeros(SHAPE)
    kernel[:17, :17] = w
    sums = [np.fft.ifft2(np.fft.fft2(i - 9) * np.fft.fft2(kernel)).real for i in images]
    assert told == pytest.approx(np.var(sums), rel=0.1)
    # independent pixels would have another variance, by far
    assert abs(9.0 * (w**2).sum() / np.var(sums) - 1) > 0.08


@pytest.mark.parametrize("dose", [0.3, 9.0])
def test_independent_counts_hang_together_by_nothing(dose):
    counts = electrons(3, dose)
    flat = np.full(SHAPE, dose)
    assert covariance_of(sbd.Micrograph(counts, 0.033), counts, flat, flat, (1, 1)) is None


def test_the_strength_is_told_in_a_sentence_where_it_is_not_that_of_counts():
    image = 3 * gaussian_filter(electrons(4), 1.0) - 18
    flat = np.full(SHAPE, 9.0)
    found = covariance_of(sbd.Micrograph(image, 0.033, gain=1.0), image, flat, flat, (1, 1))
    assert found.level == pytest.approx(9, rel=0.1)
    with pytest.warns(UserWarning, match="times the variance of electron counts"):
        found.warn_unless_poisson()
