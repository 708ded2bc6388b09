"""Values along a line while a movie runs."""

import sys

import numpy as np
import pytest
from PIL import Image

import napari_sbd as sbd
from moving import damaged
from napari_sbd import cli
from napari_sbd.measure.kymograph import kymograph
from napari_sbd.measure.profile import line_profile

PIXEL, SPEED = 0.05, 1.5


@pytest.fixture
def movie():
    """A spot that moves to the right by 1.5 pixels a frame, in row 20."""
    y, x = np.mgrid[:40, :64].astype(float)
    frames = [np.exp(-((y - 20) ** 2 + (x - 15 - SPEED * t) ** 2) / 8) for t in range(12)]
    return sbd.Micrograph(100 * np.stack(frames), PIXEL, frame_time=0.2, name="movie")


def test_a_spot_that_moves_is_a_line_of_its_speed(movie):
    found = kymograph(movie, (20, 5), (20, 55))
    assert found.values.shape == (12, 51)
    assert (found.unit, found.time_unit) == ("nm", "s")
    places = [np.average(found.position, weights=row) for row in found.values]
    slope = np.polyfit(found.time, places, 1)[0]
    assert slope == pytest.approx(SPEED * PIXEL / 0.2, rel=1e-3)  # nm/s


def test_each_row_is_the_profile_of_its_frame(movie):
    found = kymograph(movie, (12, 3), (27, 50), width=0.3)
    for t in (0, 7):
        alone = line_profile(
            {"raw": movie.data[t]}, (12, 3), (27, 50), width=0.3, pixel_size_yx=(PIXEL, PIXEL)
        )
        assert found.values[t] == pytest.approx(alone.values["raw"])
        assert found.position == pytest.approx(alone.position)


def test_the_usual_width_is_in_pixels_as_in_the_window(movie):
    """One nm, as it was, are twenty pixels here."""
    for m, pixel in ((movie, PIXEL), (movie.replace(pixel_size=None), 1.0)):
        usual, told = (kymograph(m, (20, 5), (20, 55), **w) for w in ({}, {"width": 5 * pixel}))
        np.testing.assert_array_equal(usual.values, told.values)


def test_missing_data_and_calibration(movie):
    data = movie.data.copy()
    data[3] = np.nan
    found = kymograph(sbd.Micrograph(data), (20, 5), (20, 55))
    assert np.isnan(found.values[3]).all()
    assert np.isfinite(found.values[4]).all()
    assert (found.unit, found.time_unit) == ("px", "frame")
    assert list(found.table()["frame"]) == list(range(12))


def test_a_frame_that_cannot_be_read_is_an_empty_row(movie):
    usual = kymograph(movie, (20, 5), (20, 55))
    with pytest.warns(UserWarning, match="Frame 4 could not be read"):
        found = kymograph(movie.replace(data=damaged(movie.data, 4)), (20, 5), (20, 55))
    assert np.isnan(found.values[4]).all()
    np.testing.assert_array_equal(np.delete(found.values, 4, 0), np.delete(usual.values, 4, 0))


@pytest.mark.parametrize(
    ("start", "end", "width", "words"),
    [
        ((5, 5), (5, 6), 1, "at least 2"),
        ((5, 5), (5, 20), 0, "width"),
        ((500, 5), (500, 20), 1, "off the image"),
    ],
)
def test_lines_that_cannot_be(movie, start, end, width, words):
    with pytest.raises(sbd.SBDError, match=words):
        kymograph(movie, start, end, width=width)
    with pytest.raises(sbd.SBDError, match="needs a movie"):
        kymograph(movie.replace(data=movie.data[0]), (5, 5), (5, 20))
    with pytest.raises(sbd.Cancelled):
        kymograph(movie, (5, 5), (5, 20), should_stop=lambda: True)


def test_the_command_writes_a_table_and_a_picture(movie, tmp_path, monkeypatch):
    sbd.write(movie, tmp_path / "movie.tif")
    for name in ("k.csv", "k.png"):
        words = ["napari-sbd", "kymograph", str(tmp_path / "movie.tif"), "-o", str(tmp_path / name)]
        monkeypatch.setattr(sys, "argv", [*words, "--start", "20,5", "--end", "20,55"])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
    table = np.genfromtxt(tmp_path / "k.csv", delimiter=",", skip_header=1)
    assert table.shape == (12, 52)
    assert table[-1, 0] == pytest.approx(11 * 0.2)
    with Image.open(tmp_path / "k.png") as picture:
        assert min(picture.size) > 300
