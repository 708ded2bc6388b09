import numpy as np
import pytest

from known import lattice
from napari_sbd import sampling
from napari_sbd.noise import level as noise


@pytest.mark.parametrize("sigma", [0.1, 1.0, 300.0])
def test_noise_level_of_white_noise_under_a_lattice(sigma):
    rng = np.random.default_rng(0)
    image = 50 * sigma * lattice((200, 240), period=9) + rng.normal(0, sigma, (200, 240))
    assert noise.noise_level(image) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (37.0, 0.0), (2.5, 100.0)])
def test_gain_of_poisson_counts(gain, offset):
    """The estimate is within three standard errors (1.3 %) of the truth."""
    counts = np.random.default_rng(1).poisson(lattice((1000, 1000), mean=0.5))
    binned = sampling.bin_counts(gain * counts + offset, (5, 5))
    assert noise.estimate_gain(binned, 25, offset) == pytest.approx(gain, rel=0.04)


def test_an_image_without_noise_has_no_gain():
    assert noise.estimate_gain(np.full((40, 40), 3.0), 1) is None
    assert noise.estimate_gain(np.random.default_rng(2).normal(0, 1, (40, 40)) - 5, 1) is None
