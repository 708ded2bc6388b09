"""Which readers of RosettaSciIO may be called, and what becomes of what they give."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from struct import pack
from types import SimpleNamespace

import numpy as np
import pytest

from napari_sbd import SBDError, read
from napari_sbd.io import READ_SUFFIXES, rosetta

# The list itself, so that another reader on it is a decision and not a slip.
ALLOWED = {
    ".bcf": "bruker",
    ".blo": "blockfile",
    ".emi": "tia",
    ".img": "jeol",
    ".mib": "quantumdetector",
    ".nxs": "nexus",
    ".prz": "pantarhei",
    ".rpl": "ripple",
    ".tvips": "tvips",
    ".unf": "semper",
}
MOVIE = np.arange(5 * 8 * 12, dtype=np.uint16).reshape(5, 8, 12)


def axis(name, unit, scale, size, navigate, **more):
    fields = {"name": name, "units": unit, "scale": scale, "size": size, "navigate": navigate}
    return {**fields, "offset": 0.0, **more}


_LAZY = {"attributes": {"_lazy": False}}


def stack(data=MOVIE):
    """A signal as RosettaSciIO gives and takes it."""
    axes = [("time", "ms", 40.0, True), ("y", "Å", 0.072, False), ("x", "nm", 0.0061, False)]
    sized = [
        axis(n, u, s, size, nav, index_in_array=i, _type="UniformDataAxis", is_binned=False)
        for i, ((n, u, s, nav), size) in enumerate(zip(axes[-data.ndim :], data.shape, strict=True))
    ]
    metadata = {"General": {"title": "a"}, "Signal": {"signal_type": ""}}
    return {"data": data, "axes": sized, "metadata": metadata, "original_metadata": {}, **_LAZY}


@pytest.fixture
def reader(monkeypatch, tmp_path):
    """Puts a package in place of RosettaSciIO whose readers give these signals."""

    def put(*signals, suffix=".nxs"):
        called = []

        def file_reader(path, **options):
            called.append((path, options))
            return list(signals)

        name = ALLOWED[suffix]
        monkeypatch.setitem(sys.modules, "rsciio", SimpleNamespace())
        monkeypatch.setitem(sys.modules, f"rsciio.{name}", SimpleNamespace(file_reader=file_reader))
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"content")
        return path

    return put


def test_the_readers_are_those_that_were_read():
    assert rosetta.READERS == ALLOWED
    assert not set(ALLOWED) & set(READ_SUFFIXES)


@pytest.mark.parametrize(
    "name",
    [
        "a.nc",
        "a.asw",
        "a.msa",
        "a.jpg",
        "a.bmp",
        "a.mrcz",
        "a.xml",
        "a.csv",
        "a.docx",
        "a.npz",
        "a",
    ],
)
def test_no_other_suffix_reaches_the_package(name, tmp_path, monkeypatch):
    def refuse(module):
        raise AssertionError(f"{module} was asked for")

    monkeypatch.setattr(rosetta, "import_module", refuse)
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(SBDError, match="unknown") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_stack_with_its_calibration(reader):
    m = read(reader(stack()))
    np.testing.assert_array_equal(m.data, MOVIE)
    assert m.pixel_size == pytest.approx((0.0072, 0.0061))
    assert m.frame_time == pytest.approx(0.04)


def test_other_byte_orders_become_native(reader):
    m = read(reader(stack(MOVIE.astype(">u2"))))
    assert m.data.dtype == "=u2"
    np.testing.assert_array_equal(m.data, MOVIE)


@pytest.mark.parametrize("place", [{}, {"index_in_array": None}])
def test_axes_without_places_are_in_the_order_of_the_array(place, reader):
    axes = [
        axis("", "s", 0.1, 5, True, **place),
        axis("", "nm", 0.2, 8, False, **place),
        axis("", "nm", 0.3, 12, False, **place),
    ]
    assert read(reader(stack() | {"axes": axes})).pixel_size == (0.2, 0.3)


def test_places_decide_over_the_list(reader):
    signal = stack()
    m = read(reader(signal | {"axes": signal["axes"][::-1]}))
    assert (m.shape, m.pixel_size) == (MOVIE.shape, pytest.approx((0.0072, 0.0061)))


def spectra(name="Energy", unit="eV"):
    axes = [
        axis("y", "nm", 1, 5, True),
        axis("x", "nm", 1, 8, True),
        axis(name, unit, 0.5, 12, False),
    ]
    return stack() | {"axes": axes}


@pytest.mark.parametrize(("name", "unit"), [("Energy", "eV"), ("Wavelength", "nm"), ("", "")])
def test_spectra_are_refused(name, unit, reader):
    with pytest.raises(SBDError, match="no grey-scale image"):
        read(reader(spectra(name, unit)))


def test_the_image_behind_spectra(reader):
    m = read(reader(spectra(), stack(MOVIE[0])))
    np.testing.assert_array_equal(m.data, MOVIE[0])


def test_an_empty_list_is_no_success(reader):
    with pytest.raises(SBDError, match="nothing in this file"):
        read(reader())


@pytest.mark.parametrize(("sizes", "expected"), [((0.02, 0.02), 0.02), ((0.02, 0.03), None)])
def test_semper_is_calibrated_where_its_axes_agree(sizes, expected, reader):
    """RosettaSciIO 0.15.0 calls the rows of a Semper file x."""
    axes = [axis("xyz"[i], "nm", step, 1, False) for i, step in enumerate((*sizes, 1.0))]
    m = read(reader(stack() | {"axes": axes}, suffix=".unf"))
    np.testing.assert_array_equal(m.data, MOVIE)
    assert m.pixel_size == expected


def test_what_its_readers_raise_is_told_with_its_cause(monkeypatch, tmp_path):
    def file_reader(path):
        raise AttributeError("their own")

    monkeypatch.setitem(sys.modules, "rsciio", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "rsciio.tia", SimpleNamespace(file_reader=file_reader))
    (tmp_path / "a.emi").write_bytes(b"content")
    with pytest.raises(SBDError, match=r"a\.emi: RosettaSciIO cannot read it") as caught:
        read(tmp_path / "a.emi")
    assert isinstance(caught.value.__cause__.__cause__, AttributeError)


# With the package itself, on files that its own writers make.
WRITTEN = {
    ".blo": np.zeros((2, 3, 16, 16), np.uint8),
    ".nxs": MOVIE,
    ".prz": MOVIE,
    ".rpl": MOVIE,
    ".tvips": MOVIE,
    ".unf": MOVIE.astype(np.int16),
}
FORBIDDEN = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "pickle.")


class Watch:
    """What the interpreter reports while it is on: code from text, pickles, other programs."""

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self.note)

    def note(self, event, arguments):
        if not self.on:
            return
        from_text = event == "exec" and Path(arguments[0].co_filename).suffix != ".py"
        if from_text or (event.startswith(FORBIDDEN) and not _in_dask()):
            self.seen.append(event)


def _in_dask():
    """Whether dask is naming its own functions, for which it pickles them there and back."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "dask.tokenize":
            return True
        frame = frame.f_back
    return False


