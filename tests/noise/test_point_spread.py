"""Light that spreads far and pixels of unlike sensitivity make the gain uncertain."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.noise.point_spread import slow_rise
from napari_sbd.noise.spectrum import FREQUENCY, Shape, fit, spectra_of
from napari_sbd.noise.variance_line import fit_line

LOWEST = 0.076  # cycles per pixel, of 6.1 pm


@pytest.mark.parametrize("size", [512, 700])
def test_noise_without_a_halo_shows_none(size):
    """Over 16 draws: no excess in the mean, and errors that are those of the draws."""
    found = [
        slow_rise(np.random.default_rng(seed).normal(size=(size, size)), Shape(), LOWEST)
        for seed in range(16)
    ]
    rises, errors = np.transpose(found)
    assert abs(rises.mean()) < 0.06
    assert 0.5 < rises.std() / errors.mean() < 1.5


@pytest.mark.parametrize(
    ("width", "least", "most"), [(3, 0.4, 0.6), (6, 0.25, 0.5), (10, 0.1, 0.3)]
)
def test_a_halo_shows_by_as_much_as_it_adds(width, least, most):
    """A fifth of the light: 1 / 0.64 - 1 = 0.56 at frequency zero, less where a halo is wide."""
    more = []
    for seed in range(4):
        near = gaussian_filter(np.random.default_rng(seed).normal(size=(512, 512)), 0.5)
        wide = gaussian_filter(np.random.default_rng(seed).normal(size=(512, 512)), width)
        rises = []
        for noise in (near, 0.8 * near + 0.2 * wide):
            shape, _ = fit(FREQUENCY, spectra_of([noise], None).mean(0), LOWEST)
            rises.append(slow_rise(noise, shape, LOWEST)[0])
        assert abs(rises[0]) < 0.2
        more.append(rises[1] - rises[0])
    assert least < np.mean(more) < most


def test_a_lattice_is_no_halo_and_an_image_that_is_too_small_tells_nothing():
    y, x = np.mgrid[:512, :512] * (2 * np.pi / 41)
    lattice = 0.4 * np.cos(y) * np.cos(x)
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(size=(512, 512))
        rise, error = slow_rise(noise + lattice, Shape(), LOWEST)
        assert abs(rise) < 3 * error
    assert slow_rise(noise[:128, :128], Shape(), LOWEST)[1] > 0.1
    assert slow_rise(np.where(noise > 1, np.nan, noise), Shape(), LOWEST)[1] == np.inf


def light(n=512):
    y, x = np.mgrid[:n, :n] * (2 * np.pi / 41)
    return (1 + 0.1 * np.cos(y) * np.cos(x)) * np.linspace(0.6, 1.4, n)


@pytest.mark.parametrize("width", [3, 4, 6])
def test_it_is_not_sure_of_the_gain_of_a_camera_with_a_halo(width):
    """Whose gain comes out a third too small; without it errors are small, and one is sure."""
    for seed in (0, 2):
        e = np.random.default_rng(seed).poisson(5 * light()).astype(float)
        near = gaussian_filter(e, 0.5)
        far = 0.8 * near + 0.2 * gaussian_filter(e, width)
        found = sbd.estimate_detector(sbd.Micrograph(20 * far + 400, 0.0061))
        assert found.gain < 16
        assert not found.sure
        assert "light that spreads" in str(found)
        assert abs(found.gain - 20) < 3 * found.gain_err
        bare = sbd.estimate_detector(sbd.Micrograph(20 * near + 400, 0.0061))
        assert bare.gain_err < 0.7 * found.gain_err
        assert bare.gain_err < 0.15 * 20
        assert bare.sure or seed


@pytest.mark.parametrize("far", [0.0, 0.2])
@pytest.mark.parametrize("seen", ["frames", "vacuum"])
def test_where_no_signal_hides_the_noise_only_a_halo_makes_it_unsure(far, seen):
    """Differences of frames, and an evenly lit region of any size."""
    rng = np.random.default_rng(1)
    count = 3 if seen == "frames" else 1
    e = rng.poisson(np.broadcast_to(3 * light(), (count, 512, 512))).astype(float)
    spread = (1 - far) * gaussian_filter(e, (0, 0.5, 0.5)) + far * gaussian_filter(e, (0, 4, 4))
    image = sbd.Micrograph((20 * spread + 400).squeeze(), 0.0061)
    if seen == "frames":
        found = sbd.estimate_detector(image)
        assert found.sure == (not far)
        assert ("light that spreads" in str(found)) == bool(far)
        assert "still scene" not in str(found)
    else:
        strip = np.broadcast_to(np.arange(512) < 64, (512, 512))
        found = sbd.estimate_detector(image, vacuum=strip)
        assert np.isfinite(found.gain_err)
    assert found.sure <= (abs(found.gain - 20) < 3 * found.gain_err)


@pytest.mark.parametrize(("pattern", "dose"), [(0.0, 5), (0.05, 5), (0.1, 2), (0.1, 5), (0.1, 10)])
def test_errors_of_the_gain_hold_what_pixels_of_unlike_sensitivity_do(pattern, dose):
    """Over other patterns: right within three errors, and without one the errors are not vast."""
    for seed in range(3):
        rng = np.random.default_rng([seed, 77])
        e = rng.poisson(dose * light()) * (1 + pattern * rng.standard_normal((512, 512)))
        found = sbd.estimate_detector(sbd.Micrograph(20 * e + 400, 0.0061))
        assert abs(found.gain - 20) < 3 * found.gain_err
        assert found.gain_err < 0.05 * 20 * np.sqrt(1 + dose)


def test_a_pattern_shows_as_the_square_of_the_mean():
    """Tiles of exact values, with the scatter of 64 pixels: the coefficient comes back."""
    rng = np.random.default_rng(0)
    mean = np.tile(np.linspace(0.3, 3.0, 64), (64, 1)) * 100.0
    for squared in (0.0, 0.04):
        exact = 20 * mean + squared * mean**2
        found = fit_line(mean, exact * rng.chisquare(64, mean.shape) / 64)
        assert found.pattern == pytest.approx(squared, abs=3 * found.pattern_err)
        assert found.pattern_err < 0.02
        assert abs(found.gain - 20) < 3 * found.gain_err


def test_counted_electrons_have_no_pattern_and_their_step_is_the_gain():
    """Neither known: at 30 electrons a pixel the curvature alone would leave a fifth."""
    for step in (1, 7):
        e = np.random.default_rng(step).poisson(30 * light())
        found = sbd.estimate_detector(sbd.Micrograph(step * e + 400.0, 0.0061))
        assert found.sure
        assert abs(found.gain - step) <= found.gain_err
        assert found.gain_err < 0.06 * step


def test_rounding_that_follows_the_number_of_electrons_is_spoken_of():
    """At a gain of 1.1 whole numbers skip one in ten: the variance jumps, and tells no gain."""
    rng = np.random.default_rng(3)
    e = rng.poisson(3 * light())
    found = sbd.estimate_detector(sbd.Micrograph(np.round(1.1 * e + 10), 0.0061))
    assert not found.sure
    assert "coarse" in str(found)
    fine = np.round(5.3 * e + 10 + rng.normal(0, 1.5, e.shape))
    found = sbd.estimate_detector(sbd.Micrograph(fine, 0.0061))
    assert found.sure
    assert "coarse" not in str(found)
    assert abs(found.gain - 5.3) < 3 * found.gain_err
