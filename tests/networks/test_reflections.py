"""Lattices that a result has lost."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from napari_sbd.networks.reflections import lost_reflection, put_back

SIDE, PERIOD = 160, 7.0


def lattice(contrast: float, turn: float = 0.3) -> np.ndarray:
    """Expected counts of one set of fringes, 16 electrons per pixel."""
    y, x = np.indices((SIDE, SIDE))
    phase = 2 * np.pi / PERIOD * (np.cos(turn) * x + np.sin(turn) * y)
    return 16 * (1 + contrast * np.cos(phase))


def lost_period(image: np.ndarray, result: np.ndarray) -> float | None:
    found = lost_reflection(image, result)
    return None if found is None else 1 / np.hypot(*found)


def counts(expected: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(expected).astype(float)


def test_a_lattice_that_the_result_lacks_is_named():
    image = counts(lattice(0.1))
    assert lost_period(image, np.full_like(image, 16)) == pytest.approx(PERIOD, rel=0.03)
    y, x = lost_reflection(image, np.full_like(image, 16))
    assert np.arctan2(y, x) == pytest.approx(0.3, abs=0.05)


def test_half_the_amplitude_is_kept_and_a_tenth_is_lost():
    image = counts(lattice(0.1))
    assert lost_period(image, lattice(0.05)) is None
    assert lost_period(image, lattice(0.01)) == pytest.approx(PERIOD, rel=0.03)


def test_the_weaker_of_two_lattices_is_missed_as_well():
    image = counts(lattice(0.3) + lattice(0.1, turn=1.2) - 16)
    assert lost_period(image, lattice(0.3)) == pytest.approx(PERIOD, rel=0.03)


def test_noise_has_no_lattice_to_lose():
    flat = np.full((SIDE, SIDE), 16.0)
    found = [lost_period(counts(flat, seed), flat) for seed in range(60)]
    assert found == [None] * 60


def test_a_lattice_below_seven_standard_deviations_is_not_called_sure():
    """Three times the mean power of the noise: pure noise has as much somewhere."""
    window = np.hanning(SIDE)[:, None] * np.hanning(SIDE)
    contrast = 2 * np.sqrt(3 * 16 * (window**2).sum()) / window.sum() / 16
    image = lattice(contrast) + np.random.default_rng(1).normal(0, 4, (SIDE, SIDE))
    assert lost_period(image, np.full_like(image, 16)) is None


def test_bad_lines_of_a_detector_and_slow_illumination_are_no_lattice():
    image = np.full((SIDE, SIDE), 16.0)
    image[:, ::9] += 6
    image[40] += 20
    image *= 1 + 0.4 * np.cos(np.pi * np.arange(SIDE) / SIDE)
    assert lost_period(counts(image), np.full_like(image, 16)) is None


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.mean((found - expected) ** 2))


def test_a_faint_lattice_that_the_estimate_lacks_is_put_back():
    faint, flat = lattice(0.06), np.full((SIDE, SIDE), 16.0)
    found = put_back(counts(faint), flat)
    assert error(found, faint) < 0.35 * error(flat, faint)
    # its amplitude is neither below two thirds of the true one nor above it by a sixth
    share = ((found - 16) * (faint - 16)).sum() / ((faint - 16) ** 2).sum()
    assert 0.67 < share < 1.17


def test_a_lattice_that_the_noise_hides_is_not_put_back():
    flat = np.full((SIDE, SIDE), 16.0)
    assert all(put_back(counts(lattice(0.005), seed), flat) is flat for seed in range(20))


def test_noise_alone_puts_nothing_back_but_in_one_of_a_thousand_images():
    flat = np.full((SIDE, SIDE), 16.0)
    touched = sum(put_back(counts(flat, seed), flat) is not flat for seed in range(300))
    assert touched <= 3  # a chance of 0.3 % with one of a thousand


def test_noise_that_is_not_white_puts_nothing_back():
    """Its spectrum depends on the direction, so that the mean of a ring does not describe it."""
    flat = np.full((SIDE, SIDE), 16.0)
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 4, (SIDE, SIDE))
        streaked = gaussian_filter1d(noise, 1.5, axis=1, mode="wrap")
        assert put_back(flat + streaked, flat) is flat


def test_lines_smeared_by_the_jitter_of_a_scan_are_not_put_back():
    y, x = np.indices((SIDE, SIDE))
    flat = np.full((SIDE, SIDE), 16.0)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        moved = x + rng.normal(0, 1.5, (SIDE, 1))
        clean = 16 * (1 + 0.15 * np.cos(2 * np.pi * (moved / PERIOD + 0.3 * y / PERIOD)))
        found = put_back(rng.poisson(clean).astype(float), flat)
        coherent = lattice(0.15, np.arctan2(0.3, 1.0))
        assert np.ptp(found) < 0.6 * np.ptp(coherent)


def test_lines_of_a_detector_are_not_put_back():
    image = np.full((SIDE, SIDE), 16.0)
    image[:, ::8] += 3
    flat = np.full((SIDE, SIDE), 16.0)
    assert put_back(counts(image), flat) is flat


def test_pixels_without_data_are_not_put_back():
    flat, empty = np.full((SIDE, SIDE), 16.0), np.zeros((SIDE, SIDE), bool)
    empty[::8, ::8] = True
    image = counts(flat)
    image[empty] = 90.0
    assert put_back(image, flat, empty) is flat
    assert put_back(image, flat) is not flat


def test_all_of_an_estimate_that_says_all_is_left():
    image = lattice(0.2)
    assert put_back(image, image) is image
