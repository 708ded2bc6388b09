"""A movie whose brightness flickers: every frame keeps its own level."""

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice

OPTIONS = {"pixel_size": 0.033, "model": "hrtem", "device": "cpu"}
SCENE = 20 * lattice((96, 96), period=8, mean=1.0, contrast=0.25)
LEVELS = np.array([1.0, 0.6, 1.4, 0.9, 0.5, 1.2])
TRUTH = SCENE * LEVELS[:, None, None]


@pytest.fixture(scope="module")
def movie():
    return np.random.default_rng(0).poisson(TRUTH).astype(np.float32)


@pytest.mark.filterwarnings("ignore:A period of:UserWarning")
def test_each_frame_keeps_its_level_and_is_denoised_as_alone(movie):
    result = sbd.denoise(movie, **OPTIONS)
    found = result.mean((1, 2)) / SCENE.mean()
    # the mean of a frame of counts is known to one part in the root of its electrons
    assert found == pytest.approx(LEVELS, rel=4 / np.sqrt(SCENE.sum() * LEVELS.min()))
    for frame, noisy, truth in zip(result, movie, TRUTH, strict=True):
        assert np.std(frame - truth) < 0.35 * np.std(noisy - truth)


@pytest.mark.filterwarnings("ignore:A period of:UserWarning")
def test_neighbours_of_another_brightness_leave_a_frame_its_own(movie):
    result = sbd.denoise(movie, neighbours=2, **OPTIONS)
    found = result.mean((1, 2)) / SCENE.mean()
    assert found == pytest.approx(LEVELS, rel=0.03)
    noise = (np.std(a - b) for a, b in zip(movie, TRUTH, strict=True))
    for frame, truth, raw in zip(result, TRUTH, noise, strict=True):
        assert np.std(frame - truth) < 0.35 * raw
