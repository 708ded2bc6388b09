"""What acquisition software writes into a text beside an image or movie.

Sources: SerialEM's help, "File Formats" (``NAME.mrc.mdoc``, Å and s); Direct Electron's DE-Server
(``NAME_info.txt`` beside ``NAME_movie.mrc``), whose lines carry their units.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..errors import warn
from ..micrograph import Micrograph
from ..units import decimal, pixel_size_nm
from .acquisition import KEY, facts

_LONGEST = 2**20
_AGREE = 0.01
_NANOMETRES = "Specimen Pixel Size {} (nanometers)"
_CAMERA_LENGTH = "Instrument Project Camera Length (centimeters)"
_SUMS = ("Autosave Movie - Sum Count", "Autosave Movie Sum Count")
_OF_IMAGES = {"tilt_deg": "TiltAngle", "dose_per_A2": "ExposureDose", "exposure_s": "ExposureTime"}
_BRACKETS = set("[]")
_OF_DE = re.compile(r"_(movie|final|sum)(_\d+)?$")


def with_text(m: Micrograph, path: Path) -> Micrograph:
    """The micrograph with the calibration of the text beside it, where it has none of its own.

    Warns
    -----
    UserWarning
        If the text gives another pixel size than the file.
    """
    for read in (_serialem, _direct_electron):
        if found := read(m, path):
            return _with(m, found, path)
    return m


def _with(m: Micrograph, found: Micrograph, path: Path) -> Micrograph:
    own, said = m.pixel_size_yx, found.pixel_size_yx
    if own and said and not np.allclose(own, said, rtol=_AGREE):
        warn(
            f"{path.name} has pixels of {own[1]:.4g} nm, and the text beside it says "
            f"{said[1]:.4g} nm; {own[1]:.4g} nm is taken. Check it."
        )
    both = {**found.metadata.get(KEY, {}), **m.metadata.get(KEY, {})}
    return m.replace(
        pixel_size=m.pixel_size or found.pixel_size,
        frame_time=m.frame_time or found.frame_time,
        metadata={**m.metadata, **found.metadata, **({KEY: both} if both else {})},
    )


def _serialem(m: Micrograph, path: Path) -> Micrograph | None:
    """The text of SerialEM: what holds for all, and the first section's own."""
    text = _text(path.with_name(f"{path.name}.mdoc"))
    head, *sections = re.split(r"^\[(?!T )", text, flags=re.MULTILINE)
    # the first line of a section is the rest of its name
    fields = lines(head) | (lines(sections[0].partition("\n")[2]) if sections else {})
    if not fields:
        return None
    of_frames = bool(sections) and sections[0].startswith("FrameSet")
    images = [lines(section) for section in sections if section.startswith("ZValue")]
    found = {name: [_number(one.get(key)) for one in images] for name, key in _OF_IMAGES.items()}
    step = _positive(fields.get("PixelSpacing"))
    exposure, count = _positive(fields.get("ExposureTime")), _positive(fields.get("NumSubFrames"))
    told = of_frames and m.is_movie and exposure and count == len(m.data)
    return m.replace(
        pixel_size=pixel_size_nm(step, "Å", step, "Å"),
        frame_time=exposure / count if told and exposure and count else None,
        metadata={"serialem": fields, **facts(found, len(m.data) if m.is_movie else 1)},
    )


def _direct_electron(m: Micrograph, path: Path) -> Micrograph | None:
    """The text of DE-Server: -1 is its word for what it does not know."""
    if not _OF_DE.search(path.stem):
        return None
    fields = lines(_text(path.with_name(f"{_OF_DE.sub('', path.stem)}_info.txt")))
    if not fields:
        return None
    size = None
    if not _positive(fields.get(_CAMERA_LENGTH)):  # else it is diffraction
        y, x = (_positive(fields.get(_NANOMETRES.format(axis))) for axis in "YX")
        size = pixel_size_nm(y, "nm", x, "nm")
    rate = _positive(fields.get("Frames Per Second"))
    summed = next(filter(None, (_positive(fields.get(name)) for name in _SUMS)), 1.0)
    return m.replace(
        pixel_size=size,
        frame_time=summed / rate if rate and m.is_movie else None,
        metadata={"direct_electron": fields},
    )


def lines(text: str) -> dict[str, str]:
    """Names and values of lines with one, but for those of sections, which stand in brackets."""
    pairs = (line.partition("=") for line in text.splitlines())
    found = {name.strip(): value.strip() for name, sign, value in pairs if sign}
    return {name: value for name, value in found.items() if name and not _BRACKETS & set(name)}


def _positive(value: str | None) -> float | None:
    number = _number(value)
    return number if 0 < number < float("inf") else None


def _number(value: str | None) -> float:
    """A number of a text; NaN where it is none."""
    try:
        return float(decimal(value or ""))
    except ValueError:
        return float("nan")


def _text(path: Path) -> str:
    """A text file of a length that such software writes; empty where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""