@pytest.fixture(scope="module")
def watch():
    return Watch()


@pytest.mark.filterwarnings("ignore")
def test_a_tvips_movie_is_asked_for_by_its_first_part(tmp_path):
    """Its name is all that is wrong with it, and not said to be damaged."""
    module = pytest.importorskip("rsciio.tvips")
    module.file_writer(str(tmp_path / "movie.tvips"), stack(MOVIE))
    first = tmp_path / "movie_000.tvips"
    np.testing.assert_array_equal(read(first).data, MOVIE)
    for name in ("movie.tvips", "movie_001.tvips"):
        path = first.rename(tmp_path / name)
        with pytest.raises(SBDError, match=r"ends in _000\.tvips"):
            read(path)
        path.rename(first)


def tvips(folder, milliseconds, pixel=1, parts=1):
    """RosettaSciIO's movie with other times and another pixel size, in one part or more."""
    module = pytest.importorskip("rsciio.tvips")
    data = np.arange(len(milliseconds) * 24 * 32, dtype=np.uint16).reshape(-1, 24, 32)
    step = 60 + data[0].nbytes
    options = {} if parts == 1 else {"max_file_size": 256 + -(-len(data) // parts) * step}
    module.file_writer(str(folder / "a.tvips"), stack(data), **options)
    paths, number = sorted(folder.glob("a_*.tvips")), 0
    assert len(paths) == parts
    for path in paths:
        raw = bytearray(path.read_bytes())
        begin = 0 if number else 256
        if number == 0:
            raw[36:40] = struct.pack("<I", pixel)
        for place in range(begin, len(raw), step):
            second, rest = divmod(int(milliseconds[number]), 1000)
            raw[place + 4 : place + 12] = struct.pack("<II", 1_700_000_000 + second, rest)
            number += 1
        path.write_bytes(raw)
    assert number == len(data)
    return data


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("parts", [1, 2])
def test_the_frame_time_of_tvips_is_that_of_the_whole_movie(parts, tmp_path):
    """The first two frames are 24 ms apart, all others 16 and 17."""
    times = np.round(18 + 50 / 3 * np.arange(20)).astype(int)
    times[0] = times[1] - 24
    data = tvips(tmp_path, times, parts=parts)
    m = read(tmp_path / "a_000.tvips")
    np.testing.assert_array_equal(m.data, data)
    assert m.frame_time == pytest.approx((times[-1] - times[0]) / 19e3)


@pytest.mark.parametrize("times", [[0, 10, 500, 510], [0, 0, 0, 0], [30, 20, 10, 0]])
@pytest.mark.filterwarnings("ignore")
def test_times_of_tvips_that_are_uneven_give_none(times, tmp_path):
    tvips(tmp_path, np.array(times) + 50)
    assert read(tmp_path / "a_000.tvips").frame_time is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("pixel", "size"), [(0, None), (3, 3.0), (999, 999.0), (15_500, None)])
def test_the_pixels_of_the_silicon_are_no_calibration(pixel, size, tmp_path):
    tvips(tmp_path, 20 * np.arange(3), pixel)
    assert read(tmp_path / "a_000.tvips").pixel_size == size


RIPPLE = """key\tvalue
width\t56
height\t40
depth\t{depth}
offset\t100
data-length\t2
data-type\tunsigned
byte-order\tbig-endian
record-by\t{record}
width-scale\t0.02
width-units\tnm
height-scale\t0.03
height-units\tnm
depth-name\ttime
depth-scale\t0.1
depth-units\ts
"""


@pytest.mark.parametrize(("count", "record"), [(5, "image"), (1, "dont-care")])
def test_numbers_without_a_header_are_read_by_a_header_beside_them(count, record, tmp_path):
    """As the documentation has it: frames of a camera behind 100 bytes of its own."""
    pytest.importorskip("rsciio.ripple")
    counts = np.arange(count * 40 * 56, dtype=np.uint16).reshape(count, 40, 56)
    (tmp_path / "a.raw").write_bytes(bytes(100) + counts.astype(">u2").tobytes())
    (tmp_path / "a.rpl").write_text(RIPPLE.format(depth=count, record=record))
    m = read(tmp_path / "a.rpl")
    np.testing.assert_array_equal(m.data, counts if count > 1 else counts[0])
    assert m.pixel_size == pytest.approx((0.03, 0.02))
    assert m.frame_time == (0.1 if count > 1 else None)


def test_a_header_that_does_not_fit_the_numbers_is_told(tmp_path):
    """RosettaSciIO reads as many as the header describes: of 6 frames 5, or rows that slip."""
    pytest.importorskip("rsciio.ripple")
    counts = np.arange(6 * 40 * 56, dtype=">u2").tobytes()
    header, raw = tmp_path / "a.rpl", tmp_path / "a.raw"
    header.write_text(RIPPLE.format(depth=5, record="image"))
    with pytest.raises(SBDError, match=r"are missing; put a\.raw into the same folder"):
        read(header)
    raw.write_bytes(bytes(100) + counts)
    with pytest.warns(UserWarning, match="4480 bytes longer than its Ripple header describes"):
        assert read(header).shape == (5, 40, 56)
    header.write_text(RIPPLE.format(depth=7, record="image"))
    with pytest.raises(SBDError, match=r"it describes 31460 bytes, and a\.raw holds 26980"):
        read(header)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".tvips", ".rpl"])
