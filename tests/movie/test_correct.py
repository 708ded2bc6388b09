import dask.array as da
import numpy as np
import pytest

import napari_sbd as sbd
from moving import damaged
from napari_sbd.movie import Drift

SHIFTS = np.array([[0, 0], [3, -2]])


def drift():
    nothing = np.full(2, np.nan)
    return Drift(SHIFTS.astype(float), np.zeros((2, 2)), nothing, nothing)


@pytest.mark.parametrize("lazy", [False, True], ids=["numpy", "dask"])
@pytest.mark.parametrize(
    ("dtype", "offset"),
    [("u2", 65000), ("u4", 2**32 - 1000), ("i4", -(2**31)), ("f8", 2**40), ("f4", 0.3)],
)
def test_padded_frames_hold_the_very_values_of_the_detector(dtype, offset, lazy):
    movie = (np.random.default_rng(0).poisson(50, (2, 32, 40)) + offset).astype(dtype)
    given = da.from_array(movie, (1, 32, 40)) if lazy else movie
    moved = sbd.correct_drift(sbd.Micrograph(given), drift()).data
    assert moved.dtype == np.result_type(dtype, np.float32)
    second = np.asarray(moved[1])
    assert second.dtype == moved.dtype
    np.testing.assert_array_equal(second[:-3, 2:], movie[1, 3:, :-2].astype(np.float64))
    assert np.isnan(second[-3:]).all() and np.isnan(second[:, :2]).all()


@pytest.mark.parametrize("interpolate", [False, True])
def test_a_frame_that_cannot_be_read_becomes_nan(interpolate):
    movie = np.random.default_rng(0).poisson(50, (2, 32, 40)).astype(np.uint16)
    source = sbd.Micrograph(damaged(movie, 1))
    moved = sbd.correct_drift(source, drift(), interpolate=interpolate)
    with pytest.warns(UserWarning, match=r"Frame 1 could not be read.*a torn page"):
        data = np.asarray(moved.data)
    np.testing.assert_array_equal(data[0], movie[0])
    assert np.isnan(data[1]).all()
    cropped = sbd.correct_drift(source, drift(), edges="crop").data
    np.testing.assert_array_equal(cropped[0], movie[0, :-3, 2:])
    with (
        pytest.warns(UserWarning, match="Frame 1 could not be read"),
        pytest.raises(sbd.SBDError, match="hold no NaN"),
    ):
        np.asarray(cropped)


def test_movies_that_stay_on_disk_are_corrected_there(tmp_path):
    movie = np.random.default_rng(0).poisson(50, (2, 32, 40)).astype(np.uint16)
    np.save(tmp_path / "movie.npy", movie)
    mapped = np.load(tmp_path / "movie.npy", mmap_mode="r")
    moved = sbd.correct_drift(sbd.Micrograph(mapped), drift()).data
    assert isinstance(moved, da.Array)
    there = sbd.correct_drift(movie, drift())
    np.testing.assert_array_equal(np.asarray(moved), there)
