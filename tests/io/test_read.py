from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from events import image, seen
from napari_sbd import read
from napari_sbd.io import READ_SUFFIXES, arrays
from napari_sbd.io.formats import FORMATS

# suffix: pixel size [nm], frame time [s]
CALIBRATION = {
    ".dm3": ((0.02, 0.01), 0.25),
    ".dm4": ((0.02, 0.01), 0.25),
    ".mrc": (0.05, None),
    ".mrcs": (0.05, None),
    ".st": (0.05, None),
    ".ali": (0.05, None),
    ".preali": (0.05, None),
    ".rec": (0.05, None),
    ".map": (0.05, None),
    ".mrc.gz": (0.05, None),
    ".mrc.bz2": (0.05, None),
    ".ser": ((0.04, 0.02), None),
    ".seq": (None, 0.025),
    ".eer": ((0.03, 0.02), 0.125),
    ".emd": ((0.03, 0.02), 0.5),
    ".de5": ((0.02, 0.03), 0.1),
    ".h5": ((0.02, 0.03), 0.1),
    ".hdf5": ((0.02, 0.03), 0.1),
    ".hspy": ((0.02, 0.03), 0.1),
    ".tif": ((0.025, 0.02), 0.5),
    ".tiff": ((0.025, 0.02), 0.5),
    ".npy": (None, None),
    ".png": (None, None),
}

# where they are not those of the movie
PIXELS = {
    ".png": lambda movie: movie[0],
    ".eer": lambda movie: np.array([image(places, 1) for places in seen()], np.uint8),
}


def test_every_suffix_is_tried():
    assert set(CALIBRATION) == set(READ_SUFFIXES)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("suffix", READ_SUFFIXES)
def test_pixels_and_calibration(suffix, large, make, movie, monkeypatch):
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    path = make(f"sample{suffix}")
    m = read(str(path))
    pixel_size, frame_time = CALIBRATION[suffix]
    expected = np.array(PIXELS.get(suffix, lambda movie: movie)(movie))
    np.testing.assert_array_equal(np.asarray(m.data), expected)
    assert m.data.dtype == expected.dtype
    assert m.pixel_size == (pixel_size and pytest.approx(pixel_size, rel=1e-6))
    assert m.frame_time == (frame_time and pytest.approx(frame_time))
    assert (m.name, m.source, m.offset) == ("sample", path, 0)
    assert m.gain == (1 if suffix == ".eer" else None)


@pytest.mark.parametrize(
    "suffix", [s for f in FORMATS if f.lazy != "memory" for s in f.suffixes if s in READ_SUFFIXES]
)
def test_large_files_stay_on_disk(suffix, make, monkeypatch):
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    data = read(make(f"sample{suffix}")).data
    assert isinstance(data, np.memmap) or hasattr(data, "dask")


def test_upper_case_suffix(make, movie):
    assert read(make("SAMPLE.MRC", writer=".mrc")).shape == movie.shape


