"""Values that were cut off at an end of their range say nothing of noise."""

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd.noise.cut_values import find_cut_values

SIDE, GAIN, OFFSET = 320, 20.0, 100.0


def scene(seed):
    """Electrons per pixel of particles on a film."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE))
    scene = np.full((SIDE, SIDE), 6.0)
    for cy, cx, r in zip(*rng.uniform(0, SIDE, (2, 12)), rng.uniform(15, 40, 12), strict=True):
        scene += 20 * np.clip(1 - ((y - cy) ** 2 + (x - cx) ** 2) / r**2, 0, None)
    return scene


def recorded(seed):
    rng = np.random.default_rng([seed, 1])
    return OFFSET + GAIN * rng.poisson(scene(seed)) + rng.normal(0, 4, (SIDE, SIDE))


def padded(image):
    image[:25] = image[:, -30:] = 0
    return image


def partly_written(image):
    image[200:260] = 0
    return image


def saturated(image):
    return np.minimum(image, np.quantile(image, 0.99)).round()


@pytest.mark.parametrize("spoil", [padded, partly_written, saturated])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_holds_no_noise_does_not_tell_the_detector(spoil, seed):
    found = sbd.estimate_detector(spoil(recorded(seed)))
    # padding with 0 was taken for a part without beam: gain 14, offset -20 to 40
    assert abs(found.gain - GAIN) < 0.15 * GAIN
    assert abs(found.offset - OFFSET) < max(3 * found.offset_err, 30)
    assert any("cut off at an end" in note for note in found.notes)


def test_contrast_that_was_cut_all_over_is_told():
    y, x = np.indices((SIDE, SIDE))
    lattice = 12 + 8 * x / SIDE + 6 * np.cos(2 * np.pi * x / 9) * np.cos(2 * np.pi * y / 11)
    image = GAIN * np.random.default_rng(2).poisson(lattice)
    found = sbd.estimate_detector(np.minimum(image, np.quantile(image, 0.9)) + OFFSET)
    assert not found.fits
    assert any("all over" in note for note in found.notes)


@pytest.mark.parametrize("dose", [0.05, 0.5, 5.0, 50.0])
def test_counts_of_none_tell_as_much_as_others(dose):
    counts = np.random.default_rng(3).poisson(dose / 6 * scene(3))
    counts[:60] = 0  # without beam
    found = sbd.estimate_detector(counts)
    assert abs(found.gain - 1) < 3 * found.gain_err
    assert not any("cut off" in note for note in found.notes)


def test_no_value_of_a_camera_or_of_eight_bits_is_cut_by_chance():
    for seed in range(6):
        image = recorded(seed)
        eight = np.round(255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
        assert not find_cut_values(image).any()
        assert not find_cut_values(np.round(image)).any()
        assert not find_cut_values(eight.astype(float)).any()
