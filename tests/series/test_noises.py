"""Noise that is drawn, and its level found again."""

import numpy as np
import pytest
import torch

import napari_sbd as sbd
from napari_sbd import Micrograph
from napari_sbd.errors import SBDError
from napari_sbd.series import Series
from napari_sbd.series.level import estimate_level, random_part
from napari_sbd.series.local_pca import kept_share
from napari_sbd.series.noises import Noise
from napari_sbd.series.plan import recognise
from napari_sbd.series.stack import as_series

from .conftest import decays, table

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


@pytest.mark.parametrize("noise", KINDS, ids=str)
def test_volumes_that_stand_twice_do_not_disturb_the_level(noise):
    """Their difference holds no noise at all, which is not that of the stack."""
    noisy = noise.draw(decays(3, (64, 64)), np.random.default_rng(0))
    noisy[7:9] = noisy[3:5]
    found = estimate_level(Series(noisy), noise.at(1.0), np.ones((64, 64), bool))
    assert found == pytest.approx(noise.level, rel=0.06)


def test_air_does_not_disturb_the_level():
    """The variance of a magnitude without signal is 0.43 of that of its channels."""
    noise = Noise("rician", 0.1)
    clean = decays(3, (64, 64))
    clean[:, :, :40] = 0
    noisy = Series(noise.draw(clean, np.random.default_rng(0)))
    found = estimate_level(noisy, noise, np.ones(noisy.grid, bool))
    assert found == pytest.approx(0.1, rel=0.06)


def spiked(rng, top):
    """White noise of unit variance, 60 x 120; with a component so strong that noise makes it top.

    Of what was added, theta^2, an eigenvalue (1 + theta^2) (1 + q / theta^2) is seen.
    """
    noise = rng.standard_normal((60, 120))
    if top == 0:
        return noise
    half = (top - 1 - 0.5) / 2
    strength = half + np.sqrt(half**2 - 0.5)
    u, v = (rng.standard_normal(n) for n in noise.shape)
    return noise + np.sqrt(strength * 120) * np.outer(u, v) / np.linalg.norm(u) / np.linalg.norm(v)


def test_what_noise_alone_can_make_is_taken_for_noise_and_what_it_cannot_is_not():
    """The largest eigenvalue of noise is (1 + sqrt(1 / 2))^2, here with 1.3 times that."""
    edge = (1 + 0.5**0.5) ** 2
    rng = np.random.default_rng(0)
    kept = {
        top: [np.linalg.matrix_rank(random_part(spiked(rng, top))[1]) for _ in range(40)]
        for top in (0.0, 1.3 * edge)
    }
    assert np.mean(np.array(kept[0.0]) == 0) > 0.85
    assert np.mean(np.array(kept[1.3 * edge]) == 1) > 0.85
    variances = [random_part(spiked(rng, 0.0))[0] for _ in range(40)]
    assert np.mean(variances) == pytest.approx(1, abs=0.02)


def test_components_are_shrunk_by_what_noise_adds_to_them():
    """Of noise of unit variance and 100 x 100 values: nothing below 4, then sqrt(1 - 4 / power).

    Gavish and Donoho, IEEE Trans Inf Theory 63 (2017), eq. 7, for the Frobenius norm.
    """
    power = torch.tensor([[0.5, 3.9, 4.1, 6.0, 40.0]])
    square, few = (
        kept_share(100 * power, torch.tensor([[voxels]]), 100)[0].numpy()
        for voxels in (100.0, 25.0)
    )
    x = power[0].numpy()
    np.testing.assert_allclose(square[2:], np.sqrt(1 - 4 / x[2:]), rtol=1e-4)
    assert (square[:2] == 0).all()
    # of a quarter of the voxels noise alone makes (1 + 1/2)^2
    np.testing.assert_allclose(few[1:], np.sqrt((x[1:] - 1.25) ** 2 - 1) / x[1:], rtol=1e-4)
    assert few[0] == 0


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


def test_values_below_zero_are_no_counts():
    noisy = Noise("gaussian", 0.1).draw(decays(1) - 3, np.random.default_rng(0))
    with pytest.raises(SBDError, match="give the noise level"):
        sbd.pca_series(noisy, noise="poisson")


@pytest.mark.parametrize(("kind", "level"), [("gaussian", 0.1), ("rician", 0.1)])
def test_diffusion_without_its_phase_is_no_magnitude(kind, level):
    """Real-valued images have noise on both sides of zero and no floor."""
    clean = decays(3)
    clean[:, :, :10] = 0
    noisy = Noise(kind, level).draw(clean, np.random.default_rng(0))
    assert recognise(Series(noisy, table())) == kind


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (20.0, 400.0), (0.37, 5.5)])
def test_counts_are_known_by_their_gain(gain, offset):
    clean = decays(3)
    counts = np.random.default_rng(0).poisson(4 * clean)
    stack = Micrograph((counts * gain + offset).astype(np.float32), gain=gain, offset=offset)
    assert recognise(as_series(stack)) == "poisson"
    assert recognise(as_series(stack.replace(data=stack.data + 0.3))) == "gaussian"


def test_small_values_are_no_counts():
    amperes = np.random.default_rng(0).normal(1e-9 * decays(3), 1e-10)
    assert recognise(Series(amperes)) == "gaussian"


def test_the_noise_is_that_of_the_stack_that_is_noisy():
    """A reference that was averaged over exposures holds no whole numbers."""
    rng = np.random.default_rng(0)
    target, averaged = rng.poisson(4 * decays(3)), rng.poisson(400 * decays(5)) / 100
    assert sbd.train_series(averaged, target=target, steps=1).card.noise == "poisson"
    assert sbd.train_series(averaged, target, steps=1).card.noise == "poisson"
