"""Input that cannot be used ends in one sentence that names the file."""

from __future__ import annotations

import os
import sys

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sbd import SBDError, read, write
from napari_sbd.io import READ_SUFFIXES, WRITE_SUFFIXES

needs_rights = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root and Windows ignore the mode"
)


def refused(path) -> str:
    with pytest.raises(SBDError) as caught:
        read(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", '".'))
    assert path.name in sentence
    return sentence


@pytest.mark.parametrize("name", ["movie.gtg", "movie_1.bin"])
def test_raw_data_of_in_situ_cameras_are_refused_with_the_way_out(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"\x00\x00\x00\x04")
    assert "DigitalMicrograph as .dm4" in refused(path)


def test_numbers_without_a_header_are_refused_with_the_way_out(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(64))
    assert "Ripple header (NAME.rpl" in refused(tmp_path / "a.raw")


def test_objects_are_no_damage(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1, "a"]], object), allow_pickle=True)
    assert "objects of Python" in refused(tmp_path / "a.npy")


@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("suffix", READ_SUFFIXES)
def test_cut_short(suffix, part, make):
    path = make(f"a{suffix}")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    refused(path)


@pytest.mark.parametrize(
    "options",
    [
        {"ome": True, "metadata": {"axes": "TYX"}},
        {"imagej": True},
        {"compression": "zlib"},
        {"metadata": None, "rowsperstrip": 8},
        {"bigtiff": True},
        {"byteorder": ">"},
    ],
)
@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.99])
def test_cut_tiff(options, part, tmp_path, movie):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, movie, photometric="minisblack", **options)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    refused(path)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_cut_results(suffix, part, tmp_path, movie):
    path = tmp_path / f"a{suffix}"
    write(movie, path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    refused(path)


@pytest.mark.parametrize("suffix", READ_SUFFIXES)
@pytest.mark.parametrize("content", [b"x", b"y; x\n1; 2\n" * 500, bytes(5000), b"\xff" * 5000])
def test_other_content_than_the_suffix_says(suffix, content, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("suffix", [*READ_SUFFIXES, ".mib"])
def test_empty_file(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.touch()
    assert "empty" in refused(path)


@pytest.mark.parametrize("suffix", READ_SUFFIXES)
def test_missing_file(suffix, tmp_path):
    assert "no file" in refused(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", READ_SUFFIXES)
def test_folder(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.mkdir()
    assert "folder" in refused(path)


@needs_rights
def test_no_right_to_read(make):
    path = make("a.mrc")
    path.chmod(0)
    assert "rights" in refused(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colour_png(mode, tmp_path):
    Image.new(mode, (20, 20)).save(tmp_path / "a.png")
    assert "colour" in refused(tmp_path / "a.png")


@pytest.mark.parametrize("options", [{"photometric": "rgb"}, {"photometric": "palette"}])
def test_colour_tiff(options, tmp_path):
    rgb = options["photometric"] == "rgb"
    if not rgb:
        options = {**options, "colormap": np.zeros((3, 256), np.uint16)}
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((20, 20, 3)[: 3 if rgb else 2], np.uint8), **options
    )
    assert "colour" in refused(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (np.zeros(7), "axis"),
        (np.zeros((2, 2, 2, 2)), "4 axes"),
        (np.zeros((3, 4), complex), "complex"),
        (np.zeros((0, 4)), "zero|no pixels"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.zeros((20, 20, 3)), "colour"),
    ],
)
def test_arrays_that_are_no_image(data, word, tmp_path):
    np.save(tmp_path / "a.npy", data)
    with pytest.raises(SBDError, match=word):
        read(tmp_path / "a.npy")


def test_pickles_stay_closed(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    refused(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("a.dm4", {"data": np.zeros((4, 4), np.complex64), "axes": [(1, "nm")] * 2}, "complex"),
        ("a.mrc", {"data": np.zeros((4, 4), np.complex64)}, "complex"),
        ("a.ser", {"data": np.zeros((0, 4, 4), np.uint16)}, "no frame"),
    ],
)
def test_unusable_contents(name, options, word, make):
    assert word in refused(make(name, **options))


def test_one_dimensional_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(9, np.uint8))
    refused(tmp_path / "a.tif")


def test_complex_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.complex64))
    assert "complex" in refused(tmp_path / "a.tif")


@pytest.mark.parametrize("groups", [["nothing"], ["Data/Image"]])
def test_hdf5_without_image(groups, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for group in groups:
            file.create_group(group)
    assert "no image" in refused(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["a.docx", "noimage"])
def test_unknown_suffix(name, tmp_path):
    (tmp_path / name).write_text("text")
    assert "unknown" in refused(tmp_path / name)


def test_other_formats_ask_for_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rsciio", None)
    (tmp_path / "a.blo").write_text("text")
    assert 'pip install "napari-sbd[formats]"' in refused(tmp_path / "a.blo")


@pytest.mark.parametrize("name", ["a.dm3", "a.png", "a.ser", "a.jpg", "a"])
def test_unknown_suffix_to_write(name, tmp_path, movie):
    with pytest.raises(SBDError, match="cannot be written; use one of"):
        write(movie, tmp_path / name)


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_folders_are_not_created(suffix, tmp_path, movie):
    with pytest.raises(SBDError, match="no folder"):
        write(movie, tmp_path / "missing" / f"a{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_output_that_is_a_folder(suffix, tmp_path, movie):
    path = tmp_path / f"a{suffix}"
    path.mkdir()
    with pytest.raises(SBDError, match="is a folder"):
        write(movie, path)


@needs_rights
@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_no_right_to_write(suffix, tmp_path, movie):
    tmp_path.chmod(0o500)
    with pytest.raises(SBDError, match="rights"):
        write(movie, tmp_path / f"a{suffix}")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write")
@pytest.mark.parametrize("suffix", WRITE_SUFFIXES)
def test_folder_that_nobody_can_write(suffix, movie):
    with pytest.raises(SBDError, match="cannot be written"):
        write(movie, f"/proc/self/a{suffix}")
