"""What extended headers and texts say of each image of a stack: tilt, dose, exposure, time.

Tables of kind FEI1 and FEI2 are written by mrcfile; the older header of FEI is read by RosettaSciIO
as well; that of SerialEM is made after IMOD's format description.
"""

from __future__ import annotations

import struct
import time

import mrcfile
import numpy as np
import pytest
from mrcfile.dtypes import get_ext_header_dtype

from napari_sbd import read
from napari_sbd.io.acquisition import facts, sentence
from napari_sbd.io.detector_name import contrast_told

TILTS = [-60.0, 0.0, 60.0]
STACK = np.random.default_rng(0).poisson(5, (3, 12, 16)).astype(np.int16)
DAY = 46_000.5  # of 2025


def told(path):
    return read(path).metadata.get("acquisition")


def fei(path, kind=b"FEI1", data=STACK, spare=0, masks=True, **fields):
    """A stack by mrcfile; each section may be longer than its table, as it says itself."""
    table = np.zeros(len(data), get_ext_header_dtype(kind, "<"))
    table["Metadata size"] = table.itemsize + spare
    if masks:
        table["Bitmask 1"], table["Bitmask 2"] = 2**32 - 1, 2**32 - 1
    table["Pixel size X"] = table["Pixel size Y"] = 6.1e-12
    for name, values in fields.items():
        table[name.replace("_", " ")] = values
    with mrcfile.new(path, data) as file:
        file.set_image_stack()
        file.header.exttyp = kind
        file.set_extended_header(table)
        if spare:
            raw = b"".join(row.tobytes() + bytes(spare) for row in table)
            file.set_extended_header(np.frombuffer(raw, "V1"))
            file.header.exttyp = kind
    return path


@pytest.mark.parametrize("kind", [b"FEI1", b"FEI2"])
@pytest.mark.parametrize("spare", [0, 256])
def test_newer_fei_headers(kind, spare, tmp_path):
    fields = {
        "Alpha_tilt": TILTS,
        "Dose": 2.5e20,  # per m²
        "Integration_time": 0.4,
        "Timestamp": DAY + np.array([0, 2.0, 4.0]) / 86400,
    }
    path = fei(tmp_path / "a.mrc", kind, spare=spare, **fields)
    m = read(path)
    assert m.metadata["acquisition"] == {
        "tilt_deg": TILTS,
        "dose_per_A2": pytest.approx(2.5),
        "exposure_s": 0.4,
        "time_s": pytest.approx([0, 2, 4], abs=1e-5),
    }
    assert m.frame_time == pytest.approx(2, abs=1e-5)
    assert m.pixel_size == pytest.approx(0.0061)


def test_what_the_masks_leave_out_is_not_told(tmp_path):
    """Bits as IMOD tests them: 0 the time, 6 the dose, 7 the tilt."""
    fields = {"Alpha_tilt": TILTS, "Dose": 2.5e20, "Integration_time": 0.4}
    only_tilt = {"Bitmask_1": 1 << 7 | 1 << 14 | 1 << 15, "Bitmask_2": 0}
    path = fei(tmp_path / "a.mrc", **fields, **only_tilt)
    assert told(path) == {"tilt_deg": TILTS}
    path = fei(tmp_path / "b.mrc", **fields, Bitmask_1=1 << 6, Bitmask_2=1 << 16)
    assert told(path) == {"dose_per_A2": pytest.approx(2.5), "exposure_s": 0.4}
    assert read(path).pixel_size is None


def test_angles_that_a_version_wrote_in_radians(tmp_path):
    path = fei(tmp_path / "a.mrc", Alpha_tilt=np.radians(TILTS), Application_version=b"4.4.0.4981")
    assert told(path)["tilt_deg"] == pytest.approx(TILTS)


@pytest.mark.parametrize("value", [0, np.nan, 1e30, -1.0, np.inf])
@pytest.mark.parametrize("masks", [True, False])
def test_no_implausible_value_is_told(value, masks, tmp_path):
    fields = {"Dose": value, "Integration_time": value, "Timestamp": value, "Alpha_tilt": 1e30}
    path = fei(tmp_path / "a.mrc", masks=masks, **fields)
    assert told(path) is None
    assert read(path).frame_time is None


def test_one_image_without_a_dose_leaves_it_out_of_all(tmp_path):
    path = fei(tmp_path / "a.mrc", Dose=[2.5e20, 0, 2.5e20], Integration_time=[0.4, 0.5, 0.4])
    assert told(path) == {"tilt_deg": 0.0, "exposure_s": [0.4, 0.5, 0.4]}


