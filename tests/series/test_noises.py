"""Noise that is drawn, and its level found again."""

import numpy as np
import pytest

from napari_sbd.errors import SBDError
from napari_sbd.series import Series
from napari_sbd.series.level import estimate_level
from napari_sbd.series.noises import Noise

from .conftest import decays

KINDS = [
    Noise("gaussian", 0.07),
    Noise("rician", 0.07),
    Noise("rician", 0.3),
    Noise("chi", 0.1, 4),
    Noise("poisson", 0.02),
]


@pytest.mark.parametrize("noise", KINDS, ids=str)
def test_the_level_of_a_stack_is_found(noise):
    clean = decays(3, (64, 64))
    noisy = Series(noise.draw(clean, np.random.default_rng(0)))
    found = estimate_level(noisy, noise.at(1.0), np.ones(noisy.grid, bool))
    assert found == pytest.approx(noise.level, rel=0.06)


def test_air_does_not_disturb_the_level():
    """The variance of a magnitude without signal is 0.43 of that of its channels."""
    noise = Noise("rician", 0.1)
    clean = decays(3, (64, 64))
    clean[:, :, :40] = 0
    noisy = Series(noise.draw(clean, np.random.default_rng(0)))
    found = estimate_level(noisy, noise, np.ones(noisy.grid, bool))
    assert found == pytest.approx(0.1, rel=0.06)


@pytest.mark.parametrize("noise", KINDS, ids=str)
def test_the_variance_is_that_of_what_is_drawn(noise):
    clean = np.repeat(np.array([[0.0], [0.15], [0.6]], np.float32), 40_000, 1)
    noisy = noise.draw(clean, np.random.default_rng(1)).astype(np.float64)
    assert noise.variance(noisy.mean(1)) == pytest.approx(noisy.var(1), rel=0.04, abs=1e-9)


@pytest.mark.parametrize("noise", KINDS, ids=str)
def test_the_slope_is_that_of_the_mean(noise):
    clean = np.array([0.0, 0.05, 0.1, 0.3, 1.0], np.float32)
    apart = np.float32(0.1 * noise.level)
    found = (noise.expected(clean + apart) - noise.expected(clean)) / apart
    assert noise.slope(clean + apart / 2) == pytest.approx(found, abs=0.02)


@pytest.mark.parametrize("grid", [(1, 24, 24), (2, 20, 20), (20, 3, 20)])
def test_the_level_of_a_thin_stack_is_found(grid):
    noisy = Series(Noise("gaussian", 0.1).draw(decays(1, grid), np.random.default_rng(0)))
    found = estimate_level(noisy, Noise("gaussian"), np.ones(grid, bool))
    assert found == pytest.approx(0.1, rel=0.08)


def test_the_floor_of_one_coil_is_rayleigh():
    floor = Noise("rician", 2.0).draw(np.zeros(100_000, np.float32), np.random.default_rng(0))
    assert floor.mean() == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("speckle",), "one of"),
        (("gaussian", 0.0), "above 0"),
        (("gaussian", float("nan")), "above 0"),
        (("chi", 1.0, 0), "coils"),
        (("rician", 1.0, 4), "several coils"),
    ],
)
def test_impossible_noise_is_refused(arguments, word):
    with pytest.raises(SBDError, match=word):
        Noise(*arguments)


def test_a_stack_without_noise_has_no_level():
    with pytest.raises(SBDError, match="give the noise level"):
        estimate_level(Series(np.ones((24, 32, 32))), Noise("gaussian"), np.ones((32, 32), bool))
