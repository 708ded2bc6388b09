"""MRC files as programs of the field write them, made byte by byte after the format's descriptions.

MRC2014: Cheng et al., J. Struct. Biol. 192 (2015) 146. Unsigned bytes, 4-bit values: the format
description of IMOD. FEI's older extended header: its description of 2011, section of 32 floats.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from mrcfile.dtypes import get_ext_header_dtype

from napari_sbd import Micrograph, SBDError, read, write
from napari_sbd.io import arrays

IMOD = 1146047817
MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


def make(path: Path, data: np.ndarray, mode: int, **fields) -> Path:
    """A file of ``data`` (Z, Y, X) as they lie on the disk; ``width`` in pixels, not bytes."""
    order = fields.get("order", "<")
    nz, ny, nx = data.shape
    nx = fields.get("width", nx)
    extended = fields.get("extended", b"")
    head = bytearray(1024)
    struct.pack_into(order + "10i", head, 0, nx, ny, nz, mode, 0, 0, 0, nx, ny, 1)
    struct.pack_into(order + "3f", head, 40, *fields.get("cell", (nx * 0.061, ny * 0.072, 0.061)))
    struct.pack_into(order + "3i", head, 64, *fields.get("axes", (1, 2, 3)))
    struct.pack_into(order + "3f", head, 76, *fields.get("statistics", (0, -1, -2)))
    struct.pack_into(order + "2i", head, 88, 0, len(extended))
    head[104:108] = fields.get("kind", bytes(4))
    if "imod" in fields:
        struct.pack_into(order + "2i", head, 152, IMOD, fields["imod"])
    if fields.get("stamped", True):
        head[208:216] = b"MAP " + (b"DD\0\0" if order == "<" else b"\x11\x11\0\0")
    label = fields.get("label", b"")
    head[224 : 224 + len(label)] = label
    body = data.astype(data.dtype.newbyteorder(order)).tobytes()
    path.write_bytes(bytes(head) + extended + body)
    return path


@pytest.fixture
def counts():
    return np.random.default_rng(0).poisson(3, (2, 12, 16)).astype(np.int16)


def older_fei(pixel_size: float, order: str = "<") -> bytes:
    """1024 sections of 32 floats; the twelfth of the first is the pixel size [m]."""
    block = bytearray(1024 * 128)
    struct.pack_into(order + "13f", block, 0, *[0.0] * 8, 1.0, 0, 0, pixel_size, 1e6)
    return bytes(block)


def newer_fei(kind: bytes, y: float, x: float, sections: int = 2) -> bytes:
    table = np.zeros(sections, get_ext_header_dtype(kind, "<"))
    table["Metadata size"] = table.itemsize
    table["Pixel size Y"], table["Pixel size X"] = y, x
    return table.tobytes()


@pytest.mark.parametrize("suffix", [".mrc", ".ali", ".st"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("cell", [(16, 12, 1), (0, 0, 0), (-160, -120, -10)])
def test_older_fei_header_gives_the_pixel_size(suffix, order, cell, tmp_path, counts):
    extended = older_fei(6.1e-12, order)
    path = make(tmp_path / f"a{suffix}", counts, 1, cell=cell, extended=extended, order=order)
    assert read(path).pixel_size == pytest.approx(0.0061)
    np.testing.assert_array_equal(read(path).data, counts)


def test_older_fei_header_of_another_length_is_known_by_its_label(tmp_path, counts):
    label = b"    Fei Company (c) Copyright 2003 "
    extended = older_fei(3.36e-9)[:2048]
    path = make(tmp_path / "a.mrc", counts, 1, cell=(16, 12, 1), extended=extended, label=label)
    assert read(path).pixel_size == pytest.approx(3.36)


@pytest.mark.parametrize("kind", [b"SERI", b"CCP4"])
def test_other_extended_headers_are_no_fei_header(kind, tmp_path, counts):
    extended = older_fei(6.1e-12)
    path = make(tmp_path / "a.mrc", counts, 1, cell=(16, 12, 1), extended=extended, kind=kind)
    assert read(path).pixel_size is None


@pytest.mark.parametrize("kind", [b"FEI1", b"FEI2"])
@pytest.mark.parametrize("cell", [(16, 12, 1), (0, 0, 0), (16 * 0.061, 12 * 0.072, 1)])
def test_newer_fei_headers_give_both_pixel_sizes(kind, cell, tmp_path, counts):
    extended = newer_fei(kind, 7.2e-12, 6.1e-12)
    path = make(tmp_path / "a.mrc", counts, 1, cell=cell, extended=extended, kind=kind)
    assert read(path).pixel_size == pytest.approx((0.0072, 0.0061))


@pytest.mark.parametrize("metres", [0.0, 2e7, np.nan, -6e-12])
def test_fei_values_that_are_no_lengths_leave_the_cell(metres, tmp_path, counts):
    """Zero is "not set"; diffraction patterns have 1/m there."""
    extended = newer_fei(b"FEI1", metres, metres)
    path = make(tmp_path / "a.mrc", counts, 1, extended=extended, kind=b"FEI1")
    assert read(path).pixel_size == pytest.approx((0.0072, 0.0061))


@pytest.mark.parametrize(("written_by", "expected"), [({"imod": 0}, 0.0122), ({}, 0.0061)])
def test_two_pixel_sizes_that_differ_are_told(written_by, expected, tmp_path, counts):
    """IMOD's binning by two changes the cell and copies the extended header."""
    fields = {"cell": (16 * 0.122, 12 * 0.122, 1), "extended": older_fei(6.1e-12), **written_by}
    path = make(tmp_path / "a.mrc", counts, 1, **fields)
    with pytest.warns(UserWarning, match=r"0\.0061 nm, and that of the cell, 0\.0122 nm"):
        assert read(path).pixel_size == pytest.approx(expected)


