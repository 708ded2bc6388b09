"""Faint results that the data do not show."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.denoising.shown import doubt_faint, is_shown

SIDE = 96


def smooth(image):
    return gaussian_filter(image, 2.0)


def halves(signal, seed):
    noise = np.random.default_rng(seed).normal(size=(2, SIDE, SIDE))
    return signal + noise[0], signal + noise[1]


def test_noise_alone_shows_nothing_but_once_in_twenty_images():
    """A normal distribution is beyond 1.6 standard deviations on one side with 5.5 %."""
    shown = sum(is_shown(smooth, halves(0.0, seed)) for seed in range(400))
    assert 8 <= shown <= 38  # a chance of one in a thousand on either side


def test_what_both_halves_hold_is_shown():
    y, x = np.indices((SIDE, SIDE))
    lattice = 0.3 * np.cos(0.5 * x) * np.cos(0.4 * y)
    assert all(is_shown(smooth, halves(lattice, seed)) for seed in range(20))


def test_only_faint_results_are_asked():
    """The halves are not even made for a flat or a plain one."""

    def never():
        raise AssertionError

    flat, plain = np.full((SIDE, SIDE), 3.0), np.zeros((SIDE, SIDE))
    plain[::32] = 8.0
    assert doubt_faint("m", smooth, flat, 1.0, never) == []
    assert doubt_faint("m", smooth, plain, 1.0, never) == []
    faint = 0.01 * plain
    assert doubt_faint("m", smooth, faint, 1.0, lambda: halves(0.0, 1))
    assert doubt_faint("m", smooth, faint, 1.0, lambda: halves(plain, 1)) == []


def test_a_network_that_draws_into_noise_is_told_of():
    """An evenly lit field at half an electron per working pixel."""
    counts = np.random.default_rng(3).poisson(0.02, (512, 512)).astype(np.float32)
    with pytest.warns(UserWarning, match="may be the model's own"):
        sbd.denoise(counts, pixel_size=0.0061, model="hrtem")


def test_a_lattice_at_ten_times_the_dose_is_not_doubted():
    y, x = np.indices((512, 512)) * 2 * np.pi * 0.0061 / 0.25
    clean = 0.2 * (1 + 0.3 * np.cos(y) * np.cos(0.9 * x))
    counts = np.random.default_rng(3).poisson(clean).astype(np.float32)
    sbd.denoise(counts, pixel_size=0.0061, model="hrtem")  # a warning is an error
