"""TIFF files of microscopes: which of their images is read, and how it is calibrated."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sbd import Micrograph, SBDError, read, write

MORE = Path(__file__).parents[3] / "shared" / "data" / "more"
IMAGE = np.random.default_rng(0).poisson(40, (24, 32)).astype(np.uint8)
BYTES, TEXT, DOUBLE, ANYTHING = 1, 2, 12, 7  # types of tags
RAMP = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)


def save(path, image=IMAGE, tags=(), **options):
    """A file with private tags: code to (type, value)."""
    extra = [(c, t, 1 if t == DOUBLE else len(v), v, True) for c, (t, v) in dict(tags).items()]
    options = {"photometric": "minisblack", "metadata": None, **options}
    tifffile.imwrite(path, image, extratags=extra, **options)
    return path


# Real files. Values: RosettaSciIO 0.15.0, where the file itself says no other
REAL = {
    # the scales and units of its own tags 65003 to 65011
    "dm_stack_2x68x68.tif": ((2, 68, 68), "float32", (1686.7400407791138, 168.67400705814362), 2.5),
    "dm_tiff_bad_private_tag.tif": ((68, 68), "int32", 168.67469251155853, None),
    # 25.4 mm / 93 / 150000
    "jeol_tem_556.tif": ((556, 556), "uint16", 1.820788530, None),
    # the tag 33560 says 2.392791775876109e-11 m
    "olympus_sis_preview_and_image.tif": ((101, 112), "uint16", 0.02392791775876109, None),
    # the tag 34118 says 5.824988e-09 m for a picture of 1024 pixels; this one has 512
    "zeiss_sem_512.tif": ((384, 512), "uint8", 11.649976, None),
}


@pytest.mark.skipif(not MORE.is_dir(), reason="no sample files beside the checkout")
@pytest.mark.parametrize("name", REAL)
def test_real_files(name):
    shape, dtype, pixel_size, frame_time = REAL[name]
    m = read(MORE / name)
    assert (m.shape, m.data.dtype, m.frame_time) == (shape, dtype, frame_time)
    assert m.pixel_size == pytest.approx(pixel_size, rel=1e-8)
    with tifffile.TiffFile(MORE / name) as file:
        np.testing.assert_array_equal(m.data, file.series[-1].asarray())


def fei(text):
    return {34682: (TEXT, text.encode() + b"\0")}


def zeiss(*fields, unnamed="5.824988e-09"):
    """As the real file above begins: unnamed numbers, then names with their values."""
    lines = ["0", "0", "0", unnamed, "50000", "6", *fields, ""]
    return {34118: (TEXT, "\r\n".join(lines).encode("cp1252"))}


def tvips(size, mode=0):
    """Both headers of EMMENU 4, by the names that tifffile gives to their fields."""
    first = np.zeros((), tifffile.TIFF.TVIPS_HEADER_V1)
    second = np.zeros((), tifffile.TIFF.TVIPS_HEADER_V2)
    first["Version"], second["Magic"], second["TemMode"] = 2, 0xAAAAAAAA, mode
    second["PixelSizeY"], second["PixelSizeX"] = size
    return {37706: (BYTES, first.tobytes() + second.tobytes())}


def tescan(text):
    """Blocks of other things come before and after the text."""
    return {50431: (ANYTHING, b"\x02\0\xd7\x10\0\0\xff\xd8" + text.encode() + b"\n\0\x07\x80")}


def gatan(y, x, z=None):
    codes = {65004: y[1], 65003: x[1], 65010: y[0], 65009: x[0]}
    codes |= {} if z is None else {65005: z[1], 65011: z[0]}
    return {
        code: (DOUBLE, v) if isinstance(v, float) else (TEXT, v.encode("cp1252") + b"\0")
        for code, v in codes.items()
    }


XML = (
    '<?xml version="1.0"?><Metadata xmlns:xsi="x"><BinaryResult><PixelSize>'
    '<X unit="m">2e-10</X><Y unit="m">3e-10</Y></PixelSize></BinaryResult></Metadata>'
)

# what the tags say, pixel size [nm]
TAGS = {
    "FEI": (fei("[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=3e-11\r\n"), (0.03, 0.02)),
    "FEI SFEG": ({34680: fei("[Scan]\nPixelWidth=2e-11\nPixelHeight=2e-11\n")[34682]}, 0.02),
    "FEI infrared": (
        fei("[IRBeam]\nHFW=3.2e-6\nVFW=2.4e-6\n[Image]\nResolutionX=32\nResolutionY=24\n[Scan]\n"),
        100,
    ),
    "FEI without": (fei("[User]\nDate=1\n"), None),
    "Thermo Fisher": ({34683: (TEXT, XML.encode() + b"\0")}, (0.3, 0.2)),
    "Zeiss": (zeiss("AP_MAG", "Mag = 50.00 K X"), 5.824988 * 32),
    "Zeiss, field of the display": (
        zeiss("AP_PIXEL_SIZE", "Pixel Size = 5.825 nm"),
        5.824988 * 32,
    ),
    "Zeiss, rounded": (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 186.4 nm"), 5.824988 * 32),
    "Zeiss, cropped": (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 558.2 pm"), 0.5582),
    "Zeiss, without number": (
        zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 1.250 µm", unnamed="0"),
        1250,
    ),
    "TVIPS": (tvips((0.25, 0.125)), (0.25, 0.125)),
    "TVIPS diffraction": (tvips((0.25, 0.25), mode=3), None),
    "TVIPS empty": (tvips((0, 0)), None),
    "Tescan": (tescan("[MAIN]\nDevice=MIRA3\nPixelSizeX=2.5e-9\nPixelSizeY=2.6e-9\n"), (2.6, 2.5)),
    "Tescan, two lines of hdr": (tescan("PixelSizeX=2.5E-009\r\nPixelSizeY=2.5E-009"), 2.5),
    "Tescan without": (tescan("[MAIN]\nDevice=MIRA3\n"), None),
    "Gatan": (gatan((0.2, "µm"), (0.1, "nm")), (200, 0.1)),
    "Gatan diffraction": (gatan((0.2, "1/nm"), (0.2, "1/nm")), None),
}


@pytest.mark.parametrize("kind", TAGS)
def test_pixel_sizes_of_vendors(kind, tmp_path):
    tags, pixel_size = TAGS[kind]
    m = read(save(tmp_path / "a.tif", tags=tags))
    assert m.pixel_size == (pixel_size and pytest.approx(pixel_size, rel=1e-7))
    np.testing.assert_array_equal(m.data, IMAGE)


@pytest.mark.parametrize("preview", [True, False], ids=["with preview", "image alone"])
@pytest.mark.parametrize("exponent", [-9, -6])
def test_olympus(preview, exponent, tmp_path):
    """A block "SIS0" points to another with a power of ten and the sizes in it [m]."""
    sizes = struct.pack("<10xhdd8xd2x34s32s", exponent, 0.2, 0.3, 6e5, b"Quemesa", b"")
    head = struct.pack("<4s6xhhhhh6x32sH", b"SIS0", 1, 1, 1, 1, 118, b"", 1)
    block = head + struct.pack("<hhI", 1, 1, 0xABCDEF) + sizes
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        if preview:
            file.write(np.zeros((24, 32, 3), np.uint8), photometric="rgb", metadata=None)
        tag = (33560, ANYTHING, len(block), block, True)
        file.write(IMAGE.astype(np.uint16), extratags=[tag], metadata=None)
    raw = (tmp_path / "a.tif").read_bytes()
    place = raw.index(b"SIS0") + len(head) + 8
    (tmp_path / "a.tif").write_bytes(
        raw.replace(struct.pack("<I", 0xABCDEF), struct.pack("<I", place))
    )
    m = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(m.data, IMAGE)
    scale = 10.0 ** (exponent + 9)
    assert m.pixel_size == pytest.approx((0.3 * scale, 0.2 * scale))
    assert m.metadata["olympus"]["magnification"] == 6e5


JEOL = """<?xml version="1.0"?>
<TemReporter xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Eos><EosMode>{eos}</EosMode></Eos>
  <ImageFormingSystem><ModeString>{mode}</ModeString><SelectorValue>{value}</SelectorValue>
  <SelectorUnitString>{unit}</SelectorUnitString></ImageFormingSystem>
