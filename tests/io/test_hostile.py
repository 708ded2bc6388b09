"""Damaged files end with a sentence of ours or a right result, and quickly.

``benchmarks/fuzz.py`` makes thousands of them from real files.
"""

import importlib.util
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice

CASES = 60
_SPEC = importlib.util.spec_from_file_location(
    "fuzz", Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
)
fuzz = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)


def are_read_or_refused(content, target):
    """Damaged copies of a file: in time, and some of them refused."""
    found = []
    for case in range(CASES):
        target.write_bytes(fuzz.damaged(content, np.random.default_rng(case)))
        what, seconds = fuzz.look(str(target))
        found.append(what)
        assert seconds < fuzz.SECONDS
    assert set(found) <= {"read", "refused"}
    assert "refused" in found


@pytest.mark.parametrize("suffix", [".tif", ".mrc", ".dm4", ".emd", ".h5", ".npy"])
def test_damaged_files_are_read_or_refused(suffix, tmp_path):
    movie = np.random.default_rng(0).poisson(lattice((3, 48, 40))).astype(np.uint16)
    whole = tmp_path / f"whole{suffix}"
    sbd.write(sbd.Micrograph(movie, 0.0061), whole)
    are_read_or_refused(whole.read_bytes(), tmp_path / f"damaged{suffix}")


@pytest.mark.parametrize("suffix", [".eer", ".seq", ".mrc.gz", ".mrc.bz2", ".ser"])
def test_damaged_files_of_cameras_are_read_or_refused(suffix, make, tmp_path):
    whole = make(f"whole{suffix}")
    are_read_or_refused(whole.read_bytes(), tmp_path / f"damaged{suffix}")


@pytest.mark.parametrize("name", ["a.mrc.mdoc", "a_info.txt"])
def test_damaged_texts_beside_a_movie_never_hinder_its_reading(name, make, tmp_path):
    """Only the calibration may be another; a difference is warned of."""
    path = make("a.mrc" if "mdoc" in name else "a_movie.mrc", voxel=None)
    lines = b"PixelSpacing = 0.5\nSpecimen Pixel Size X (nanometers) = 0.1\n"
    lines += b"Specimen Pixel Size Y (nanometers) = 0.1\nFrames Per Second = 40\n[FrameSet = 0]\n"
    for case in range(CASES):
        damaged = fuzz.damaged(lines, np.random.default_rng(case))
        (tmp_path / name).write_bytes(damaged)
        assert fuzz.look(str(path))[0] == "read"


def test_a_tag_that_claims_millions_of_parts_is_refused_at_once(tmp_path):
    path = tmp_path / "a.dm4"
    sbd.write(sbd.Micrograph(np.ones((64, 64), np.float32), 0.01), path)
    content = bytearray(path.read_bytes())
    mark = content.index(b"%%%%")
    content[mark + 4 : mark + 12] = (10**7).to_bytes(8, "big")
    path.write_bytes(content)
    os.truncate(path, len(content) + 8 * 10**7)
    what, seconds = fuzz.look(str(path))
    assert what == "refused"
    assert seconds < 1


def test_a_data_set_of_impossible_size_is_refused_at_once(tmp_path):
    path = tmp_path / "a.h5"
    sbd.write(sbd.Micrograph(np.ones((2, 64, 64), np.float32), 0.01), path)
    with h5py.File(path, "r+") as file:
        group = next(g for g in file["data"].values() if "data" in g)
        del group["data"]
        # nothing was written to it, so nothing is stored
        group.create_dataset("data", (10**9, 64, 64), "f4", chunks=(1, 64, 64))
    what, seconds = fuzz.look(str(path))
    assert what == "refused"
    assert seconds < 1


def test_a_size_that_is_no_number_is_refused(make, tmp_path):
    """tifffile compares such sizes with numbers, which is a TypeError of its own."""
    import tifffile

    path = make("a.eer")
    with tifffile.TiffFile(path, mode="r+b") as file:
        place = file.pages[1].tags["ImageLength"].offset
    content = bytearray(path.read_bytes())
    content[place + 4 : place + 12] = (2).to_bytes(8, "little")  # two of them
    path.write_bytes(content)
    assert fuzz.look(str(path))[0] == "refused"