def test_zeros_without_masks_are_no_tilt(tmp_path):
    assert told(fei(tmp_path / "a.mrc", masks=False)) is None
    assert told(fei(tmp_path / "b.mrc", masks=False, Alpha_tilt=TILTS)) == {"tilt_deg": TILTS}


def test_uneven_times_give_no_frame_time(tmp_path):
    times = DAY + np.array([0, 1.0, 9.0]) / 86400
    with pytest.warns(UserWarning, match="not evenly spaced"):
        assert read(fei(tmp_path / "a.mrc", Timestamp=times)).frame_time is None
    series = read(fei(tmp_path / "b.mrc", Timestamp=times, Alpha_tilt=TILTS))
    assert series.frame_time is None  # nobody expects one of a tilt series
    assert series.metadata["acquisition"]["time_s"] == pytest.approx([0, 1, 9], abs=1e-5)


def test_a_table_that_is_too_short_tells_nothing_of_the_images(tmp_path):
    path = fei(tmp_path / "a.mrc", Alpha_tilt=TILTS)
    raw = path.read_bytes()
    short = raw[:92] + struct.pack("<i", 2 * 768) + raw[96 : 1024 + 2 * 768]
    path.write_bytes(short + raw[1024 + 3 * 768 :])
    m = read(path)
    assert ("acquisition" in m.metadata, m.pixel_size) == (False, pytest.approx(0.0061))


@pytest.mark.parametrize("told", [True, False])
def test_the_scanning_detector_tells_the_contrast(told, tmp_path):
    bits = 1 << 7 if told else 1
    path = fei(tmp_path / "a.mrc", STEM_Detector_name=b"HAADF", Bitmask_3=bits)
    assert contrast_told(read(path).metadata) == (("dark field", "HAADF") if told else None)


@pytest.mark.parametrize("size", [-1, 0, 1, 171, 2**31 - 1])
def test_a_damaged_length_of_a_part_is_not_believed(size, tmp_path):
    """Parts of one byte each would take 768 times the memory of the header."""
    path = fei(tmp_path / "a.mrc", Alpha_tilt=TILTS, Metadata_size=size)
    began = time.perf_counter()
    assert told(path) == {"tilt_deg": TILTS}
    assert time.perf_counter() - began < 1


def with_extended(path, extended, numbers, kind=b"", order="<", label=b""):
    """A stack with an extended header, and two shorts that say how it is made up."""
    head = bytearray(1024)
    struct.pack_into(order + "10i", head, 0, 16, 12, 3, 1, 0, 0, 0, 16, 12, 1)
    struct.pack_into(order + "3f", head, 40, 16, 12, 1)
    struct.pack_into(order + "3i", head, 64, 1, 2, 3)
    struct.pack_into(order + "i", head, 92, len(extended))
    head[104 : 104 + len(kind)] = kind
    struct.pack_into(order + "2h", head, 128, *numbers)
    head[208:216] = b"MAP " + (b"DD\0\0" if order == "<" else b"\x11\x11\0\0")
    head[224 : 224 + len(label)] = label
    path.write_bytes(bytes(head) + extended + STACK.astype(f"{order}i2").tobytes())
    return path


def older_fei(order="<"):
    """1024 sections of 32 floats: tilt first, exposure ninth, pixel size twelfth."""
    block = np.zeros((1024, 32), f"{order}f4")
    block[:3, 0], block[:3, 8], block[:3, 11] = TILTS, 0.4, 6.1e-12
    return block.tobytes()


@pytest.mark.parametrize("order", "<>")
def test_older_fei_header(order, tmp_path):
    path = with_extended(tmp_path / "a.mrc", older_fei(order), (0, 32), order=order)
    assert told(path) == {"tilt_deg": TILTS, "exposure_s": pytest.approx(0.4)}
    assert read(path).frame_time is None  # between two images a camera waits


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves it open
def test_rosettasciio_finds_the_same_in_an_older_fei_header(tmp_path):
    mrc = pytest.importorskip("rsciio.mrc")
    path = with_extended(tmp_path / "a.mrc", older_fei(), (0, 32))
    theirs = mrc.file_reader(str(path))[0]["original_metadata"]["fei_header"]
    assert told(path)["tilt_deg"] == theirs["a_tilt"][:3].tolist()
    assert theirs["exp_time"][:3].tolist() == pytest.approx([told(path)["exposure_s"]] * 3)


