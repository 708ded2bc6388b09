import numpy as np
import pytest

import napari_sbd as sbd
from moving import PIXEL, counts, crystal, decibel
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.movie import fused_frames
from napari_sbd.movie.change_detection import Stillness
from napari_sbd.movie.fusion import fused_versions

OPTIONS = {"pixel_size": PIXEL, "gain": 1.0, "model": "hrtem"}


def noisy(scenes, seed=0):
    return np.stack([counts(s, 100 * seed + t) for t, s in enumerate(scenes)])


def worker(movie):
    return Denoiser(sbd.Micrograph(movie, PIXEL, gain=1.0), model="hrtem")


def gains(scenes, neighbours=4):
    """dB that neighbours bring to each frame."""
    movie = noisy(scenes)
    alone = sbd.denoise(movie, **OPTIONS)
    fused = sbd.denoise_movie(movie, neighbours=neighbours, **OPTIONS)
    return np.array(
        [decibel(b, s) - decibel(a, s) for a, b, s in zip(alone, fused, scenes, strict=True)]
    )


def test_a_still_scene_gains_what_the_dose_brings():
    scenes = [crystal()] * 8
    movie = noisy(scenes)
    fused = sbd.denoise_movie(movie, **OPTIONS)
    total = sbd.denoise(movie.sum(0), **OPTIONS) / 8
    reached = np.mean([decibel(f, scenes[0]) for f in fused])
    assert reached > decibel(total, scenes[0]) - 1


def test_a_drifting_scene_gains_as_well():
    assert gains([crystal(shift=(2 * t, -t)) for t in range(8)]).mean() > 3


def test_frames_that_flicker_gain_as_well():
    levels = [1.0, 0.8, 1.2, 0.9, 1.1, 0.75, 1.25, 1.0]
    assert gains([level * crystal() for level in levels], 2).min() > 1


@pytest.mark.parametrize("unit", [1.0, 1e-15])
def test_neighbours_help_where_the_mean_was_taken_off(unit):
    scenes = [crystal(shift=(2 * t, -t)) for t in range(6)]
    movie = noisy(scenes)
    mean = movie.mean()
    alone = sbd.denoise(movie, **OPTIONS)
    fused = sbd.denoise_movie((movie - mean) * unit, pixel_size=PIXEL, model="hrtem", neighbours=2)
    fused = np.asarray(fused) / unit + mean
    pairs = zip(fused, alone, scenes, strict=True)
    assert np.mean([decibel(f, s) - decibel(a, s) for f, a, s in pairs]) > 2


def test_another_scene_in_each_frame_costs_nothing():
    scenes = [crystal(phase=0.13 * t, missing=[(t % 3 - 1, t % 2)]) for t in range(8)]
    assert gains(scenes).min() > -0.1


def test_a_sudden_change_costs_nothing_and_halves_still_gain():
    other = crystal(phase=0.5, missing=[(0, 0)])
    change = gains([crystal()] * 4 + [other] * 4)
    assert change.min() > -0.1 and change.mean() > 0.5


def test_a_column_in_one_frame_only_survives():
    scenes = [crystal(missing=[(0, 0)], mean=2.0)] * 8
    scenes[3] = crystal(mean=2.0)
    fused = sbd.denoise_movie(noisy(scenes), **OPTIONS)
    column = scenes[3] - scenes[0]
    height = [(f * column).sum() / (column**2).sum() for f in fused]
    assert height[3] - np.delete(height, 3).mean() > 0.8


def test_weights_tell_where_the_scene_has_changed():
    movie = noisy([crystal(mean=2.0), crystal(mean=2.0), crystal(mean=2.0, missing=[(0, 0)])])
    inner = worker(movie).on_blocks()
    from napari_sbd.sampling import bin_counts

    clean = [inner(bin_counts(f, (5, 5))) for f in movie]
    stillness = Stillness(inner, 0.0)
    level = float(np.sqrt(clean[0].mean()))
    stillness.learn(clean[0], level)
    same, _ = stillness.weights(clean[0], clean[1], level, level)
    changed, _ = stillness.weights(clean[0], clean[2], level, level)
    middle = clean[0].shape[0] // 2, clean[0].shape[1] // 2
    assert same.mean() > 0.9
    assert changed[middle] < 0.3
    assert changed[:, :6].mean() > 0.9


def test_frames_come_in_order_and_few_are_held():
    movie, read = noisy([crystal()] * 9), []

    def reader():
        for t, frame in enumerate(movie):
            read.append(t)
            yield frame

    results = fused_frames(reader(), worker(movie), neighbours=1)
    for t, fused in enumerate(results):
        assert fused.shape == movie.shape[1:] and fused.dtype == np.float32
        assert read[-1] <= max(t + 1, 2)
    assert t == 8