def test_import_is_light():
    code = (
        "import sys, napari_sbd.io; heavy = {'torch', 'napari', 'h5py', 'tifffile', 'mrcfile', "
        "'nion', 'dask', 'PIL', 'rsciio'}; assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dm_reads_as_the_independent_reader_does(make):
    from nionswift_plugin.DM_IO import load_image

    path = make("a.dm4")
    np.testing.assert_array_equal(read(path).data, load_image(str(path)).data)


def test_dm_brightness_in_electrons_is_the_gain(make):
    m = read(make("a.dm4", brightness=(-25.0, 0.25, "e-")))
    assert (m.gain, m.offset) == (4, 100)


def test_dm_brightness_in_other_units_is_no_gain(make):
    assert read(make("a.dm4", brightness=(-25.0, 0.25, "Counts"))).gain is None


@pytest.mark.parametrize("unit", ["1/nm", "", "eV"])
def test_dm_without_length_is_not_calibrated(make, unit, movie):
    m = read(make("a.dm3", data=movie[0], axes=[(0.1, unit), (0.1, unit)]))
    assert m.pixel_size is None


def test_dm_keeps_the_tags_of_the_microscope(make):
    tags = read(make("a.dm4")).metadata["dm"]["ImageTags"]
    assert tags["Microscope Info"]["Voltage"] == 300000


def test_mrc_stack_of_one_frame_is_an_image(make, movie):
    assert read(make("a.mrc", data=movie[:1])).shape == movie.shape[1:]


def test_mrc_without_cell_is_not_calibrated(make):
    assert read(make("a.mrc", voxel=None)).pixel_size is None


@pytest.mark.parametrize("version", [0x0210, 0x0220])
def test_ser_single_frame_is_an_image(make, version, movie):
    m = read(make("a.ser", data=movie[:1], version=version))
    np.testing.assert_array_equal(m.data, movie[0])


BEGAN = 1_456_073_345  # whole seconds since 1970, as TIA writes them


@pytest.mark.parametrize("version", [0x0210, 0x0220])
@pytest.mark.parametrize("step", [0.4, 1.0, 33.4])
def test_ser_times_give_the_frame_time_where_whole_seconds_tell_it(make, version, step):
    """To 1 %, which is where the series lasts 100 s."""
    for total in (90.0, 130.0):
        count = round(total / step) + 1
        times = [int(BEGAN + 0.3 + step * k) for k in range(count)]
        data = np.ones((count, 4, 6), np.uint16)
        m = read(make("a.ser", data=data, times=times, version=version))
        long = times[-1] - times[0] >= 100
        assert m.frame_time == (pytest.approx(step, rel=0.01) if long else None)


def test_ser_times_that_are_uneven_or_missing_give_none(make):
    data = np.ones((5, 4, 6), np.uint16)
    with pytest.warns(UserWarning, match="not evenly spaced"):
        m = read(make("a.ser", data=data, times=[BEGAN + k for k in (0, 1, 2, 3, 400)]))
    assert m.frame_time is None
    path = make("b.ser", data=data, times=[BEGAN + 40 * k for k in range(5)])
    assert read(path).frame_time == 40
    raw = path.read_bytes()
    path.write_bytes(raw[:-72])  # the table of tags
    assert read(path).frame_time is None
    np.testing.assert_array_equal(read(path).data, data)
    path = make("c.ser", data=data, times=[BEGAN, 0, *[BEGAN + 400] * 3])
    assert read(path).frame_time is None


def test_ser_diffraction_is_not_calibrated(make):
    assert read(make("a.ser", delta=2e7)).pixel_size is None


def test_velox_gives_the_haadf_image_of_several(make, movie):
    m = read(make("a.emd", detectors=("BF", "HAADF", "DF4")))
    np.testing.assert_array_equal(m.data, movie + 1)
    assert m.metadata["detectors"] == ["HAADF", "BF", "DF4"]


@pytest.mark.parametrize(
    ("last", "interval"),
    [(2_400_000, 0.8), (1_500_000, 0.5), (1_506_000, 0.5), (1_545_000, 0.515), (1_350_000, 0.5)],
)
def test_velox_time_stamps_tell_the_interval_where_it_is_longer(make, movie, last, interval):
    """Four frames of 0.5 s are three intervals; a percent is jitter, and less is impossible."""
    m = read(make("a.emd", stamps=[7_000_000 + round(last * t / 3) for t in range(len(movie))]))
    assert m.frame_time == pytest.approx(interval)


def test_velox_diffraction_is_not_calibrated(make):
    assert read(make("a.emd", unit="1/m")).pixel_size is None


def test_berkeley_image_comes_as_stored(make, tmp_path):
    data = np.arange(12.0).reshape(3, 4)
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"], group["dim1"], group["dim2"] = data, np.arange(3), np.arange(4)
    m = read(tmp_path / "a.emd")
    np.testing.assert_array_equal(m.data, data)
    assert m.pixel_size is None


# What a TIFF says: options of tifffile, expected pixel size [nm]
TIFF = {
    "72 dpi": ({"resolution": (72, 72), "resolutionunit": 2}, None),
    "300 dpi": ({"resolution": (300, 300), "resolutionunit": 2}, None),
    "28 per cm": ({"resolution": (28, 28), "resolutionunit": 3}, None),
    "no unit": ({"resolution": (50, 50), "resolutionunit": 1}, None),
    "nothing": ({}, None),
    "inch": ({"resolution": (2.54e8, 2.54e8), "resolutionunit": 2}, 0.1),
    "cm": ({"resolution": (1e8, 5e7), "resolutionunit": 3}, (0.2, 0.1)),
    "ImageJ without unit": ({"imagej": True, "resolution": (72, 72)}, None),
    "ImageJ inch": ({"imagej": True, "resolution": (72, 72), "metadata": {"unit": "inch"}}, None),
    "ImageJ pixel": ({"imagej": True, "resolution": (1, 1), "metadata": {"unit": "pixel"}}, None),
    "ImageJ micron": (
        {"imagej": True, "resolution": (1e4, 1e4), "metadata": {"unit": "micron"}},
        0.1,
    ),
    "OME": (
        {
            "ome": True,
            "metadata": {
                "axes": "YX",
                "PhysicalSizeX": 10,
                "PhysicalSizeXUnit": "pm",
                "PhysicalSizeY": 2e-5,
                "PhysicalSizeYUnit": "µm",
            },
        },
        (0.02, 0.01),
    ),
    "DigitalMicrograph": (
        {
            "extratags": [
                (65003, 2, 3, "nm", True),
                (65004, 2, 3, "nm", True),
                (65009, 12, 1, 0.01, True),
                (65010, 12, 1, 0.02, True),
            ]
        },
        (0.02, 0.01),
    ),
}


@pytest.mark.parametrize("kind", TIFF)
def test_tiff_calibration(kind, tmp_path, movie):
    options, pixel_size = TIFF[kind]
    tifffile.imwrite(tmp_path / "a.tif", movie[0], **options)
    expected = pixel_size and pytest.approx(pixel_size, rel=1e-6)
    assert read(tmp_path / "a.tif").pixel_size == expected


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=["plain", "zlib"])
def test_signed_imagej_values_are_those_that_it_shows(options, large, tmp_path, monkeypatch):
    """ImageJ stores int16 as uint16 with the straight line x - 32768."""
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    shown = np.arange(-600, 600, dtype=np.int16).reshape(3, 20, 20)
    shown[0, 0, :2] = -32768, 32767
    stored = (shown.astype(int) + 32768).astype(np.uint16)
    line = {"axes": "TYX", "cf": 0, "c0": -32768.0, "c1": 1.0, "vunit": "Gray Value"}
    tifffile.imwrite(tmp_path / "a.tif", stored, imagej=True, metadata=line, **options)
    data = read(tmp_path / "a.tif").data
    assert data.dtype == np.int16 and isinstance(data, np.ndarray) != large
    np.testing.assert_array_equal(np.asarray(data), shown)


