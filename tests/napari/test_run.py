"""One denoising without Qt: order of frames, cancelling, failures."""

import dask.array as da
import numpy as np
import pytest

from napari_sbd._napari.jobs.run import Run, time_left
from napari_sbd.errors import SBDError
from napari_sbd.micrograph import Micrograph


def test_the_frame_looked_at_comes_first_and_its_neighbours_next(denoiser, noisy_movie):
    run = Run(Micrograph(noisy_movie), frame=3)
    assert list(run.work()) == [3, 4, 2, 1, 0]
    np.testing.assert_allclose(run.result, noisy_movie + 100)


def test_looking_elsewhere_changes_what_comes_next(denoiser, noisy_movie):
    run = Run(Micrograph(noisy_movie), frame=0)
    work = run.work()
    assert next(work) == 0
    run.look_at(4)
    assert list(work) == [4, 3, 2, 1]


def test_a_frame_number_beyond_the_movie_means_its_last(denoiser, noisy_movie):
    assert next(Run(Micrograph(noisy_movie), frame=99).work()) == 4


def test_frames_not_yet_denoised_are_nan(denoiser, noisy_movie):
    run = Run(Micrograph(noisy_movie), frame=1)
    next(run.work())
    assert np.isfinite(run.result[1]).all()
    assert np.isnan(run.result[[0, 2, 3, 4]]).all()


def test_cancel_keeps_finished_frames_and_the_recipe_names_them(denoiser, noisy_movie):
    run = Run(Micrograph(noisy_movie), frame=2)
    work = run.work()
    next(work)
    run.cancel()
    assert list(work) == []
    assert run.finished == [2]
    assert run.outcome == "Cancelled; 1 of 5 frames denoised."
    assert run.metadata["napari_sbd"]["history"][-1]["settings"]["frames"] == [2]


def test_cancel_within_a_frame_ends_the_work_without_an_error(denoiser, noisy):
    run = Run(Micrograph(noisy))
    denoiser.go.clear()
    run.cancel()
    assert list(run.work()) == []
    assert run.outcome == "Cancelled."


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), MemoryError(), OSError(5)])
def test_failures_become_sentences(denoiser, noisy, error):
    denoiser.error, denoiser.fails_at = error, lambda frame: True
    with pytest.raises(SBDError, match=r"^[A-Z].*\w"):
        list(Run(Micrograph(noisy)).work())


def test_a_blank_frame_stays_as_it_is_and_is_told_of(denoiser, noisy_movie):
    denoiser.fails_at = lambda frame: frame.mean() > 4.5
    run = Run(Micrograph(noisy_movie))
    assert list(run.work()) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(run.result[4], noisy_movie[4])
    assert "4 of 5 frames" in run.outcome
    assert "Frame 4: The image holds no finite pixel." in run.outcome
    assert run.metadata["napari_sbd"]["history"][-1]["settings"]["blank_frames"] == [4]
    assert run.share == 1


def test_a_movie_without_any_image_is_an_error(noisy_movie):
    with pytest.raises(SBDError, match="constant"):
        list(Run(Micrograph(np.ones_like(noisy_movie))).work())


def test_lazy_frames_are_read_one_at_a_time(denoiser, noisy_movie):
    read = []

    def load(block, block_info=None):
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(noisy_movie, chunks=(1, 64, 64)).map_blocks(load, dtype=np.float32)
    work = Run(Micrograph(lazy), frame=2).work()
    read.clear()
    next(work)
    assert read == [2]


def test_progress_is_told_in_words(denoiser, noisy_movie):
    run = Run(Micrograph(noisy_movie))
    assert run.progress == "Loading the model"
    work = run.work()
    next(work)
    assert run.share == pytest.approx(0.2)
    assert run.progress.startswith("1 of 5 frames, about ")


@pytest.mark.parametrize(
    ("elapsed", "share", "text"),
    [
        (5, 0, ""),
        (10, 0.5, "about 10 s left"),
        (10, 0.99, "about 1 s left"),
        (300, 0.5, "about 5 min left"),
        (7200, 0.5, "about 2.0 h left"),
    ],
)
def test_time_left(elapsed, share, text):
    assert time_left(elapsed, share) == text