@pytest.mark.parametrize(
    "cell",
    [
        (16, 12, 1),  # equal to the grid: 1 Å per pixel, the default
        (-160, -120, -10),  # Direct Electron's sign of "not known"
        (-160, 120, 1),
        (0, 0, 0),
        (0.976, 0, 0),
        (np.nan, np.nan, np.nan),
        (np.inf, np.inf, 1),
    ],
)
def test_cells_that_are_no_calibration(cell, tmp_path, counts):
    assert read(make(tmp_path / "a.mrc", counts, 1, cell=cell)).pixel_size is None


def test_the_cell_belongs_to_the_axes_that_the_header_names(tmp_path, counts):
    """Columns along Y (mapc 2), rows along X (mapr 1); mx and the cell count along X, Y, Z."""
    path = make(tmp_path / "a.mrc", counts[:, :, :12], 1, cell=(0.6, 1.2, 1), axes=(2, 1, 3))
    assert read(path).pixel_size == pytest.approx((0.005, 0.01))


@pytest.mark.parametrize("size", [0.1, (0.1, 0.2), 0.0061])
@pytest.mark.parametrize("suffix", [".mrc", ".mrcs"])
def test_what_we_write_is_a_calibration(size, suffix, tmp_path, counts):
    write(Micrograph(counts, size), tmp_path / f"a{suffix}")
    assert read(tmp_path / f"a{suffix}").pixel_size == pytest.approx(size, rel=1e-6)


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_in_both_byte_orders(mode, order, stamped, tmp_path):
    data = np.arange(2 * 12 * 16).reshape(2, 12, 16).astype(MODES[mode])
    m = read(make(tmp_path / "a.mrc", data, mode, order=order, stamped=stamped))
    np.testing.assert_array_equal(m.data, data)
    assert m.data.dtype == np.dtype(MODES[mode])
    assert m.pixel_size == pytest.approx((0.0072, 0.0061))


