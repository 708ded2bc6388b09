"""What microscope software writes into private tags of a TIFF file, or into a text beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..units import pixel_size_nm, to_nm, to_seconds
from .beside import lines
from .record import plain

Size = tuple[float, float]

FEI, FEI_SFEG, ZEISS, TVIPS, OLYMPUS, TESCAN = 34682, 34680, 34118, 37706, 33560, 50431
_NAMES = {FEI: "fei", FEI_SFEG: "fei", ZEISS: "zeiss", TVIPS: "tvips", OLYMPUS: "olympus"}
_DM_UNITS, _DM_SCALES = (65004, 65003), (65010, 65009)  # y, x
_DM_TIME = 65011, 65005

# Zeiss: the fourth unnamed value is the size [m] of the pixels of a picture this wide.
_ZEISS_PIXEL, _ZEISS_WIDTH = 3, 1024
_ZEISS_AGREE = 0.01
_TVIPS_DIFFRACTION = 3
_JEOL_UNITS = {2: "inch", 3: "cm"}
_PRIVATE, _TEXT = range(32768, 65536), (1, 2, 7)  # codes of tags; bytes, characters, anything
_LONGEST_XML, _LONGEST_TEXT = 2**22, 2**16


def pixel_size(page: Any) -> Size | None:
    """Pixel size (y, x) [nm] as tags of the microscope's software give it, or None.

    Parameters
    ----------
    page
        The page of ``tifffile`` that holds the image.
    """
    return next(filter(None, (read(page) for read in _TAGS)), None)


def pixel_size_beside(page: Any, path: Path) -> Size | None:
    """Pixel size (y, x) [nm] in the text that Hitachi or Tescan write beside a picture, or None."""
    hitachi = _text(path.with_suffix(".txt"))
    if re.match(r"\s*\[[ST]emImageFile\]", hitachi):
        fields = lines(hitachi)
        width = re.match(r"\d+", fields.get("DataSize", ""))
        size = to_nm(fields.get("PixelSize", "").removesuffix("nm"), "nm")
        same = width is None or int(width[0]) == page.imagewidth
        return (size, size) if size and same else None
    names = (f"{path.stem}-{path.suffix[1:]}.hdr", f"{path.stem}.hdr")
    return next(filter(None, (_metres(_text(path.with_name(name))) for name in names)), None)


def frame_time(page: Any) -> float | None:
    """Seconds from frame to frame in a stack of DigitalMicrograph, or None."""
    return to_seconds(*(page.tags.valueof(code) for code in _DM_TIME))


def metadata(page: Any) -> dict[str, Any]:
    """What the tags of the vendors say, by vendor."""
    fields = {name: page.tags.valueof(code) for code, name in _NAMES.items() if code in page.tags}
    return {name: plain(value) for name, value in fields.items() if isinstance(value, dict)}


def _digital_micrograph(page: Any) -> Size | None:
    """Gatan DigitalMicrograph: scale and unit of each axis."""
    units, scales = ([page.tags.valueof(code) for code in pair] for pair in (_DM_UNITS, _DM_SCALES))
    return pixel_size_nm(scales[0], units[0], scales[1], units[1])


def _fei(page: Any) -> Size | None:
    """Thermo Fisher (FEI): metres per pixel, or the field of an infrared camera."""
    fields = {**_dict(page, FEI_SFEG), **_dict(page, FEI)}
    scan = fields.get("Scan", {})
    size = pixel_size_nm(scan.get("PixelHeight"), "m", scan.get("PixelWidth"), "m")
    if size or "IRBeam" not in fields:
        return size or _fei_xml(page)
    field, image = fields["IRBeam"], fields.get("Image", {})
    return pixel_size_nm(
        _ratio(field.get("VFW"), image.get("ResolutionY")), "m",
        _ratio(field.get("HFW"), image.get("ResolutionX")), "m",
    )  # fmt: skip


def _fei_xml(page: Any) -> Size | None:
    """Thermo Fisher, newer software: XML in a private tag."""
    for tag in page.tags:
        if tag.code in _PRIVATE and tag.dtype in _TEXT and 0 < tag.count < _LONGEST_XML:
            root = _xml(tag.value)
            if root is not None and root.tag.rpartition("}")[2] == "Metadata":
                sizes = (root.find(f"{{*}}BinaryResult/{{*}}PixelSize/{{*}}{a}") for a in "YX")
                y, x = ((e.text, e.get("unit")) if e is not None else (None, None) for e in sizes)
                return pixel_size_nm(*y, *x)
    return None


def _zeiss(page: Any) -> Size | None:
    """Zeiss SmartSEM: a number of seven digits for a picture of 1024 pixels, or what the named
    field says of this picture where the two are not the same.
    """
    fields = _dict(page, ZEISS)
    unnamed, stated = fields.get("", ()), fields.get("ap_image_pixel_size", ())[1:]
    own = to_nm(*stated) if len(stated) == 2 else None
    exact = to_nm(unnamed[_ZEISS_PIXEL], "m") if len(unnamed) > _ZEISS_PIXEL else None
    if exact is not None:
        exact *= _ZEISS_WIDTH / page.imagewidth
    if own is None or (exact is not None and abs(exact / own - 1) < _ZEISS_AGREE):
        own = exact
    return None if own is None else (own, own)


def _tvips(page: Any) -> Size | None:
    """TVIPS EMMENU, second version of its header: nm per pixel, unless of diffraction."""
    fields = _dict(page, TVIPS)
    if fields.get("TemMode") == _TVIPS_DIFFRACTION:
        return None
    return pixel_size_nm(fields.get("PixelSizeY"), "nm", fields.get("PixelSizeX"), "nm")


def _olympus(page: Any) -> Size | None:
    """Olympus (SIS, EMSIS) iTEM: metres per pixel."""
    fields = _dict(page, OLYMPUS)
    return pixel_size_nm(fields.get("pixelsizey"), "m", fields.get("pixelsizex"), "m")


def _tescan(page: Any) -> Size | None:
    value = page.tags.valueof(TESCAN)
    return _metres(value.decode("latin-1") if isinstance(value, bytes) else str(value or ""))


def _jeol(page: Any) -> Size | None:
    """JEOL TEM Center: the resolution is that of the detector, to be divided by the magnification.

    Only images of the TEM mode say how far they are magnified; a camera length is no calibration.
    """
    if not str(page.tags.valueof("Make") or "").startswith("JEOL"):
        return None
    root = _xml(page.description)
    if root is None:
        return None
    mode, kind, unit = (
        root.findtext(f"{{*}}{where}", "")
        for where in ("Eos/{*}EosMode", "ImageFormingSystem/{*}ModeString",
                      "ImageFormingSystem/{*}SelectorUnitString")
    )  # fmt: skip
    if mode != "eosTEM" or "MAG" not in kind or unit != "X":
        return None
    magnification = root.findtext("{*}ImageFormingSystem/{*}SelectorValue")
    length = _JEOL_UNITS.get(int(page.tags.valueof("ResolutionUnit", 2)))
    tags = (page.tags.valueof(name) for name in ("YResolution", "XResolution"))
    y, x = (_ratio(_ratio(tag[1], tag[0]), magnification) if tag else None for tag in tags)
    return pixel_size_nm(y, length, x, length)


_TAGS: tuple[Callable[[Any], Size | None], ...] = (
    _digital_micrograph,
    _fei,
    _zeiss,
    _tvips,
    _olympus,
    _tescan,
    _jeol,
)


def _metres(text: str) -> Size | None:
    """Pixel size in metres as Tescan writes it."""
    sizes = (re.search(rf"(?<![A-Za-z])PixelSize{axis}\s*=\s*([-+.,\deE]+)", text) for axis in "YX")
    y, x = (found and found[1] for found in sizes)
    return pixel_size_nm(y, "m", x, "m")


def _text(path: Path) -> str:
    """A short text file, in the encodings that microscope software uses; empty if there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LONGEST_TEXT)
    except OSError:
        return ""
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    return raw.decode("utf-16" if wide else "utf-8", "replace").lstrip("\ufeff")


def _dict(page: Any, code: int) -> dict[str, Any]:
    """A tag that tifffile takes apart; empty if it is not there, or damaged."""
    value = page.tags.valueof(code)
    return value if isinstance(value, dict) else {}


def _xml(value: Any) -> ElementTree.Element | None:
    """The value of a tag as XML; None if it is none."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    try:
        return ElementTree.fromstring(text.strip("\0 \r\n\ufeff"))
    except ElementTree.ParseError:
        return None


def _ratio(value: Any, by: Any) -> float | None:
    try:
        return float(value) / float(by)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
