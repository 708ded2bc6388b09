from __future__ import annotations

import json
import shutil

import dask.array as da
import h5py
import mrcfile
import numpy as np
import pytest
import tifffile

from napari_sbd import Micrograph, SBDError, read, write
from napari_sbd.io import WRITE_SUFFIXES, arrays

RECIPE = {"model": "general", "seed": 0, "unicode": "Pt/CeO₂", "nested": {"a": [1, 2.5, None]}}
DTYPES = ("uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64", "bool")


def result(movie: np.ndarray, **changes) -> Micrograph:
    fields = {
        "pixel_size": (0.0061, 0.0125),
        "frame_time": 0.0025,
        "gain": 3.7,
        "offset": 101.3,
        "metadata": {"napari_sbd": RECIPE},
    }
    return Micrograph(movie, **{**fields, **changes})


@pytest.mark.parametrize("frames", [slice(None), 0], ids=["movie", "image"])
@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_everything_survives(suffix, frames, tmp_path, movie):
    m = result(movie[frames])
    path = tmp_path / f"result{suffix}"
    write(m, str(path))
    back = read(path)
    np.testing.assert_array_equal(back.data, m.data)
    assert back.pixel_size == pytest.approx(m.pixel_size, rel=1e-6)
    assert (back.frame_time, back.gain, back.offset) == (m.frame_time, m.gain, m.offset)
    assert back.metadata["napari_sbd"] == RECIPE
    assert back.name == "result"


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_nothing_is_made_up(suffix, tmp_path, movie):
    write(movie, tmp_path / f"a{suffix}")
    back = read(tmp_path / f"a{suffix}")
    assert (back.pixel_size, back.frame_time, back.gain, back.offset) == (None, None, None, 0)
    assert "napari_sbd" not in back.metadata


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_values_of_every_type_survive(suffix, dtype, tmp_path):
    data = np.array([[0, 1, 1], [1, 0, 0]]).astype(dtype)
    if dtype not in ("bool", "float64"):
        data[0, 0] = (
            np.finfo(dtype).max if data.dtype.kind == "f" else min(np.iinfo(dtype).max, 2**24)
        )
    write(Micrograph(data), tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").data, data)


@pytest.mark.parametrize(
    ("suffix", "dtype", "stored"),
    [
        *[(s, d, d) for s in (".tif", ".ome.tif", ".h5", ".npy") for d in ("uint8", "int16")],
        (".tif", "float64", "float64"),
        (".tif", "float16", "float32"),
        (".mrc", "uint8", "int16"),
        (".mrc", "float64", "float32"),
        (".dm4", "uint8", "int16"),
        (".dm4", "int64", "int16"),
    ],
)
def test_stored_type(suffix, dtype, stored, tmp_path):
    write(np.arange(6).reshape(2, 3).astype(dtype), tmp_path / f"a{suffix}")
    assert read(tmp_path / f"a{suffix}").data.dtype == stored


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".mrc", np.full((2, 2), 2**24 + 1)),
        (".mrc", np.full((2, 2), 1e300)),
        (".dm4", np.full((2, 2), 2**62 + 1)),
        (".tif", np.full((2, 2), 2**62 + 1)),
    ],
)
def test_values_that_do_not_fit_are_refused(suffix, data, tmp_path):
    with pytest.raises(SBDError, match="cannot hold"):
        write(data, tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_lazy_movies_are_written(suffix, tmp_path, movie):
    write(Micrograph(da.from_array(movie, (1, 24, 32))), tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").data, movie)


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_big_endian_data_are_written(suffix, tmp_path, movie):
    write(movie.astype(">u2"), tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").data, movie)


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_a_raw_file_is_not_replaced_by_its_result(suffix, tmp_path, movie):
    path = tmp_path / f"a{suffix}"
    write(movie, path)
    before = path.read_bytes()
    with pytest.raises(SBDError, match="raw file"):
        write(read(path).replace(pixel_size=0.5), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
def test_tifffile_finds_the_calibration(suffix, tmp_path, movie):
    write(result(movie), tmp_path / f"a{suffix}")
    with tifffile.TiffFile(tmp_path / f"a{suffix}") as file:
        assert file.series[0].axes == "TYX"
        if suffix == ".tif":
            tags = file.pages[0].tags
            y, x = (tags[n].value[1] / tags[n].value[0] for n in ("YResolution", "XResolution"))
            assert (y, x) == pytest.approx((0.0061, 0.0125))
            assert file.imagej_metadata["unit"] == "nm"
            assert file.imagej_metadata["finterval"] == 0.0025
        else:
            pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
            assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.0061, 0.0125)
            assert pixels["PhysicalSizeXUnit"] == pixels["PhysicalSizeYUnit"] == "nm"
            assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (0.0025, "s")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize("frames", [slice(None), 0], ids=["movie", "image"])
def test_mrcfile_finds_the_calibration(dtype, frames, tmp_path, movie):
    data = (movie[frames] % 100).astype(dtype)
    write(result(data), tmp_path / "a.mrc")
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert file.voxel_size.y == pytest.approx(0.061)
        assert file.voxel_size.x == pytest.approx(0.125)
        assert not file.is_volume()
        np.testing.assert_array_equal(file.data, data)
        assert file.header.dmean == pytest.approx(data.mean(), rel=1e-5)
        assert file.header.rms == pytest.approx(data.std(), rel=1e-5)


def test_calibrated_mrc_is_valid(tmp_path, movie):
    write(Micrograph(movie, pixel_size=0.02), tmp_path / "a.mrc")
    assert mrcfile.validate(tmp_path / "a.mrc")


def test_nionswift_finds_the_calibration(tmp_path, movie):
    from nionswift_plugin.DM_IO import load_image

    write(result(movie), tmp_path / "a.dm4")
    image = load_image(str(tmp_path / "a.dm4"))
    np.testing.assert_array_equal(image.data, movie)
    assert [(c.scale, c.units) for c in image.dimensional_calibrations] == [
        (0.0025, "s"),
        (0.0061, "nm"),
        (0.0125, "nm"),
    ]
    assert image.is_sequence


def test_berkeley_layout(tmp_path, movie):
    write(result(movie), tmp_path / "a.emd")
    with h5py.File(tmp_path / "a.emd") as file:
        group = file["data/image"]
        assert group.attrs["emd_group_type"] == 1
        assert [group[f"dim{i}"].attrs["units"] for i in (1, 2, 3)] == ["[s]", "[n_m]", "[n_m]"]
        np.testing.assert_allclose(np.diff(group["dim3"]), 0.0125)


def test_npy_has_a_readable_sidecar(tmp_path, movie):
    write(result(movie), tmp_path / "a.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), movie)
    assert json.loads((tmp_path / "a.npy.json").read_text())["pixel_size"] == [0.0061, 0.0125]


@pytest.mark.parametrize("lazy", [False, True], ids=["numpy", "dask"])
@pytest.mark.parametrize("suffix", [*WRITE_SUFFIXES, ".zarr"])
def test_values_under_a_mask_are_not_written(suffix, lazy, tmp_path, movie):
    hidden = movie.copy()
    hidden[1, 2, 3] = 65535
    masked = np.ma.masked_equal(hidden, 65535)
    write(da.from_array(masked, (1, 24, 32)) if lazy else masked, tmp_path / f"a{suffix}")
    expected = movie.astype(float)
    expected[1, 2, 3] = np.nan
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").data, expected)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("suffix", [*WRITE_SUFFIXES, ".zarr"])
def test_a_movie_of_one_frame_is_no_image(suffix, large, tmp_path, movie, monkeypatch):
    path = tmp_path / f"a{suffix}"
    write(Micrograph(movie[:1], 0.02), path)
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    back = read(path)
    assert back.pixel_size == pytest.approx(0.02)
    np.testing.assert_array_equal(np.asarray(back.data), movie[:1])


def test_a_sidecar_describes_only_the_array_that_it_was_written_for(tmp_path, movie):
    path = tmp_path / "a.npy"
    write(result(movie), path)
    np.save(path, movie + 1)
    m = read(path)
    np.testing.assert_array_equal(m.data, movie + 1)
    assert (m.pixel_size, m.gain, m.offset, m.frame_time) == (None, None, 0, None)


def test_a_sidecar_goes_with_a_copy_of_its_array(tmp_path, movie):
    write(result(movie), tmp_path / "a.npy")
    for end in ("npy", "npy.json"):
        shutil.copyfile(tmp_path / f"a.{end}", tmp_path / f"b.{end}")
    assert read(tmp_path / "b.npy").gain == 3.7


def test_a_change_anywhere_in_a_large_array_is_seen(tmp_path):
    path = tmp_path / "a.npy"
    large = np.zeros((40, 1024, 1024), np.float32)
    write(result(large), path)
    assert read(path).gain == 3.7
    np.save(path, large + np.float32(1e-3))
    assert read(path).gain is None


class Interrupted(Exception):
    pass


def broken(movie: np.ndarray) -> da.Array:
    def second_frame(block: np.ndarray, block_info=None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 1:
            raise Interrupted
        return block

    return da.from_array(movie, (1, 24, 32)).map_blocks(second_frame, dtype=movie.dtype)


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_a_failure_leaves_the_older_file(suffix, tmp_path, movie):
    path = tmp_path / f"a{suffix}"
    write(result(movie), path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(Interrupted):
        write(Micrograph(broken(movie)), path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_a_full_disk_is_one_sentence(suffix, tmp_path, movie, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SBDError, match=r"cannot be written.*No space left"):
        write(movie, tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_recipe_must_be_plain(tmp_path, movie):
    m = Micrograph(movie, metadata={"napari_sbd": {"model": object()}})
    with pytest.raises(SBDError, match="JSON"):
        write(m, tmp_path / "a.mrc")
    assert not list(tmp_path.iterdir())
