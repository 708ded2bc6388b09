"""Why a result may be wrong, as far as the image tells."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from known import lattice
from napari_sbd import sampling
from napari_sbd.denoising.doubts import doubt_gaps, doubt_lines, doubt_noise, doubt_small
from napari_sbd.noise.spectrum_estimate import estimate_spectrum
from napari_sbd.noise.whitening import NoiseSpectrum, whiten


@pytest.mark.parametrize(("dose", "doubted"), [(300.0, True), (30.0, False)])
def test_noise_that_a_point_spread_took_away_is_missed_in_the_image_as_it_is(dose, doubted):
    """Blurred by 1.5 px, noise of N electrons keeps 1 / (2 sqrt(pi) 1.5) of sqrt(N)."""
    rng = np.random.default_rng(0)
    scene = lattice((256, 256), 16.0, 0.9)
    image = gaussian_filter(rng.poisson(dose * scene).astype(float), 1.5, mode="wrap")
    image += rng.normal(0, 0.03 * np.sqrt(dose), image.shape)
    contrast = image.std() / (np.sqrt(dose) / (2 * np.sqrt(np.pi) * 1.5))
    assert contrast > 14 if doubted else contrast < 10
    spectrum = estimate_spectrum([image])
    assert bool(doubt_noise(image, whiten(image, spectrum), spectrum)) == doubted


def test_an_image_of_little_but_gaps_is_told():
    counts = np.random.default_rng(0).poisson(9.0, (128, 128)).astype(float)
    assert doubt_gaps(counts) == []
    counts[:, 9:] = np.nan
    assert doubt_gaps(counts) == []
    counts[:, 7:] = np.nan
    assert "Only 896 of the 16,384 pixels hold data" in doubt_gaps(counts)[0]


@pytest.mark.parametrize("turned", [False, True])
def test_lines_that_are_set_off_are_told_in_units_of_the_noise_of_sums(turned):
    """Offsets of 0.3 of the noise of a pixel are 0.3 sqrt(3) of that of sums over 3 x 3 pixels."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(4 * lattice((384, 384), 21.0)).astype(float)
    offsets = 0.3 * 2 * rng.standard_normal((384, 1))

    def told(image):
        image = image.T if turned else image
        return doubt_lines(image, (3, 3), sampling.bin_counts(image, (3, 3)), None, None)

    assert told(counts) == []
    assert told(counts + 0.1 * offsets) == []
    (said,) = told(counts + offsets)
    assert ("columns" if turned else "rows") in said
    assert " by 0.5 times its noise" in said


@pytest.mark.parametrize(
    ("sigma", "side", "block", "doubted"),
    [(0, 48, 1, True), (0, 96, 1, False), (1, 48, 1, False), (0, 240, 5, True), (4, 240, 5, False)],
)
def test_noise_that_a_small_image_shares_hardly_beyond_doubt_is_told(sigma, side, block, doubted):
    """Detail of the specimen had passed for it, without a word: up to 9.5 dB were lost."""
    counts = np.random.default_rng(3).poisson(9.0, (side, side)).astype(float)
    image = gaussian_filter(counts, sigma, mode="wrap") if sigma else counts
    blocks = block, block
    sums, spectrum = sampling.bin_counts(image, blocks), NoiseSpectrum((-8.0,), -3.0, blocks)
    assert bool(doubt_small(image, blocks, sums, spectrum)) == doubted


def test_a_small_image_whose_pixels_share_their_noise_is_told():
    rng = np.random.default_rng(1)
    counts = rng.poisson(5.0, (120, 120)).astype(float)
    shared = gaussian_filter(counts, 2.0, mode="wrap") + rng.normal(0, 0.05, counts.shape)
    for image, doubted in ((counts, False), (shared, True), (np.tile(shared, (3, 3)), False)):
        assert bool(doubt_small(image, (5, 5), sampling.bin_counts(image, (5, 5)))) == doubted
    clear = lattice((205, 205))
    assert doubt_small(clear, (5, 5), sampling.bin_counts(clear, (5, 5))) == []