def test_a_movie_of_one_frame_that_its_reader_cannot_read_is_not_called_damaged(suffix, tmp_path):
    """Of RosettaSciIO 0.15.0, which writes it."""
    module = pytest.importorskip(f"rsciio.{ALLOWED[suffix]}")
    path = tmp_path / f"a_000{suffix}"
    module.file_writer(
        str(tmp_path / f"a{suffix}" if suffix == ".tvips" else path), stack(MOVIE[:1])
    )
    try:
        np.testing.assert_array_equal(np.asarray(read(path).data).squeeze(), MOVIE[0])
    except SBDError as error:
        assert "a movie of one frame may be" in str(error)


def test_advice_of_the_package_that_nobody_can_follow_stays_with_it(tmp_path, capfd, caplog):
    """Such as to allow pickles, where a .prz has no plain calibration."""
    module = pytest.importorskip("rsciio.pantarhei")
    module.file_writer(str(tmp_path / "a.prz"), stack(MOVIE))
    capfd.readouterr()
    assert read(tmp_path / "a.prz").pixel_size is None
    assert "pickle" not in capfd.readouterr().err + caplog.text


def four_axes():
    data = WRITTEN[".blo"]
    units = ("nm", "nm", "cm", "cm")  # of the camera, as the format has it
    axes = [axis("yxvu"[i], units[i], 1.0, size, i < 2) for i, size in enumerate(data.shape)]
    return stack() | {"data": data, "axes": axes}


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.filterwarnings("ignore")
def test_the_allowed_readers_run_nothing(suffix, watch, tmp_path):
    module = pytest.importorskip(f"rsciio.{ALLOWED[suffix]}")
    path = tmp_path / f"a_000{suffix}"
    data = WRITTEN[suffix]
    signal = four_axes() if data.ndim == 4 else stack(data)
    module.file_writer(str(tmp_path / f"a{suffix}" if suffix == ".tvips" else path), signal)
    module.file_reader(str(path))  # imports what it needs
    watch.seen.clear()
    watch.on = True
    try:
        m = read(path)
    except SBDError as error:
        assert data.ndim == 4, error
    else:
        np.testing.assert_array_equal(m.data, data)
    finally:
        watch.on = False
    assert watch.seen == []