</TemReporter>"""


@pytest.mark.parametrize(
    ("eos", "mode", "value", "unit", "pixel_size"),
    [
        ("eosTEM", "MAG", "500000", "X", 25.4e6 / 1000 / 500000),
        ("eosTEM", "DIFF", "800", "mm", None),
        ("eosASID", "MAG", "500000", "X", None),
        ("eosTEM", "MAG", "", "X", None),
        ("eosTEM", "MAG", "0", "X", None),
    ],
)
def test_jeol(eos, mode, value, unit, pixel_size, tmp_path):
    text = JEOL.format(eos=eos, mode=mode, value=value, unit=unit)
    tags = {271: (TEXT, b"JEOL Ltd.\0")}
    options = {"description": text, "resolution": (1000, 1000), "resolutionunit": 2}
    m = read(save(tmp_path / "a.tif", tags=tags, **options))
    assert m.pixel_size == (pixel_size and pytest.approx(pixel_size))


@pytest.mark.parametrize(
    ("text", "encoding", "pixel_size"),
    [
        ("[SemImageFile]\r\nPixelSize=24.8\r\nDataSize=32x24\r\n", "ascii", 24.8),
        ("[TemImageFile]\r\nPixelSize=0.48\r\n", "utf-16", 0.48),
        ("[SemImageFile]\r\nDataSize=1280x960\r\nPixelSize=24.8\r\n", "utf-8-sig", None),
        ("[SemImageFile]\r\nDate=1\r\n", "ascii", None),
        ("notes\r\nPixelSize=24.8\r\n", "ascii", None),
    ],
    ids=["SEM", "TEM", "of another size", "without", "another text"],
)
def test_hitachi_writes_a_text_beside_the_image(text, encoding, pixel_size, tmp_path):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read(save(tmp_path / "a.tif")).pixel_size == pixel_size


@pytest.mark.parametrize("rest", ["\n" * 65_000, "a" + " " * 65_000, "a= " + "\t" * 65_000 + "b"])
def test_no_text_beside_the_image_takes_long(rest, tmp_path):
    (tmp_path / "a.txt").write_text(f"[SemImageFile]\nPixelSize=24.8\n{rest}")
    began = time.perf_counter()
    assert read(save(tmp_path / "a.tif")).pixel_size == 24.8
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("name", ["a.hdr", "a-tif.hdr"])
def test_tescan_writes_a_text_beside_the_image(name, tmp_path):
    (tmp_path / name).write_text("[MAIN]\nPixelSizeX=2.5e-9\nPixelSizeY=2.5e-9\n")
    assert read(save(tmp_path / "a.tif")).pixel_size == pytest.approx(2.5)


def test_tags_go_before_a_text_beside_the_image(tmp_path):
    (tmp_path / "a.txt").write_text("[SemImageFile]\nPixelSize=24.8\n")
    tags = gatan((0.1, "nm"), (0.1, "nm"))
    assert read(save(tmp_path / "a.tif", tags=tags)).pixel_size == 0.1


def test_exact_tags_go_before_the_rounded_ones_of_imagej(tmp_path):
    """HyperSpy writes both; the resolution of ImageJ has a scale of 6.1 pm as 6e-06 µm."""
    tags = gatan((6.1e-6, "µm"), (6.1e-6, "µm"))
    options = {"description": "ImageJ=1.11a\nunit=micron\n", "resolution": (166666, 166666)}
    m = read(save(tmp_path / "a.tif", tags=tags, **options))
    assert m.pixel_size == pytest.approx(0.0061)


@pytest.mark.parametrize(
    ("step", "frame_time"), [((2.5, "s"), 2.5), ((40.0, "ms"), 0.04), ((2.5, "nm"), None)]
)
def test_time_step_of_gatan_stacks(step, frame_time, tmp_path):
    tags = gatan((0.1, "nm"), (0.1, "nm"), step)
    stack = np.stack([IMAGE] * 5).astype(np.float32)
    m = read(save(tmp_path / "a.tif", stack, tags))
    assert (m.shape, m.frame_time) == (stack.shape, frame_time)
    assert read(save(tmp_path / "b.tif", stack[0], tags)).frame_time is None


def marked(table):
    """As Zeiss: every ninth colour is for what is drawn upon the image."""
    table = table.copy()
    table[:, 9:240:9] = np.random.default_rng(0).integers(0, 65536, (3, 26))
    return table


@pytest.mark.parametrize(
    "table", [RAMP, RAMP[:, ::-1], marked(RAMP)], ids=["ramp", "inverted", "with marks"]
)
def test_grey_values_with_a_table_come_as_stored(table, tmp_path):
    m = read(save(tmp_path / "a.tif", photometric="palette", colormap=table))
    np.testing.assert_array_equal(m.data, IMAGE)


def test_imagej_shows_values_by_any_table(tmp_path):
    fire = np.random.default_rng(0).integers(0, 65536, (3, 256)).astype(np.uint16)
    options = {"photometric": "palette", "colormap": fire, "description": "ImageJ=1.54f\n"}
    np.testing.assert_array_equal(read(save(tmp_path / "a.tif", **options)).data, IMAGE)


def few_colours():
    table = np.zeros((3, 256), np.uint16)
    table[:, :16] = np.random.default_rng(0).integers(0, 65536, (3, 16))
    table[:, 16:20] = np.arange(4) * 20000
    return table


@pytest.mark.parametrize(
    "table",
    [few_colours(), np.random.default_rng(0).permutation(RAMP.T).T],
    ids=["few colours", "greys out of order"],
)
def test_pictures_of_a_table_of_colours_are_refused(table, tmp_path):
    path = save(tmp_path / "a.tif", photometric="palette", colormap=table)
    with pytest.raises(SBDError, match="colour"):
        read(path)


def series(path, *images):
    with tifffile.TiffWriter(path) as file:
        for image, options in images:
            kind = "rgb" if image.ndim == 3 else "minisblack"
            file.write(image, photometric=kind, metadata=None, **options)
    return path


RGB = np.zeros((24, 32, 3), np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        [(RGB, {}), (IMAGE.astype(np.uint16), {})],
        [(IMAGE.astype(np.uint16), {}), (RGB, {"compression": "jpeg"})],
        [(IMAGE[::-1], {}), (IMAGE.astype(np.uint16), {})],
        [(np.zeros((64, 64), np.uint16), {"subfiletype": 1}), (IMAGE.astype(np.uint16), {})],
        [(np.zeros((64, 64), bool), {"subfiletype": 4}), (IMAGE.astype(np.uint16), {})],
    ],
    ids=["colour first", "colour last", "8 bits first", "reduced", "mask"],
)
def test_the_detector_image_is_read_and_no_preview(images, tmp_path):
    m = read(series(tmp_path / "a.tif", *images))
    assert m.data.dtype == np.uint16
    np.testing.assert_array_equal(m.data, IMAGE)


def test_a_grey_thumbnail_does_not_stand_for_a_colour_picture(tmp_path):
    path = series(tmp_path / "a.tif", (RGB, {}), (IMAGE[::2, ::2], {}))
    with pytest.raises(SBDError, match="colour"):
        read(path)


def entries(raw):
    """Place and fields of each entry in the first directory of a little-endian file."""
    (start,) = struct.unpack_from("<I", raw, 4)
    (count,) = struct.unpack_from("<H", raw, start)
    places = [start + 2 + 12 * i for i in range(count)]
    return {struct.unpack_from("<H", raw, p)[0]: p for p in places}


@pytest.mark.parametrize("code", [34118, 37706, 65009, 50431, 305])
@pytest.mark.parametrize(("field", "value"), [(8, 2**31), (4, 2**30), (2, 77)])
def test_a_damaged_private_tag_leaves_the_image(code, field, value, tmp_path):
    """Its value lies outside the file, is longer than the file, or of a type that is none."""
    kind = (DOUBLE, 0.25) if code == 65009 else (TEXT, b"text of a program\0")
    path = save(tmp_path / "a.tif", tags={} if code == 305 else {code: kind}, software="text")
    raw = bytearray(path.read_bytes())
    form = "<H" if field == 2 else "<I"
    struct.pack_into(form, raw, entries(raw)[code] + field, value)
    path.write_bytes(raw)
    m = read(path)
    np.testing.assert_array_equal(m.data, IMAGE)
    assert m.pixel_size is None


@pytest.mark.parametrize(
    ("code", "field", "value", "said"),
    [
        (258, 8, 3856, "does not say in numbers"),  # bits of a value, not one number for all
        (258, 4, 2, "does not say in numbers"),
        (279, 2, 2, "does not say in numbers"),  # bytes of a strip, as text
        (262, 8, 77, "colour|damaged|grey"),  # what brightness means
        (339, 8, 99, "it is damaged"),  # the kind of number
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_movie_whose_first_page_is_damaged_is_refused_in_a_sentence(
    code, field, value, said, tmp_path
):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.arange(3 * 24 * 32, dtype=np.int16).reshape(3, 24, 32))
    raw = bytearray(path.read_bytes())
    struct.pack_into("<H", raw, entries(raw)[code] + field, value)
    path.write_bytes(raw)
    with pytest.raises(SBDError, match=said):
        read(path)


@pytest.mark.parametrize("code", [273, 279, 282, 270])
def test_a_damaged_tag_of_the_image_itself_is_refused(code, tmp_path):
    options = {
        "rowsperstrip": 4,
        "resolution": (3e7, 3e7),
        "description": "ImageJ=1.54f\nunit=nm\n",
    }
    path = save(tmp_path / "a.tif", **options)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, entries(raw)[code] + 8, 2**31)
    path.write_bytes(raw)
    with pytest.raises(SBDError):
        read(path)


def packed(values, bits):
    """Rows of values of so many bits, the highest first; rows begin at a byte."""
    digits = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(digits.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def few_bits(path, values, bits):
    pixels = packed(values, bits)
    height, width = values.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(pixels))]
    directory = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels
    path.write_bytes(head + struct.pack("<H", len(tags)) + directory + bytes(4))
    return path


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
def test_packed_bits(bits, tmp_path):
    """As cameras of 12 bits and counting ones of 4 write them."""
    values = np.random.default_rng(0).integers(0, 2**bits, (23, 31))
    np.testing.assert_array_equal(read(few_bits(tmp_path / "a.tif", values, bits)).data, values)


def test_without_imagecodecs_the_advice_is_right(tmp_path):
    few_bits(tmp_path / "bits.tif", np.ones((8, 8), int), 12)
    save(tmp_path / "zstd.tif", compression="zstd")
    save(tmp_path / "lzw.tif", compression="lzw")
    code = """
