"""Physical units: lengths in nm, times in s, everything else not calibrated."""

from __future__ import annotations

import math
import re
from typing import Any

from .errors import SBDError

_NM = {
    "m": 1e9,
    "meter": 1e9,
    "metre": 1e9,
    "inch": 2.54e7,
    "in": 2.54e7,
    "cm": 1e7,
    "centimeter": 1e7,
    "centimetre": 1e7,
    "mm": 1e6,
    "millimeter": 1e6,
    "millimetre": 1e6,
    "um": 1e3,
    "μm": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "a": 0.1,
    "å": 0.1,
    "ang": 0.1,
    "angstrom": 0.1,
    "ångström": 0.1,
    "angström": 0.1,
    "pm": 1e-3,
    "picometer": 1e-3,
    "picometre": 1e-3,
}
# Resolutions of whole micrometres are those of a printer, not of a microscope.
_PRINTER_NM = 1000.0
_SENSOR_NM = 1000.0  # pixels as large as this are those of the silicon: Falcon's measure 14 µm
_SECONDS = {
    "h": 3600.0,
    "hour": 3600.0,
    "min": 60.0,
    "minute": 60.0,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "microsecond": 1e-6,
    "nanosecond": 1e-9,
    "us": 1e-6,
    "μs": 1e-6,
    "ns": 1e-9,
}
_UNIT = re.compile(r"(.*\d[.,]?)\s*([^\W\d_]+)")  # a number, and letters behind it
_PER_PIXEL = re.compile(r"\s*(/|per)\s*(px|pixel)\s*$")  # as programs write behind the unit
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+")


def to_nm(value: Any, unit: Any) -> float | None:
    """Convert a length to nm; None if it is no length, reciprocal, zero or not finite."""
    return _convert(value, unit, _NM)


def to_seconds(value: Any, unit: Any) -> float | None:
    """Convert a duration to s; None if it is no duration, zero or not finite."""
    return _convert(value, unit, _SECONDS)


def no_printers(nm: float | None, unit: Any) -> float | None:
    """A pixel size [nm], unless it is told in inches or centimetres and is that of a printer."""
    coarse = to_nm(1, unit) in (_NM["inch"], _NM["cm"])
    return None if coarse and nm is not None and nm >= _PRINTER_NM else nm


def pixel_size_nm(y: Any, y_unit: Any, x: Any, x_unit: Any) -> tuple[float, float] | None:
    """Pixel size ``(y, x)`` in nm, or None unless both axes are lengths."""
    sizes = to_nm(y, y_unit), to_nm(x, x_unit)
    return None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1])


def no_sensors(size: tuple[float, float] | None) -> tuple[float, float] | None:
    """Pixel size ``(y, x)`` in nm, or None where it is that of the camera's own silicon."""
    return size if size and max(size) < _SENSOR_NM else None


def _convert(value: Any, unit: Any, table: dict[str, float]) -> float | None:
    factor = table.get(_spelling(unit))
    try:
        number = abs(float(decimal(value)))
    except (TypeError, ValueError):
        return None
    if factor is None or number == 0 or not math.isfinite(number):
        return None
    # Division by whole numbers keeps 2 pm at 0.002 nm exactly.
    return number * factor if factor >= 1 else number / round(1 / factor)


def decimal(value: Any) -> Any:
    """A number as text with a decimal point, also where its writer's language has a comma."""
    if isinstance(value, str) and value.count(",") == 1 and "." not in value:
        return value.replace(",", ".")
    return value


def _spelling(unit: Any) -> str:
    text = _decoded(unit) if isinstance(unit, bytes) else str(unit)
    # ImageJ writes letters beyond ASCII so, \\u00B5m and \\u00C5
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)
    text = text.strip("[]() \0").replace("_", "").casefold()
    return text[:-1] if len(text) > 3 and text.endswith("s") else text


def _decoded(unit: bytes) -> str:
    """As UTF-8, else as programs for Windows and most of Europe write, where µ is a byte."""
    try:
        return unit.decode("utf-8")
    except UnicodeDecodeError:
        return unit.decode("latin-1")


def plain(value: float, digits: int = 3) -> str:
    """A number to some digits, without a power of ten where people write none: ``1,690``, ``0.02``.

    Parameters
    ----------
    value
        Any number.
    digits
        That count.
    """
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text and abs(value) < 1e7 else text


def number_of(count: int, what: str) -> str:
    """A number of things, of which one is no several: ``1 column``, ``12 columns``.

    Parameters
    ----------
    count
        How many.
    what
        The word for one of them, whose plural has an s more.
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def with_error(value: float, error: float) -> str:
    """A value with its error, both to the second digit of the error: ``0.39905 ± 0.00029``.

    Parameters
    ----------
    value, error
        In the same unit; an error that is unknown or next to 0 leaves the value, to five digits.
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 1e-9 * abs(value)):
        return f"{value:.5g}"
    last = math.floor(math.log10(float(f"{error:.1e}"))) - 1  # power of ten of the last digit
    if last > 2 or last < (-8 if abs(value) < 1e-3 else -12):
        digits = max(math.floor(math.log10(abs(value) or error)) - last, 0)
        return f"{value:.{digits}e} ± {error:.1e}"
    places = max(-last, 0)
    return f"{round(value, -last):.{places}f} ± {round(error, -last):.{places}f}"


def parse_pixel_size(text: str) -> float | tuple[float, float] | None:
    """A pixel size [nm] as a person types it: one number, or two, y x x; None when empty.

    A unit that stands behind holds for both, and may be one per pixel.

    Raises
    ------
    SBDError
        If the text is no number, and no two numbers.
    """
    words, unit = _with_unit(_PER_PIXEL.sub("", text))
    parts = [
        parse_length(f"{part} {unit}".strip(), "pixel size") for part in re.split("[x×]", words)
    ]
    if len(parts) == 1:
        return parts[0]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        raise SBDError(f'"{text}" is no pixel size; type one number in nm, or two: 0.006 x 0.012.')
    return parts[0], parts[1]


def parse_length(text: str, what: str) -> float | None:
    """A length in nm, or in the unit that stands behind it; None when empty.

    Raises
    ------
    SBDError
        If the text is no number, or the unit that of no length.
    """
    words, unit = _with_unit(text)
    value = parse_number(words, what)
    factor = to_nm(1, unit or "nm")
    if value is None or factor is None:
        if unit:
            raise SBDError(f'"{text.strip()}" is no length; type the {what} in nm, as in 0.0061.')
        return None
    return float(f"{value * factor:.12g}") if unit else value  # 6.1 pm are 0.0061 nm


def parse_number(text: str, what: str) -> float | None:
    """A number with decimal point or comma; None when empty.

    Raises
    ------
    SBDError
        If the text is no number, or one or another, as 12,000 is.
    """
    if _THOUSANDS.fullmatch(text.strip()):
        raise SBDError(
            f'"{text}" may have a decimal comma or not; type the {what} without a comma.'
        )
    try:
        value = float(text.replace(",", ".")) if text.strip() else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise SBDError(f'"{text}" is no number; type the {what} as in 0.0061.')
    return value


def _with_unit(text: str) -> tuple[str, str]:
    """A text, and the unit behind its last digit."""
    found = _UNIT.fullmatch(text.strip())
    return (found[1], found[2]) if found else (text, "")