def write_mib(path, data, times):
    """Frames of a Merlin detector, the lowest row first, each behind 384 bytes of text as in its
    files; times in ns since a day's last second."""
    begin, raw = np.datetime64("2026-01-23T23:59:59.904583219"), b""
    for number, (frame, time) in enumerate(zip(data, times, strict=True), 1):
        height, width = frame.shape
        stamp = str(begin + np.timedelta64(int(time), "ns"))
        text = f"MQ1,{number:06d},00384,01,{width:04d},{height:04d},U16,   1x1,01,{stamp[:26]},"
        text += f"0.000400,0,0,0,2.0E+1,{'0,' * 20}MQ1A,{stamp}Z,400000ns,12,"
        raw += text.encode().ljust(384) + frame[::-1].astype(">u2").tobytes()
    path.write_bytes(raw)
    return path


HDR = "HDR,\t\nFrames in Acquisition (Number):\t{}\nFrames per Trigger (Number):\t{}\nEnd\t\n"


@pytest.mark.parametrize("trembling", [0, 200_000])  # ns
@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 50])
def test_a_movie_of_merlin_keeps_all_frames_and_tells_their_times(count, trembling, tmp_path):
    """RosettaSciIO takes a frame that is a little late for the first of a line of a scan."""
    pytest.importorskip("rsciio.quantumdetector")
    rng = np.random.default_rng(count)
    data = rng.integers(0, 4000, (count, 24, 32), np.uint16)
    times = 100_003_970 * np.arange(count) + rng.integers(-trembling, trembling + 1, count)
    path = write_mib(tmp_path / "a.mib", data, times)
    for triggers in (None, 0, 1, count):
        if triggers is not None:
            path.with_suffix(".hdr").write_text(HDR.format(count, triggers))
        m = read(path)
        np.testing.assert_array_equal(m.data, data if count > 1 else data[0])
        assert m.metadata["acquisition"]["exposure_s"] == pytest.approx(0.0004)
        step = (times[-1] - times[0]) / max(count - 1, 1) / 1e9
        assert m.frame_time == (pytest.approx(step) if count > 1 else None)


def test_a_movie_of_merlin_that_lost_frames_has_no_frame_time(tmp_path):
    pytest.importorskip("rsciio.quantumdetector")
    data = np.arange(20 * 24 * 32, dtype=np.uint16).reshape(20, 24, 32)
    times = 10**8 * (np.arange(20) + 2 * (np.arange(20) > 6) + (np.arange(20) > 16))
    with pytest.warns(UserWarning, match="not evenly spaced"):
        m = read(write_mib(tmp_path / "a.mib", data, times))
    np.testing.assert_array_equal(m.data, data)
    assert m.frame_time is None


