"""Sequences of StreamPix, written byte by byte from NorPix' description (conftest)."""

import numpy as np
import pytest

from napari_sbd import SBDError, read


@pytest.mark.parametrize("version", [3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_frames_and_their_times(version, dtype, make, movie):
    data = movie.astype(dtype)
    m = read(make("a.seq", data=data, version=version, step=40_000))
    np.testing.assert_array_equal(m.data, data)
    assert m.data.dtype == dtype
    assert m.frame_time == pytest.approx(0.04)
    assert m.pixel_size is None


def test_room_that_was_not_filled_holds_no_frames(make, movie):
    assert read(make("a.seq", room=3)).shape == movie.shape


def test_a_header_that_was_never_completed(make, movie):
    np.testing.assert_array_equal(read(make("a.seq", count=0)).data, movie)


@pytest.mark.parametrize("step", [0, -1000])
def test_clocks_that_stand_or_go_back_tell_no_time(step, make):
    assert read(make("a.seq", step=step)).frame_time is None


def test_pauses_tell_no_time(make, movie):
    data = np.repeat(movie, 10, axis=0)
    path = make("a.seq", data=data)
    raw = bytearray(path.read_bytes())
    block = (len(raw) - 8192) // len(data)
    for number in range(5, len(data)):  # a minute passed after the fifth frame
        at = 8192 + number * block + movie[0].nbytes
        raw[at] += 60
    path.write_bytes(raw)
    with pytest.warns(UserWarning, match="not evenly spaced"):
        assert read(path).frame_time is None


@pytest.mark.parametrize("fields", [{"format": 200}, {"compression": 1}])
def test_compressed_and_colour_sequences_are_refused(fields, make):
    with pytest.raises(SBDError, match="export it"):
        read(make("a.seq", **fields))


def test_a_movie_that_stops_in_the_middle_of_a_frame(make):
    path = make("a.seq")
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(SBDError, match="cut short"):
        read(path)


def test_a_file_of_direct_electron(sample):
    """Ten frames and room for five more, all stamped with one time."""
    m = read(sample("de_test.seq"))
    assert (m.shape, m.data.dtype, m.frame_time) == ((10, 64, 64), np.uint16, None)
    np.testing.assert_array_equal(m.data[0, 0, :5], [306, 279, 318, 319, 291])
    assert m.data.mean((1, 2)).min() > 300
