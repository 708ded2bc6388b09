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


@pytest.mark.parametrize("shape", [(128, 128), (40, 300)])
def test_the_noise_level_is_unbiased_and_its_error_as_told(shape):
    """Of 400 images the mean variance is known to 0.2 %; a missing truncation makes 2.2 %."""
    rng = np.random.default_rng(3)
    levels = np.array([noise.noise_level(rng.normal(0, 2, shape)) for _ in range(400)]) / 2
    error = noise.LEVEL_ERROR / np.sqrt(shape[0] * shape[1])
    assert np.mean(levels**2) == pytest.approx(1, abs=5 * 2 * error / 20)
    assert 0.88 < levels.std() / error < 1.12


def uneven(kind, n=96):
    """A lattice under light that varies."""
    y, x = np.mgrid[:n, :n] / n
    light = {
        "ramp": 0.2 + 0.8 * x,
        "tilted ramp": 0.2 + 0.8 * x + 0.8 * y,
        "vignette": 1 - 1.8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
        "tail of the beam": np.exp(-3 * x - 1.5 * y),
        "one dark half": np.where(x < 0.55, 0.3, 1.0),
    }[kind]
    return lattice((n, n), period=7.6) * light


@pytest.mark.parametrize("dose", [2, 100, 3000])
@pytest.mark.parametrize(
    "kind", ["ramp", "tilted ramp", "vignette", "tail of the beam", "one dark half"]
)
def test_uneven_light_is_no_noise(kind, dose):
    """The level of Poisson counts is that of their mean; over 8 images it is known to 1 %."""
    rng = np.random.default_rng(4)
    expected = dose * uneven(kind)
    levels = [noise.noise_level(rng.poisson(expected)) for _ in range(8)]
    assert np.mean(levels) == pytest.approx(np.sqrt(expected.mean()), rel=0.04)


def test_pixels_without_data_do_not_lower_the_level():
    rng = np.random.default_rng(5)
    image = rng.normal(5, 2, (200, 200))
    image[:60] = np.nan
    image[rng.random(image.shape) < 0.2] = np.nan
    assert noise.noise_level(image) == pytest.approx(2, rel=0.04)
    assert noise.noise_level(np.full((20, 20), np.nan)) == 0
