"""What a reader raises: damage becomes a sentence with its cause, a fault of ours goes on."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile

import napari_sbd as sbd
from napari_sbd import SBDError, read, write
from napari_sbd.io import arrays, mrc, velox


def raising(error):
    def read(path):
        raise error

    return read


@pytest.mark.parametrize(
    "error",
    [
        OSError("no such block"),
        EOFError(),
        ValueError("no MRC header"),
        KeyError("data"),
        struct.error("unpack requires a buffer of 8 bytes"),
        zlib.error("Error -3"),
        tifffile.TiffFileError("corrupted tag list"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_formats_raise_is_told_with_its_cause(error, make, monkeypatch):
    path = make("a.mrc")
    monkeypatch.setattr(mrc, "read", raising(error))
    with pytest.raises(SBDError, match=r"a\.mrc cannot be read as \.mrc: it is damaged") as caught:
        read(path)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        AttributeError("'NoneType' object has no attribute 'shape'"),
        TypeError("unsupported operand"),
        NameError("name 'x' is not defined"),
        AssertionError(),
        ZeroDivisionError(),
        RecursionError(),
        NotImplementedError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_faults_of_the_program_go_on_as_they_are(error, make, monkeypatch):
    path = make("a.mrc")
    monkeypatch.setattr(mrc, "read", raising(error))
    with pytest.raises(type(error)) as caught:
        read(path)
    assert caught.value is error


def test_a_damaged_hdf5_file_is_told_with_its_cause(make):
    path = make("a.emd")
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(SBDError) as caught:
        read(path)
    assert isinstance(caught.value.__cause__, OSError)


def test_the_library_of_hdf5_tells_damage_as_a_runtime_error(make, monkeypatch):
    """h5py 3.16 does for some broken links and heaps."""
    path = make("a.emd")
    monkeypatch.setattr(velox, "read", raising(RuntimeError("Unable to get group info")))
    with pytest.raises(SBDError, match="damaged"):
        read(path)


@pytest.mark.parametrize("use", ["write", "psnr", "pca"])
def test_a_frame_that_is_damaged_inside_a_lazy_file_is_one_sentence(use, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    movie = np.random.default_rng(0).poisson(9, (4, 32, 32)).astype(np.uint16)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, movie, compression="zlib", photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as file:
        place = file.pages[2].dataoffsets[0]
    with path.open("r+b") as raw:
        raw.seek(place + 20)
        raw.write(b"\xff" * 200)
    m = read(path)
    doors = {
        "write": lambda: write(m, tmp_path / "copy.mrc"),
        "psnr": lambda: sbd.psnr(m, movie),
        "pca": lambda: sbd.pca_series(m, noise="poisson"),
    }
    with pytest.raises(SBDError, match=r"A part of the data cannot be read \(.*\): the file is d"):
        doors[use]()
    assert [p.name for p in tmp_path.iterdir()] == ["movie.tif"]
    assert sbd.Micrograph(m.data[:2]).data.compute().shape == (2, 32, 32)