@pytest.mark.parametrize("told", ["by the times", "by the text beside"])
def test_a_scan_of_merlin_is_no_movie(told, tmp_path):
    pytest.importorskip("rsciio.quantumdetector")
    data = np.zeros((24, 24, 32), np.uint16)
    flyback = 5 * 10**6 * (np.arange(24) // 6) if told == "by the times" else 0
    path = write_mib(tmp_path / "a.mib", data, 10**6 * np.arange(24) + flyback)
    if told == "by the text beside":
        path.with_suffix(".hdr").write_text(HDR.format(24, 6))
    with pytest.raises(SBDError, match="a scan in lines of 6, no movie"):
        read(path)


@pytest.mark.parametrize("suffix", [".mib", ".nxs", ".prz", ".rpl", ".tvips", ".unf"])
@pytest.mark.filterwarnings("ignore")
def test_large_files_have_the_values_of_small_ones(suffix, tmp_path, monkeypatch):
    """RosettaSciIO maps the compressed bytes of a .prz into memory as if they were its values."""
    module = pytest.importorskip(f"rsciio.{ALLOWED[suffix]}")
    dtype = np.uint16 if suffix == ".mib" else WRITTEN[suffix].dtype
    data = np.random.default_rng(0).integers(0, 200, (5, 24, 32)).astype(dtype)
    path = tmp_path / f"a_000{suffix}"
    if suffix == ".mib":
        write_mib(path, data, 10**8 * np.arange(5))
    else:
        target = tmp_path / f"a{suffix}" if suffix == ".tvips" else path
        module.file_writer(str(target), stack(data))
    small = read(path)
    monkeypatch.setattr(rosetta, "LAZY_BYTES", 1)
    large = read(path)
    np.testing.assert_array_equal(np.asarray(small.data).squeeze(), data)
    np.testing.assert_array_equal(np.asarray(large.data).squeeze(), data)
    assert hasattr(large.data, "dask") == (suffix != ".prz")
    assert (large.pixel_size, large.frame_time) == (small.pixel_size, small.frame_time)


def test_the_watch_sees_code_from_text(watch):
    watch.seen.clear()
    watch.on = True
    eval("1 + 1")
    watch.on = False
    assert watch.seen == ["exec"]


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "low", "pixel_size", "frame_time"),
    [
        ("merlin_single.mib", (256, 256), "=u2", 0, None, None),
        ("merlin_multi.mib", (9, 256, 256), "=u1", 1, None, 0.10000397),
        ("tia_64x64x5_TEM_preview.emi", (5, 64, 64), "=f4", 345.9388, 6.281833616298531, None),
    ],
)
def test_files_of_microscopes(name, shape, dtype, low, pixel_size, frame_time, sample, watch):
    """As RosettaSciIO 0.15.0 gives them to other programs."""
    pytest.importorskip(f"rsciio.{ALLOWED[Path(name).suffix]}")
    read(sample(name))
    watch.seen.clear()
    watch.on = True
    m = read(sample(name))
    watch.on = False
    assert (m.shape, m.data.dtype, m.pixel_size) == (shape, dtype, pytest.approx(pixel_size))
    assert m.data.min() == pytest.approx(low)
    assert m.frame_time == (frame_time and pytest.approx(frame_time))
    assert watch.seen == []


def test_an_emi_without_its_ser_is_refused(sample):
    pytest.importorskip("rsciio.tia")
    with pytest.raises(SBDError, match="companions"):
        read(sample("tia_spectra_before_images.emi"))


def test_a_jeol_image_of_bytes_as_the_source_of_its_reader_has_them(tmp_path):
    pytest.importorskip("rsciio.jeol")

    def node(name, kind=0, value=b"", inside=()):
        key = name.encode() + b"\0"
        head = b"\1" + pack("<i", len(key)) + key + pack("<2i", kind, len(value)) + value
        return head + b"".join(inside) + b"\xff"

    pixels = MOVIE[0, :6].astype("<u2")
    image = [
        node("Size", 3, pack("<2i", 12, 6)),
        node("Bits", 2, pixels.tobytes()),
        node("Created", 5, pack("<d", 45000.5)),
        node("Title", 12, b"grid\0"),
    ]
    # ScanSize [mm] over magnification is the side of the field: 120 mm / 1e6 = 120 nm
    told = [("ScanSize", 120.0), ("Mag", 1e6), ("AccV", 200.0)]
    instrument = [node(name, 4, pack("<f", value)) for name, value in told]
    tree = node("Image", inside=image) + node("Instrument", inside=instrument) + b"\xff"
    head = pack("<I32s3I", 52, b"JED-2200:IMG", 44, 0, 48)
    (tmp_path / "a.img").write_bytes(head + bytes(60 - len(head)) + tree)
    m = read(tmp_path / "a.img")
    np.testing.assert_array_equal(m.data, pixels)
    assert m.pixel_size_yx == pytest.approx((20.0, 10.0))  # nm: 120 nm over 6 and 12 pixels
