import dask.array as da
import numpy as np
import pytest

import napari_sbd as sbd
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
