"""Lattices that a result has lost."""

import numpy as np
import pytest

from napari_sbd.networks.reflections import lost_reflection

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
