import numpy as np
import pytest

import napari_sbd as sbd
from moving import PIXEL, counts, crystal
from napari_sbd.denoising.settings import Settings
from napari_sbd.movie.standstill import change
from napari_sbd.movie.windows import Windows
from napari_sbd.session import Session

FRAMES = 9


def turned(degrees):
    from scipy.ndimage import rotate

    return [rotate(crystal(), degrees * t, reshape=False, mode="nearest") for t in range(FRAMES)]


def changes(scenes, seed):
    """How far the middle frame differs from the others, with fresh noise."""
    movie = np.stack([counts(s, 100 * seed + t) for t, s in enumerate(scenes)])
    settings = Settings.of(model="hrtem-movie", gain=1.0)
    session = Session(sbd.Micrograph(movie, PIXEL, gain=1.0), settings)
    windows = Windows(session.worker, lambda t: movie[t], FRAMES)
    return change(windows, FRAMES // 2, range(FRAMES))


@pytest.mark.parametrize(
    "still",
    [
        [crystal()] * FRAMES,
        [crystal(mean=m) for m in (1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 0.9, 1.0, 1.1)],
        [crystal(shift=(3.0 * t - 12, t - 4.0)) for t in range(FRAMES)],
    ],
    ids=["still", "flickering", "drifting"],
)
def test_noise_flicker_and_drift_are_no_change(still):
    """Standard normal, or a little less where drift was told by the same noise."""
    found = [changes(still, seed) for seed in range(12)]
    assert abs(np.mean(found)) < 1.0
    assert 0.4 < np.std(found) < 1.6


def test_a_scene_that_turns_has_changed():
    found = [changes(turned(1.5), seed) for seed in range(4)]
    assert min(found) > 5


def test_columns_that_come_in_the_middle_have_changed():
    few = {(i, j) for i in range(-2, 3) for j in (-1, 0)}
    scenes = [crystal(missing=few)] * (FRAMES // 2) + [crystal()] * (FRAMES - FRAMES // 2)
    assert changes(scenes, 0) > 5


def test_a_cut_is_a_change():
    scenes = [crystal()] * 6 + [crystal()[::-1, ::-1].T[:192, :192].repeat(2, 1)[:, :256]] * 3
    assert changes(scenes, 0) > 5


def test_blank_frames_are_not_compared():
    scenes = [np.zeros((192, 256))] * 4 + [crystal()] + [np.zeros((192, 256))] * 4
    assert changes(scenes, 0) == np.inf  # there is nothing to compare with