@pytest.mark.parametrize(
    ("dtype", "function", "applied"),
    [("u1", 0, True), ("u2", 0, True), ("f4", 0, False), ("u2", 1, False), ("u2", 21, False)],
    ids=["8 bit", "16 bit", "ImageJ calibrates no floats", "parabola", "optical density"],
)
def test_imagej_calibrates_by_straight_lines(dtype, function, applied, tmp_path):
    stored = np.arange(200).astype(dtype).reshape(10, 20)
    fields = {"cf": function, "c0": -1.5, "c1": 0.25, "vunit": "V"}
    tifffile.imwrite(tmp_path / "a.tif", stored, imagej=True, metadata=fields)
    m = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(m.data, 0.25 * stored - 1.5 if applied else stored)
    assert m.metadata["imagej"]["c1"] == 0.25


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize(
    "options", [{"compression": "zlib"}, {"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 16)}]
)
def test_tiff_layouts(options, large, tmp_path, movie, monkeypatch):
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    tifffile.imwrite(tmp_path / "a.tif", movie, photometric="minisblack", **options)
    np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.tif").data), movie)


@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_three_or_four_tiff_frames_are_a_movie(number, dtype, tmp_path, movie):
    """As tifffile saves them by default, which calls them a colour picture."""
    data = np.resize(movie, (number, *movie.shape[1:])).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").data, data)


def test_tiff_gives_the_largest_image(tmp_path, movie):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(movie[0, :8, :8], metadata=None)
        file.write(movie[0], metadata=None)
    np.testing.assert_array_equal(read(tmp_path / "a.tif").data, movie[0])


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_png_depths(dtype, tmp_path, movie):
    data = movie[0].astype(dtype)
    Image.fromarray(data).save(tmp_path / "a.png")
    m = read(tmp_path / "a.png")
    np.testing.assert_array_equal(m.data, data)
    assert m.data.dtype == dtype


def test_png_alpha_is_dropped(tmp_path):
    Image.new("LA", (5, 4), (7, 255)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").data, np.full((4, 5), 7))


def test_png_resolution_is_no_calibration(tmp_path):
    Image.new("L", (5, 4)).save(tmp_path / "a.png", dpi=(300, 300))
    assert read(tmp_path / "a.png").pixel_size is None


def test_npy_in_fortran_order(tmp_path, movie):
    np.save(tmp_path / "a.npy", np.asfortranarray(movie))
    np.testing.assert_array_equal(read(tmp_path / "a.npy").data, movie)


@pytest.mark.parametrize("identified", [True, False])
@pytest.mark.parametrize("order", "<>")
def test_mrc_byte_orders(make, movie, order, identified):
    path = make("a.mrc", data=movie.astype(order + "i2"))
    if not identified:
        raw = bytearray(path.read_bytes())
        raw[208:216] = bytes(8)
        path.write_bytes(raw)
    m = read(path)
    np.testing.assert_array_equal(m.data, movie)
    assert (m.data.dtype, m.pixel_size) == ("=i2", pytest.approx(0.05))