def shorts(value):
    """The two shorts by which SerialEM stores a float: a 23-bit number and its power of two."""
    fraction, power = np.frexp(value)
    number, power = round(fraction * 2**23), int(power) - 23
    return number // 256, (-1 if power < 0 else 1) * (abs(power) * 256 + number % 256)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [b"SERI", b""])
@pytest.mark.parametrize("dose", [0.37, 2.5, 812.0])
def test_serialem(dose, kind, order, tmp_path):
    """Flags 1 + 4 + 32: tilt of 2 bytes, place of the stage of 4, dose of 4."""
    rows = [struct.pack(order + "5h", round(100 * t), 5, -7, *shorts(dose)) for t in TILTS]
    path = with_extended(tmp_path / "a.mrc", b"".join(rows), (10, 37), kind, order)
    assert told(path) == {"tilt_deg": TILTS, "dose_per_A2": pytest.approx(dose, rel=1e-6)}


@pytest.mark.parametrize("numbers", [(12, 37), (0, 0), (10, 0), (-10, 37), (10, -37), (10, 3)])
def test_flags_that_do_not_add_up_tell_nothing(numbers, tmp_path):
    rows = [struct.pack("<5h", round(100 * t), 5, -7, *shorts(2.5)) for t in TILTS]
    assert told(with_extended(tmp_path / "a.mrc", b"".join(rows), numbers, b"SERI")) is None


def test_a_dose_of_zero_is_none(tmp_path):
    rows = [struct.pack("<3h", round(100 * t), 0, 0) for t in TILTS]
    path = with_extended(tmp_path / "a.mrc", b"".join(rows), (6, 33), b"SERI")
    assert told(path) == {"tilt_deg": TILTS}


@pytest.mark.parametrize("order", "<>")
def test_agard(order, tmp_path):
    """Two integers, then three floats of which the first is the tilt."""
    rows = [struct.pack(order + "2i3f", 7, 8, t, 1e30, np.nan) for t in TILTS]
    path = with_extended(tmp_path / "a.mrc", b"".join(rows), (2, 3), b"AGAR", order)
    assert told(path) == {"tilt_deg": TILTS}


SECTIONS = "PixelSpacing = 2\n" + "".join(
    f"\n[ZValue = {i}]\nTiltAngle = {t}\nExposureDose = {2 + i}\nExposureTime = 0.5\n"
    for i, t in enumerate(TILTS)
)


def test_the_text_of_serialem_tells_each_image(tmp_path):
    path = tmp_path / "a.st"
    with mrcfile.new(path, STACK) as file:
        file.set_image_stack()
    (tmp_path / "a.st.mdoc").write_text(SECTIONS)
    assert told(path) == {"tilt_deg": TILTS, "dose_per_A2": [2, 3, 4], "exposure_s": 0.5}
    (tmp_path / "a.st.mdoc").write_text(SECTIONS.replace("[ZValue = 2]", "[T = 2]"))
    assert told(path) is None  # of two images; the stack has three


def test_doses_and_exposures_of_sums_add_up(tmp_path):
    fields = {
        "Alpha_tilt": [1.0, 3.0, 9.0],
        "Dose": [1e20, 2e20, 4e20],
        "Integration_time": 0.4,
        "Timestamp": DAY + np.array([0, 2.0, 4.0]) / 86400,
    }
    path = fei(tmp_path / "a.mrc", **fields)
    with pytest.warns(UserWarning, match="no whole sum"):
        m = read(path, sum_frames=2)
    assert m.metadata["acquisition"] == {
        "tilt_deg": 2.0,
        "dose_per_A2": pytest.approx(3),
        "exposure_s": 0.8,
    }
    assert m.frame_time == pytest.approx(4, abs=1e-5)


def test_a_file_without_images_tells_nothing_of_them():
    assert facts({"tilt_deg": [], "time_s": []}, 0) == {}


def test_how_the_images_were_recorded_in_words(tmp_path):
    path = fei(tmp_path / "a.mrc", Alpha_tilt=TILTS, Dose=2.5e20, Integration_time=0.4)
    said = "tilt -60 to 60°, dose 2.5 electrons/Å², exposure 0.4 s"
    assert sentence(read(path).metadata) == said
    assert sentence({}) == ""