import sys
import time
sys.modules["imagecodecs"] = None
import napari_sbd
for name in ("bits", "zstd", "lzw"):
    try:
        napari_sbd.read(f"{sys.argv[1]}/{name}.tif")
    except napari_sbd.SBDError as err:
        print(err)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert ["12 bits" in lines[0], "ZSTD" in lines[1], "LZW" in lines[2]] == [True] * 3
    assert all("pip install imagecodecs" in line for line in lines)


@pytest.mark.parametrize("compression", ["zstd", "lzw", "lzma", "packbits", "deflate"])
@pytest.mark.parametrize("options", [{}, {"predictor": True}], ids=["plain", "predictor"])
def test_compressions(compression, options, tmp_path):
    if compression == "packbits" and options:
        pytest.skip("no predictor with PackBits")
    data = IMAGE.astype(np.uint16) * 300
    path = save(tmp_path / "a.tif", data, compression=compression, **options)
    np.testing.assert_array_equal(read(path).data, data)


def test_pixels_that_cannot_be_unpacked_are_named(tmp_path):
    path = save(tmp_path / "a.tif", compression="zstd")
    raw = bytearray(path.read_bytes())
    magic = raw.index(b"\x28\xb5\x2f\xfd")
    raw[magic : magic + 4] = b"none"
    path.write_bytes(raw)
    with pytest.raises(SBDError, match="cannot be unpacked"):
        read(path)


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_ome_images_the_largest_has_its_own_calibration(order, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        for size, step in [(16, 3.0), (24, 2.0), (8, 1.0)][::order]:
            fields = {"axes": "YX", "PhysicalSizeX": step, "PhysicalSizeXUnit": "nm"}
            fields |= {"PhysicalSizeY": step, "PhysicalSizeYUnit": "nm"}
            file.write(IMAGE[:size], photometric="minisblack", metadata=fields)
    m = read(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(m.data, IMAGE)
    assert m.pixel_size == 2.0


CHANNELS = {
    "OME CYX": ({"ome": True, "metadata": {"axes": "CYX"}}, (2, 24, 32)),
    "OME TCYX": ({"ome": True, "metadata": {"axes": "TCYX"}}, (3, 2, 24, 32)),
    "ImageJ": ({"imagej": True, "metadata": {"axes": "CYX"}}, (2, 24, 32)),
    "ImageJ composite": (
        {"imagej": True, "metadata": {"axes": "CYX", "mode": "composite"}},
        (4, 24, 32),
    ),
    "shaped": ({"metadata": {"axes": "CYX"}}, (5, 24, 32)),
}


@pytest.mark.parametrize("kind", CHANNELS)
def test_channels_are_no_frames(kind, tmp_path):
    options, shape = CHANNELS[kind]
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, np.uint16), **options)
    with pytest.raises(SBDError, match=r"\d channels"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "CTYX", "IYX", "QYX"])
