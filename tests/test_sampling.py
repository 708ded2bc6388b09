import numpy as np
import pytest

from known import lattice
from napari_sbd import sampling


@pytest.mark.parametrize(
    ("pixel_size", "block"),
    [
        ((0.0061, 0.0061), (5, 5)),
        ((0.033, 0.033), (1, 1)),
        ((0.1, 0.1), (1, 1)),
        ((0.0165, 0.0083), (2, 4)),
    ],
)
def test_the_block_comes_nearest_to_the_working_pixel(pixel_size, block):
    assert sampling.choose_bin(pixel_size) == block


def test_binning_keeps_every_count():
    image = np.random.default_rng(0).poisson(0.5, (60, 40))
    assert sampling.bin_counts(image, (4, 5)).sum() == image.sum()


def test_blocks_at_the_rim_and_around_dead_pixels_are_scaled_up():
    image = np.ones((7, 7))
    image[0, 0] = np.nan
    image[:3, 3:6] = np.nan
    binned = sampling.bin_counts(image, (3, 3))
    assert binned.shape == (3, 3)
    assert np.isnan(binned[0, 1])
    np.testing.assert_allclose(np.delete(binned.ravel(), 1), 9)


@pytest.mark.parametrize("block", [(1, 1), (2, 3), (5, 5), (8, 1)])
@pytest.mark.parametrize("blocks", [(1, 2), (4, 5), (21, 34)])
def test_upsampling_keeps_the_sum_of_every_block(block, blocks):
    values = np.random.default_rng(1).normal(10, 1, blocks).astype(np.float32)
    shape = blocks[0] * block[0], blocks[1] * block[1]
    fine = sampling.upsample(values, block, shape)
    assert fine.shape == shape
    np.testing.assert_allclose(sampling.bin_counts(fine, block), values, rtol=1e-5)


def test_a_sampled_lattice_survives_binning_and_upsampling():
    """Periods of six working pixels come back to better than a percent of their contrast."""
    truth = lattice((240, 240), period=30)
    back = sampling.upsample(sampling.bin_counts(truth, (5, 5)), (5, 5), (240, 240))
    assert np.abs(back - truth)[20:-20, 20:-20].max() < 0.003


@pytest.mark.parametrize(("period", "block"), [(37.0, 5), (15.0, 2), (7.0, 1)])
def test_the_block_of_an_uncalibrated_image_follows_its_lattice(period, block):
    noisy = np.random.default_rng(2).poisson(lattice((256, 300), np.sqrt(2) * period))
    assert sampling.estimate_bin(noisy) == (block, block)


def test_pure_noise_shows_no_lattice():
    """False alarms are rare: none in twenty images of noise."""
    rng = np.random.default_rng(3)
    assert all(sampling.estimate_bin(rng.poisson(1.0, (128, 128))) is None for _ in range(20))


def test_grid_offsets_stay_within_a_block():
    assert sampling.grid_offsets((4, 1)) == [(0, 0), (2, 0)]
    assert sampling.grid_offsets((5, 5)) == [(0, 0), (2, 2)]
    assert sampling.grid_offsets((1, 1)) == [(0, 0)]
