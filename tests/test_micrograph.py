import dask.array as da
import numpy as np
import pytest

from napari_sbd import Micrograph, SBDError


def test_electrons_undo_gain_and_offset():
    m = Micrograph(np.array([[10.0, 12.0], [14.0, 10.0]]), gain=2.0, offset=10.0)
    np.testing.assert_array_equal(m.electrons, [[0, 1], [2, 0]])


def test_electrons_need_a_gain():
    with pytest.raises(SBDError, match="gain"):
        _ = Micrograph(np.ones((4, 4))).electrons


@pytest.mark.parametrize(
    ("given", "kept", "yx"),
    [
        (None, None, None),
        (0.5, 0.5, (0.5, 0.5)),
        ((0.5, 0.5), 0.5, (0.5, 0.5)),
        ((0.2, 1.0), (0.2, 1.0), (0.2, 1.0)),
        (np.float32(0.5), 0.5, (0.5, 0.5)),
    ],
)
def test_pixel_size_is_one_number_where_the_axes_agree(given, kept, yx):
    m = Micrograph(np.ones((4, 4)), given)
    assert m.pixel_size == kept
    assert m.pixel_size_yx == yx


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.ones(5), "1 axis"),
        (np.ones((2, 3, 4, 5)), "4 axes"),
        (np.ones((4, 0)), "empty"),
        (np.ones((4, 4), complex), "complex"),
        (np.ones((32, 32, 3)), "RGB"),
        (np.array([["a", "b"]]), "not numbers"),
        ([[1, 2], [3]], "rectangular"),
    ],
)
def test_what_is_no_grey_image_is_refused(data, sentence):
    with pytest.raises(SBDError, match=sentence):
        Micrograph(data)


def test_a_movie_three_pixels_wide_is_a_movie():
    assert Micrograph(np.ones((2, 3, 3))).is_movie


@pytest.mark.parametrize(
    "wrong",
    [
        {"pixel_size": -1},
        {"pixel_size": 0},
        {"pixel_size": float("nan")},
        {"pixel_size": "big"},
        {"pixel_size": (1, 2, 3)},
        {"gain": 0},
        {"frame_time": -2},
        {"offset": float("inf")},
        {"offset": "a"},
        {"pixel_size": "12"},
    ],
)
def test_impossible_calibrations_are_refused(wrong):
    with pytest.raises(SBDError):
        Micrograph(np.ones((4, 4)), **wrong)


@pytest.mark.parametrize(
    ("dtype", "kept"), [("u1", "f4"), ("u2", "f4"), ("i4", "f8"), ("f4", "f4"), ("f8", "f8")]
)
def test_masked_pixels_hold_no_data(dtype, kept):
    masked = np.ma.masked_equal(np.arange(12).astype(dtype).reshape(3, 4), 5)
    m = Micrograph(masked, gain=2.0)
    expected = np.array([[0, 1, 2, 3], [4, np.nan, 6, 7], [8, 9, 10, 11]])
    assert m.data.dtype == kept and not np.ma.isMaskedArray(m.data)
    np.testing.assert_array_equal(m.data, expected)
    np.testing.assert_array_equal(m.electrons, expected / 2)


def test_masked_pixels_of_lazy_movies_hold_no_data_and_stay_lazy():
    values = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    m = Micrograph(da.ma.masked_equal(da.from_array(values, chunks=(1, 3, 4)), 5))
    assert isinstance(m.data, da.Array) and m.data.dtype == np.float32
    np.testing.assert_array_equal(m.data.compute(), np.where(values == 5, np.nan, values))


def test_a_large_movie_prints_as_one_line():
    movie = Micrograph(np.zeros((9, 64, 32), np.uint16), 0.0061, metadata={"long": "x" * 1000})
    text = repr(movie)
    assert "9 x 64 x 32" in text
    assert "0.0061" in text
    assert len(text) < 200


def test_a_frame_of_a_movie_is_an_image_with_its_calibration():
    movie = Micrograph(np.arange(12.0).reshape(3, 2, 2), 0.1, frame_time=2.0, gain=3.0, name="a")
    frame = movie.frame(1)
    np.testing.assert_array_equal(frame.data, [[4, 5], [6, 7]])
    assert (frame.pixel_size, frame.gain, frame.name) == (0.1, 3.0, "a")
    assert not frame.is_movie and frame.frame_time is None
    np.testing.assert_array_equal(frame.frame(5).data, frame.data)