@pytest.mark.parametrize(
    ("fields", "dtype"),
    [
        ({"imod": 0}, "u1"),
        ({"imod": 1}, "i1"),
        ({"imod": 5}, "i1"),
        ({"imod": 4}, "u1"),
        ({"statistics": (0, 255, 127)}, "u1"),
        ({"statistics": (-128, 127, 0)}, "i1"),
        ({}, "i1"),
    ],
)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("large", [False, True])
def test_bytes_are_signed_or_not(fields, dtype, order, large, tmp_path, monkeypatch):
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    stored = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    data = read(make(tmp_path / "a.mrc", stored, 0, order=order, **fields)).data
    assert data.dtype == dtype
    np.testing.assert_array_equal(data, stored[0].view(dtype))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("width", [16, 15])
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("order", "<>")
def test_four_bit_counts(number, width, large, order, tmp_path, monkeypatch):
    """Mode 101: the low half of a byte first, each row filled up to whole bytes."""
    if large:
        monkeypatch.setattr(arrays, "LAZY_BYTES", 1)
    counts = np.random.default_rng(1).integers(0, 16, (number, 12, width), np.uint8)
    even = np.pad(counts, ((0, 0), (0, 0), (0, width % 2)))
    packed = even[..., ::2] | even[..., 1::2] << 4
    m = read(make(tmp_path / "a.mrc", packed, 101, width=width, order=order, imod=16))
    np.testing.assert_array_equal(np.asarray(m.data), counts[0] if number == 1 else counts)
    assert m.pixel_size == pytest.approx((0.0072, 0.0061))
    assert (hasattr(m.data, "dask")) == large


def test_four_bit_counts_declared_as_half_as_many_bytes(tmp_path):
    """Mode 0 and IMOD's flag 16: the width counts bytes, two pixels each."""
    counts = np.random.default_rng(1).integers(0, 16, (1, 12, 16), np.uint8)
    packed = counts[..., ::2] | counts[..., 1::2] << 4
    m = read(make(tmp_path / "a.mrc", packed, 0, imod=16))
    np.testing.assert_array_equal(m.data, counts[0])
    assert m.pixel_size == pytest.approx((0.0072, 0.0061))


def test_a_cut_four_bit_file_is_refused(tmp_path):
    path = make(tmp_path / "a.mrc", np.zeros((3, 12, 8), np.uint8), 101, width=16)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SBDError, match="cut short"):
        read(path)


@pytest.mark.parametrize(
    ("mode", "word"), [(3, "complex"), (4, "complex"), (16, "colour"), (7, "mode 7")]
)
def test_values_that_are_no_image(mode, word, tmp_path, counts):
    with pytest.raises(SBDError, match=word):
        read(make(tmp_path / "a.mrc", np.repeat(counts, 8, 2), mode, width=16))


def test_the_record_is_no_pixel_size_to_others(tmp_path, counts):
    """ncempy 1.16 takes bytes 44 to 47 of any extended header for FEI's pixel size [m]."""
    result = Micrograph(counts, 0.0061, gain=2.5, metadata={"napari_sbd": {"step": "denoise"}})
    write(result, tmp_path / "a.mrc")
    raw = (tmp_path / "a.mrc").read_bytes()
    assert raw[104:108] == b"SBD1"
    assert not any(raw[1024 : 1024 + 128])
    m = read(tmp_path / "a.mrc")
    assert (m.gain, m.metadata["napari_sbd"]) == (2.5, {"step": "denoise"})


def test_a_record_at_the_first_byte_is_read(tmp_path, counts):
    """As it was written at first."""
    write(Micrograph(counts, 0.0061, gain=2.5), tmp_path / "a.mrc")
    raw = (tmp_path / "a.mrc").read_bytes()
    end = 1024 + struct.unpack_from("<i", raw, 92)[0]
    moved = raw[1024:end].lstrip(b"\0").ljust(end - 1024, b"\0")
    (tmp_path / "a.mrc").write_bytes(raw[:1024] + moved + raw[end:])
    assert read(tmp_path / "a.mrc").gain == 2.5


@pytest.mark.parametrize(
    ("name", "shape"), [("de_movie_30x16x16.mrc", (30, 16, 16)), ("de_final_4x8.mrc", (4, 8))]
)
def test_direct_electron_without_its_side_file_is_not_calibrated(name, shape, sample):
    m = read(sample(name))
    assert (m.shape, m.pixel_size) == (shape, None)
