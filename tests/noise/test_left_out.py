"""Pixels that are left out: shown, counted, filled, whichever way a movie is denoised."""

import doctest

import numpy as np
import pytest
import tifffile

import napari_sbd as sbd
from known import lattice
from napari_sbd.cli import app
from napari_sbd.noise import left_out
from napari_sbd.provenance.steps import steps

PIXEL = 0.0165  # nm: 2 x 2 pixels are summed
OPTIONS = {"pixel_size": PIXEL, "model": "hrtem", "device": "cpu"}
TRUTH = 9 * lattice((96, 96), period=15, mean=1.0, contrast=0.25)
FRAMES = 6
HOT = 20, 30
RAY = 2, 60, 70  # frame, y, x


def movie(seed=0):
    return np.random.default_rng(seed).poisson(TRUTH, (FRAMES, 96, 96)).astype(np.float32)


def hit_movie():
    frames = movie()
    frames[:, HOT[0], HOT[1]] = 400
    frames[RAY] = 3000
    return frames


def mask_of_hits():
    mask = np.zeros((FRAMES, 96, 96), bool)
    mask[:, HOT[0], HOT[1]] = True
    mask[RAY] = True
    return mask


def noted(m):
    [settings] = [step.settings for step in steps(m.metadata["napari_sbd"])]
    return settings


def test_the_mask_is_where_the_hits_are():
    np.testing.assert_array_equal(sbd.outlier_mask(hit_movie()), mask_of_hits())
    np.testing.assert_array_equal(sbd.outlier_mask(hit_movie()[2]), mask_of_hits()[2])
    assert not sbd.outlier_mask(movie()).any()


def test_what_a_dark_reference_explains_is_no_outlier():
    dark = np.zeros((96, 96), np.float32)
    dark[HOT] = 391
    assert sbd.outlier_mask(hit_movie()[0])[HOT]
    assert not sbd.outlier_mask(hit_movie()[0] + dark, dark * 2).sum() > 1


@pytest.mark.parametrize("neighbours", [0, 2])
def test_the_recipe_counts_what_each_frame_was_made_without(neighbours):
    m = sbd.Micrograph(hit_movie(), PIXEL)
    result = sbd.denoise(m, **OPTIONS, neighbours=neighbours)
    assert noted(result).outlier_filled_frames == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1, 5: 1}
    assert noted(sbd.denoise(m.replace(data=movie()), **OPTIONS)).outlier_filled_frames is None


@pytest.mark.parametrize("neighbours", [0, 2])
def test_hits_cost_a_movie_nothing_far_away(neighbours):
    clean = sbd.denoise(movie(), **OPTIONS, neighbours=neighbours)
    found = sbd.denoise(hit_movie(), **OPTIONS, neighbours=neighbours)
    assert np.isfinite(found).all()
    error, least = (np.sqrt(((image - TRUTH) ** 2).mean()) for image in (found, clean))
    assert error < 1.1 * least


def test_a_hot_pixel_that_only_the_whole_movie_shows():
    frames = np.random.default_rng(1).poisson(9.0, (64, 96, 96)).astype(np.float32)
    frames[:, HOT[0], HOT[1]] += 9
    mask = sbd.outlier_mask(frames)
    assert mask[(slice(None), *HOT)].all()
    assert mask.sum() == 64
    with pytest.warns(UserWarning, match="may be the model's own"):
        result = sbd.denoise(sbd.Micrograph(frames[:16], PIXEL), **OPTIONS)  # said as well
    assert noted(result).outlier_filled_frames


def test_a_file_says_the_same_after_an_interruption(tmp_path):
    source, target = tmp_path / "movie.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, hit_movie(), photometric="minisblack")
    stop = iter([False] * 3 + [True] * 1000)
    with pytest.raises(sbd.Cancelled):
        sbd.denoise_file(source, target, **OPTIONS, should_stop=lambda: next(stop))
    sbd.denoise_file(source, target, **OPTIONS, resume=True)
    assert noted(sbd.read(target)).outlier_filled_frames == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1, 5: 1}


def test_the_command_writes_the_mask(tmp_path):
    from typer.testing import CliRunner

    source, target = tmp_path / "movie.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, hit_movie(), photometric="minisblack")
    asked = ["denoise", str(source), "-o", str(target), "--pixel-size", str(PIXEL)]
    run = CliRunner().invoke(app, [*asked, "--model", "hrtem", "--save-outliers"])
    assert run.exit_code == 0, run.output
    written = sbd.read(tmp_path / "out_outliers.tif")
    np.testing.assert_array_equal(written.data, mask_of_hits())
    assert written.pixel_size == pytest.approx(PIXEL)
    assert f"{mask_of_hits().sum()} pixels left out" in run.output.replace("\n", " ")


def test_nothing_is_saved_that_was_not_looked_for(tmp_path):
    from typer.testing import CliRunner

    tifffile.imwrite(tmp_path / "a.tif", movie()[0])
    asked = ["denoise", str(tmp_path / "a.tif"), "-o", str(tmp_path / "b.tif")]
    run = CliRunner().invoke(app, [*asked, "--save-outliers", "--no-outliers"])
    assert isinstance(run.exception, sbd.SBDError)
    assert not (tmp_path / "b.tif").exists()


def test_the_examples():
    assert doctest.testmod(left_out).failed == 0


def test_a_frame_counts_what_it_has_alone_and_what_all_share():
    rng = np.random.default_rng(0)
    frames = rng.poisson(TRUTH, (12, 96, 96)).astype(float)
    frames[:, 20, 30:60:5] += 14  # shows in the mean alone
    for frame, column in zip(frames, range(10, 82, 6), strict=True):
        frame[60:80:4, column] = 900
    shared = left_out.fixed_outliers(sbd.Micrograph(frames))
    assert shared.counts == {"hot": 6}
    for frame in frames:
        found = left_out.left_out(frame, shared)
        assert found.counts == {"hot": 11}
        assert found.mask.sum() == 11
