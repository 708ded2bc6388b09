import functools

import numpy as np
import pytest
import torch

import napari_sbd as sbd
from napari_sbd.networks import find_model
from napari_sbd.networks.unet import UNet, widened
from napari_sbd.simulation import wave_cache
from napari_sbd.training import clip_pool
from napari_sbd.training.recipe import Recipe
from training.small import SMALL, with_data_of

MOVIE = {**SMALL, "name": "tiny-movie", "frames": 5, "steps": 4}
TINY = {"widths": (8, 16, 16), "depths": (1, 1, 1), "non_local": 1}


def test_a_widened_network_begins_as_the_one_of_single_frames():
    torch.manual_seed(0)
    one = UNet(**TINY).eval()
    torch.nn.init.normal_(one.exit.weight)
    wide = widened(one, 5).eval()
    x = torch.randn(2, 5, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(wide(x), one(x[:, 2:3]), rtol=1e-4, atol=1e-5)
        mixed = widened(one, 3, 0.5, 0.25).eval()(x[:, :3])
        summed = 0.25 * x[:, :1] + 0.5 * x[:, 1:2] + 0.25 * x[:, 2:3]
        torch.testing.assert_close(mixed, one(summed), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(wide(7 * x), 7 * wide(x), rtol=1e-4, atol=1e-5)


def test_even_windows_have_no_middle():
    with pytest.raises(ValueError, match="odd"):
        UNet(**TINY, frames=4)
    with pytest.raises(ValueError, match="odd number"):
        Recipe(**{**MOVIE, "frames": 2})


def test_frames_of_a_window_have_the_brightness_of_the_middle_one():
    rng = np.random.default_rng(0)
    scene = 20 * (1 + 0.5 * np.sin(np.arange(200) / 3))[:, None] * np.ones(200)
    expected = scene * np.array([0.5, 0.8, 1, 1.2, 2])[:, None, None]
    noisy, target = clip_pool.window_pair(rng.poisson(expected), expected)
    for frame in noisy:
        slope = (frame * target[0]).sum() / (target[0] ** 2).sum()
        assert slope == pytest.approx(1, abs=0.02)
    assert (noisy[2] - target[0]).std() == pytest.approx(1, abs=0.02)
    held = np.array([False, True, True, True, False])
    gaps, _ = clip_pool.window_pair(rng.poisson(expected), expected, held)
    assert (gaps[[0, 4]] == gaps[2]).all() and (gaps[1] != gaps[2]).any()


def test_batches_of_windows_repeat_for_a_step_and_some_lack_frames():
    clips = clip_pool.ClipPool(
        np.ones((3, 5, 64, 64), np.float16), Recipe(**{**MOVIE, "batch": 60})
    )
    (first, clean), (second, _), (again, _) = (clips.batch(32, step) for step in (0, 1, 0))
    assert first.shape == (60, 5, 32, 32) and clean.shape == (60, 1, 32, 32)
    assert torch.equal(first, again) and not torch.equal(first, second)
    absent = (first == first[:, 2:3]).all(-1).all(-1)
    assert 0.03 < (absent.sum(1) > 1).float().mean() < 0.4


def test_a_movie_network_is_trained_from_one_of_images(tmp_path, simulated, monkeypatch):
    """Simulation, training, weights and card; the start is widened, and the card says so."""
    small = functools.partial(wave_cache.simulate_scene, box=40.0)  # a third of the usual area
    monkeypatch.setattr(wave_cache, "simulate_scene", small)
    recipe = Recipe(**MOVIE)
    path = sbd.train(recipe, tmp_path / "run", workers=1)  # in this process, which knows of small
    card = find_model(path)
    assert card.architecture["frames"] == 5
    assert card.training["recipe"]["frames"] == 5
    again = sbd.train(recipe, tmp_path / "run", resume=True)
    assert again == path
    first = sbd.train(Recipe(**SMALL), with_data_of(simulated, tmp_path / "still"))
    fine = sbd.train(recipe, with_data_of(path.parent, tmp_path / "fine"), start=str(first))
    assert find_model(fine).training["fine_tuned_from"] == str(first)
    with pytest.raises(sbd.SBDError, match="sees 5 frames"):
        sbd.train(Recipe(**{**MOVIE, "frames": 3}), tmp_path / "three", start=str(fine))
