"""Texts that acquisition software writes beside images and movies."""

import time

import mrcfile
import numpy as np
import pytest
import tifffile

from napari_sbd import read

MOVIE = np.arange(5 * 24 * 32, dtype=np.uint16).reshape(5, 24, 32)

# As SerialEM writes it for frames and for a stack.
FRAMES = """PixelSpacing = 0.5

[T = SerialEM: Acquired on a microscope]

[FrameSet = 0]
TiltAngle = 0.002
PixelSpacing = 0.694291
ExposureTime = 2
Binning = 0.5
CountsPerElectron = 35.3
SubFramePath = X:\\frames\\a.tif
NumSubFrames = 5
FrameDosesAndNumber = 0.99898 5
RotationAndFlip = 7
GainReference = CountRef.mrc
"""
STACK = """PixelSpacing = 2.4
ImageSize = 32 24

[ZValue = 0]
PixelSpacing = 2.4
ExposureTime = 1
ExposureDose = 2.5

[ZValue = 1]
ExposureTime = 1
"""
DE = """Camera Model = DE-64
Frames Per Second = 40
Autosave Movie - Sum Count = 10
Specimen Pixel Size X (nanometers) = 0.1
Specimen Pixel Size Y (nanometers) = 0.2
Instrument Project Camera Length (centimeters) = {}
"""


def stored(path, data=MOVIE, angstrom=None):
    if path.suffix == ".tif":
        size = {} if angstrom is None else {"resolution": (1e8 / angstrom,) * 2}
        tifffile.imwrite(path, data, photometric="minisblack", resolutionunit="CENTIMETER", **size)
        return path
    with mrcfile.new(path, data) as file:
        file.set_image_stack()
        file.voxel_size = 1.0 if angstrom is None else angstrom
    return path


@pytest.mark.parametrize("name", ["a.mrc", "a.tif"])
def test_frames_of_serialem(name, tmp_path):
    path = stored(tmp_path / name)
    (tmp_path / f"{name}.mdoc").write_text(FRAMES)
    m = read(path)
    assert m.pixel_size == pytest.approx(0.0694291)
    assert m.frame_time == pytest.approx(0.4)
    assert m.metadata["serialem"]["FrameDosesAndNumber"] == "0.99898 5"
    assert "FrameSet" not in m.metadata["serialem"]  # the name of its section
    np.testing.assert_array_equal(m.data, MOVIE)


def test_a_stack_of_serialem_has_no_frame_time(tmp_path):
    path = stored(tmp_path / "a.mrc")
    (tmp_path / "a.mrc.mdoc").write_bytes(STACK.replace("\n", "\r\n").encode())
    m = read(path)
    assert (m.pixel_size, m.frame_time) == (pytest.approx(0.24), None)


def test_frames_of_another_number_have_no_time(tmp_path):
    """As where the frames were summed after they were saved."""
    path = stored(tmp_path / "a.mrc", MOVIE[:4])
    (tmp_path / "a.mrc.mdoc").write_text(FRAMES)
    assert read(path).frame_time is None


@pytest.mark.parametrize("name", ["a.mrc", "a.tif"])
def test_the_file_goes_before_the_text_and_a_difference_is_told(name, tmp_path):
    path = stored(tmp_path / name, angstrom=0.8)
    (tmp_path / f"{name}.mdoc").write_text(FRAMES)
    with pytest.warns(UserWarning, match=r"0.08 nm, and the text beside it says 0\.06943 nm"):
        m = read(path)
    assert m.pixel_size == pytest.approx(0.08)


@pytest.mark.parametrize("name", ["20251103_1_movie.mrc", "20251103_1_final.mrc"])
@pytest.mark.parametrize("length", [-1, 0])
def test_direct_electron(name, length, tmp_path):
    movie = name.endswith("movie.mrc")
    path = stored(tmp_path / name, MOVIE if movie else MOVIE[:1], angstrom=-10)
    (tmp_path / "20251103_1_info.txt").write_text(DE.format(length))
    m = read(path)
    assert m.pixel_size == pytest.approx((0.2, 0.1))
    assert m.frame_time == (pytest.approx(0.25) if movie else None)
    assert m.metadata["direct_electron"]["Camera Model"] == "DE-64"


def test_diffraction_has_no_pixel_size(tmp_path):
    path = stored(tmp_path / "20251103_1_movie.mrc", angstrom=-10)
    (tmp_path / "20251103_1_info.txt").write_text(DE.format(30))
    assert read(path).pixel_size is None


@pytest.mark.parametrize("line", ["a", "a = b", "[ZValue = 1", "", "\t=", "[FrameSet"])
def test_no_line_takes_long(line, tmp_path):
    """A line of 2,000 blanks took 9 s, and one twice as long eight times that."""
    path = stored(tmp_path / "a.mrc")
    (tmp_path / "a.mrc.mdoc").write_text((line + " " * 100_000 + "c\n") * 3 + FRAMES)
    began = time.perf_counter()
    assert read(path).frame_time in (None, pytest.approx(0.4))
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("text", [b"", b"\0" * 500, b"\xff\xfe" * 300, b"PixelSpacing = -1\n"])
def test_a_text_that_tells_nothing_changes_nothing(text, tmp_path):
    path = stored(tmp_path / "a.mrc", angstrom=0.8)
    (tmp_path / "a.mrc.mdoc").write_bytes(text)
    assert (read(path).pixel_size, read(path).frame_time) == (pytest.approx(0.08), None)
