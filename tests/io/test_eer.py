"""Movies of electron events: each electron at its place, at every super-resolution.

``events`` codes them bit by bit from the public specification; tifffile writes the container.
"""

import numpy as np
import pytest
import tifffile

import napari_sbd as sbd
from events import FIELDS, SHAPE, image, seen, write_eer
from napari_sbd import SBDError, read
from napari_sbd.io import arrays, is_readable


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize(
    ("compression", "bits"), [(65000, (8, 2, 2)), (65001, (7, 2, 2)), (65002, (6, 2, 2))]
)
def test_every_electron_is_at_its_place(compression, bits, factor, large, tmp_path, monkeypatch):
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    movie = seen()
    m = read(write_eer(tmp_path / "a.eer", movie, compression, bits), super_resolution=factor)
    assert hasattr(m.data, "dask") == large
    np.testing.assert_array_equal(np.asarray(m.data), [image(f, factor) for f in movie])
    assert m.data.dtype == np.uint8
    assert m.pixel_size == pytest.approx((0.03 / factor, 0.02 / factor))
    assert (m.frame_time, m.gain, m.offset) == (0.125, 1.0, 0.0)
    assert m.metadata["eer"]["totalDose"] == 0.52
    dose = 0.52 / 4 / (0.3 * 0.2)  # electrons/Å² of a frame
    told = m.metadata["acquisition"]
    assert told == {"dose_per_A2": pytest.approx(dose), "exposure_s": 0.125}


def test_tifffile_sees_the_same(tmp_path):
    path = write_eer(tmp_path / "a.eer", seen())
    np.testing.assert_array_equal(read(path).data, tifffile.imread(path))


def test_frames_are_summed_when_they_are_used(tmp_path, monkeypatch):
    movie = seen(7)
    path = write_eer(tmp_path / "a.eer", movie)
    counts = np.array([image(f, 2) for f in movie])
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    with pytest.warns(UserWarning, match="The last 1 of 7"):
        m = read(path, sum_frames=3, super_resolution=2)
    assert hasattr(m.data, "dask")
    np.testing.assert_array_equal(m.data.compute(), counts[:6].reshape(2, 3, 64, 96).sum(1))
    assert (m.frame_time, m.gain) == (pytest.approx(0.375), 1.0)
    dose = 3 * 0.52 / 4 / (0.3 * 0.2)
    told = m.metadata["acquisition"]
    assert told == {"dose_per_A2": pytest.approx(dose), "exposure_s": 0.375}


def test_sums_do_not_overflow(tmp_path):
    sbd.write(sbd.Micrograph(np.full((4, 32, 32), 200, np.uint8)), tmp_path / "a.tif")
    np.testing.assert_array_equal(
        read(tmp_path / "a.tif", sum_frames=2).data, np.full((2, 32, 32), 400)
    )


def test_the_pixels_of_the_sensor_itself_are_no_calibration(tmp_path):
    own = {("sensorPixelSize.height", "m"): "1.4e-5", ("sensorPixelSize.width", "m"): "1.4e-5"}
    m = read(write_eer(tmp_path / "a.eer", seen(), fields=FIELDS | own))
    assert m.pixel_size is None
    assert m.metadata["acquisition"] == {"exposure_s": 0.125}


def test_a_file_without_a_pixel_size_has_none(tmp_path):
    path = write_eer(tmp_path / "a.eer", seen(), fields={("numberOfFrames", ""): "4"})
    m = read(path)
    assert (m.pixel_size, m.frame_time) == (None, None)


def refused(path, **choices):
    with pytest.raises(SBDError, match=r"a\.eer") as caught:
        m = read(path, **choices)
        np.asarray(m.data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_movie_cut_short_is_refused(part, tmp_path):
    path = write_eer(tmp_path / "a.eer", seen())
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    refused(path)


def test_choices_that_make_no_sense_are_refused(tmp_path):
    path = write_eer(tmp_path / "a.eer", seen())
    assert "too few" in refused(path, sum_frames=5)
    for wrong in ({"sum_frames": 0}, {"sum_frames": 1.5}, {"super_resolution": 3}):
        with pytest.raises(SBDError, match="not"):
            read(path, **wrong)
    coarse = write_eer(tmp_path / "a.eer", seen(), 65002, (8, 1, 1))
    assert "at most 2" in refused(coarse, super_resolution=4)
    sbd.write(sbd.Micrograph(np.ones((32, 32), np.uint8)), tmp_path / "b.tif")
    with pytest.raises(SBDError, match="EER files do"):
        read(tmp_path / "b.tif", super_resolution=2)


def test_frames_of_other_sizes_are_refused(tmp_path):
    path = write_eer(tmp_path / "a.eer", seen())
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[2].tags["ImageLength"].overwrite(16)
    assert "differ" in refused(path)


def test_a_gain_reference_of_a_falcon(tmp_path):
    """A TIFF of 32-bit numbers with another suffix, which is no image of a folder."""
    response = np.random.default_rng(0).normal(1, 0.1, SHAPE).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.gain", response, compression="lzw")
    np.testing.assert_array_equal(read(tmp_path / "a.gain").data, response)
    assert not is_readable(tmp_path / "a.gain")