def test_versions_of_a_frame_are_what_movies_with_them_give():
    movie, other = noisy([crystal()] * 4), counts(crystal(), 77)
    both = fused_versions(movie, 2, [movie[2], other], worker(movie))
    for found, frame in zip(both, (movie[2], other), strict=True):
        frames = np.stack([*movie[:2], frame, movie[3]])
        expected = list(fused_frames(frames, worker(movie)))[2]
        assert np.abs(found - expected).max() < 0.02 * np.ptp(expected)
    np.testing.assert_array_equal(both[0], list(fused_frames(movie, worker(movie)))[2])


@pytest.mark.parametrize("length", [1, 2, 5])
def test_movies_shorter_than_the_window(length):
    movie = noisy([crystal()] * length)
    fused = sbd.denoise_movie(movie, **OPTIONS)
    assert fused.shape == movie.shape and np.isfinite(fused).all()
    if length == 1:
        np.testing.assert_allclose(fused, sbd.denoise(movie, **OPTIONS), atol=0.02)


def test_gain_and_offset_do_not_matter():
    movie = noisy([crystal()] * 4)
    fused = sbd.denoise_movie(movie, **OPTIONS)
    options = {**OPTIONS, "gain": 3.0, "offset": 100.0}
    other = sbd.denoise_movie(movie * 3 + 100, **options)
    np.testing.assert_allclose((other - 100) / 3, fused, atol=0.03)


def test_the_seed_repeats_the_result():
    movie = noisy([crystal()] * 4)
    first, again = (sbd.denoise_movie(movie, seed=3, **OPTIONS) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_blank_frames_and_dead_pixels():
    movie = noisy([crystal()] * 5)
    movie[1] = 0
    movie[:, 40:45, 60:65] = np.nan
    with pytest.warns(UserWarning, match=r"Frames \[1\] are blank"):
        fused = sbd.denoise_movie(movie, **OPTIONS)
    np.testing.assert_array_equal(fused[1], movie[1])
    assert np.isfinite(np.delete(fused, 1, 0)).mean() > 0.999


def test_calibration_and_recipe_survive():
    source = sbd.Micrograph(noisy([crystal()] * 3), PIXEL, frame_time=0.1, gain=1.0)
    result = sbd.denoise_movie(source, neighbours=2, model="hrtem")
    assert (result.pixel_size, result.frame_time, result.gain) == (PIXEL, 0.1, 1.0)
    assert result.metadata["napari_sbd"]["history"][-1]["settings"]["neighbours"] == 2


def test_stopping_and_refusals():
    movie = noisy([crystal()] * 3)
    with pytest.raises(sbd.Cancelled):
        sbd.denoise_movie(movie, should_stop=lambda: True, **OPTIONS)
    with pytest.raises(sbd.SBDError, match="need a movie"):
        sbd.denoise_movie(movie[0], **OPTIONS)
    with pytest.raises(sbd.SBDError, match="whole number from 1"):
        sbd.denoise_movie(movie, neighbours=0, **OPTIONS)


@pytest.mark.parametrize("name", ["out.mrc", "out.npy"])
def test_the_command(tmp_path, name):
    from napari_sbd.cli import app

    movie = noisy([crystal()] * 4)
    sbd.write(sbd.Micrograph(movie, PIXEL, gain=1.0), tmp_path / "movie.mrc")
    files = [str(tmp_path / "movie.mrc"), "-o", str(tmp_path / name)]
    options = ["--neighbours", "2", "--model", "hrtem", "--gain", "1", "--frames", ":3"]
    app(["denoise", *files, *options], standalone_mode=False)
    result = sbd.read(tmp_path / name)
    source = sbd.read(tmp_path / "movie.mrc")
    expected = sbd.denoise_movie(
        source.replace(data=source.data[:3], gain=1.0), neighbours=2, model="hrtem"
    )
    np.testing.assert_allclose(np.asarray(result.data), np.asarray(expected.data), atol=1e-4)
    assert [p.name for p in tmp_path.glob("*.partial")] == []


def dark(shape, seed=9):
    """A frame without beam, less a dark image that was a little brighter."""
    return np.random.default_rng(seed).normal(-0.02, 0.3, shape).astype(np.float32)


def test_a_frame_without_beam_changes_no_other_and_stays_as_it_is():
    """Wherever it is, the others come out as those of a movie without it."""
    movie = noisy([crystal(shift=(2 * t, 0)) for t in range(4)])
    alone = sbd.denoise_movie(movie, **OPTIONS)
    for place in (0, 2):
        with_dark = np.insert(movie.astype(np.float32), place, dark(movie.shape[1:]), axis=0)
        with pytest.warns(UserWarning, match=rf"Frames \[{place}\] are blank or without beam"):
            fused = sbd.denoise_movie(with_dark, **OPTIONS)
        np.testing.assert_array_equal(fused[place], with_dark[place])
        np.testing.assert_allclose(np.delete(fused, place, axis=0), alone, atol=1e-4)