def test_other_first_axes_are_frames(axes, tmp_path):
    stack = np.stack([IMAGE, IMAGE + 1]).reshape(*[1] * (len(axes) - 3), 2, *IMAGE.shape)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", metadata={"axes": axes})
    np.testing.assert_array_equal(read(tmp_path / "a.tif").data, stack.reshape(2, *IMAGE.shape))


HUGE = 2**31 - 1


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
@pytest.mark.parametrize(
    "claims", [{256: HUGE, 257: HUGE}, {257: HUGE}, {257: 10**5}, {256: 10**6}, {278: 1}, {277: 9}]
)
def test_claims_of_more_pixels_than_there_are_end_at_once(claims, compression, tmp_path):
    path = save(tmp_path / "a.tif", compression=compression)
    raw = bytearray(path.read_bytes())
    for code, value in claims.items():
        struct.pack_into("<HII", raw, entries(raw)[code] + 2, 4, 1, value)
    path.write_bytes(raw)
    begun = time.perf_counter()
    with pytest.raises(SBDError):
        read(path)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("after", [b"", b"\x08\0\0\0", b"\x08\0\0\0\0\0" + bytes(4)])
def test_files_without_pages_are_refused(after, tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0" + after)
    with pytest.raises(SBDError):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("back_to", [0, 1, 2])
def test_pages_in_a_circle_are_refused(back_to, tmp_path):
    path = series(tmp_path / "a.tif", (IMAGE, {}), (IMAGE + 1, {}), (IMAGE + 2, {}))
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        offsets = [page.offset for page in file.pages]
        place = file.pages.next_page_offset
    struct.pack_into("<I", raw, place, offsets[back_to])
    path.write_bytes(raw)
    code = "import sys, napari_sbd; napari_sbd.read(sys.argv[1])"
    command = [sys.executable, "-c", code, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "circle" in run.stderr


@pytest.mark.parametrize("size", [0.0061, 0.0123, 0.03, 0.05, 0.02, 3.0, (0.0061, 0.0123)])
def test_programs_that_know_no_ome_read_the_pixel_size_from_the_resolution(tmp_path, size):
    write(Micrograph(np.ones((16, 16), np.float32), size), tmp_path / "image.ome.tif")
    with tifffile.TiffFile(tmp_path / "image.ome.tif") as file:
        tags = file.pages[0].tags
        per_cm = [tags[f"{axis}Resolution"].value for axis in "YX"]
    assert tags["ResolutionUnit"].value == 3
    stored = [1e7 * below / above for above, below in per_cm]
    np.testing.assert_allclose(stored, np.broadcast_to(size, 2), rtol=1e-6)


def test_a_second_image_of_the_same_kind_is_told(tmp_path, counts):
    """The first was read, and nothing said that there is another; fewer bits are a preview."""
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(counts.astype(np.uint16), metadata=None, compression="lzw")
        file.write(counts.astype(np.uint16) * 2, metadata=None)
    with pytest.warns(UserWarning, match="1 more image of the size of the first"):
        np.testing.assert_array_equal(read(path).data, counts)
    with tifffile.TiffWriter(path) as file:
        file.write(counts.astype(np.uint8), metadata=None)
        file.write(counts.astype(np.uint16), metadata=None)
    assert read(path).data.dtype == np.uint16


def test_images_beside_the_frames_of_a_movie_are_named(tmp_path):
    """tifffile makes a series of its own of pages that are stored otherwise."""
    movie = np.random.default_rng(0).poisson(9, (5, 32, 40)).astype(np.uint16)
    path = tmp_path / "mixed.tif"
    with tifffile.TiffWriter(path) as file:
        for number, frame in enumerate(movie):
            kind = "zlib" if number % 2 else None
            file.write(frame, photometric="minisblack", metadata=None, compression=kind)
    with pytest.warns(UserWarning, match="2 more images of the size of the 3 frames"):
        m = read(path)
    np.testing.assert_array_equal(m.data, movie[::2])
