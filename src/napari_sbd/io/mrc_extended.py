"""What the extended header of an MRC file says of its images.

Sources: for FEI's newer headers the tables of ``mrcfile.dtypes``, with units and bits as Thermo
Fisher's EPU manual gives them; for the older one FEI's own description of 2011; for Agard's and
SerialEM's the format description of IMOD, and for bits, angles and times its ``extraheader.c``.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 1024 * 128  # bytes of FEI's older extended header, whatever the number of images
_SECTION = 32  # floats of an image in it
_TILT, _EXPOSURE, _PIXEL_SIZE = 0, 8, 11  # places among them; degrees, s, m
_METRES = (1e-13, 1e-3)  # what a pixel of a microscope may measure; others are no lengths

_LEAST = 172  # bytes of an image in the newer headers, as far as its pixel size
_FIELDS = {  # of the newer headers: name, number and bit of the mask that says whether it is set
    "tilt_deg": ("Alpha tilt", 1, 7),
    "dose_per_A2": ("Dose", 1, 6),  # per m²
    "exposure_s": ("Integration time", 2, 16),
    "time_s": ("Timestamp", 1, 0),  # days
    "y": ("Pixel size Y", 1, 15),  # m
    "x": ("Pixel size X", 1, 14),
}
_FACTORS = {"dose_per_A2": 1e-20, "time_s": 86400.0}
_DAYS = 36526.0, 73050.0  # since 30 December 1899, in the years 2000 to 2099
_IN_RADIANS = b"4.4.0.4981"  # version of FEI's program that wrote angles so

_ITEM_BYTES = 2, 6, 4, 2, 2, 4, 2, 4, 2, 4, 2  # of SerialEM, by the bits of its flags
_TILT_BIT, _DOSE_BIT = 0, 5


def pixel_size(header: np.void, extended: bytes) -> tuple[float, float] | None:
    """Pixel size (y, x) [nm] of the first image in an extended header of FEI."""
    newer, older = _newer(header, extended, 1), _older(header, extended)
    if newer is not None and len(newer):
        metres = _field(newer, "y")[0], _field(newer, "x")[0]
    elif older is not None and len(older):
        metres = (older[0, _PIXEL_SIZE],) * 2
    else:
        return None
    low, high = _METRES
    if not all(low < size < high for size in metres):
        return None
    return float(metres[0]) * 1e9, float(metres[1]) * 1e9


def detector(header: np.void, extended: bytes) -> str:
    """Name of the scanning detector of the first image; empty where none is told."""
    newer = _newer(header, extended, 1)
    if newer is None or not len(newer) or not newer["Bitmask 3"][0] >> np.uint32(7) & 1:
        return ""
    return bytes(newer["STEM Detector name"][0]).decode("utf-8", "replace").strip("\0 ")


def images(header: np.void, extended: bytes) -> dict[str, np.ndarray]:
    """What is said of each image, as ``acquisition.facts`` takes it; NaN where it is not set."""
    count = int(header["nz"])
    newer, older = _newer(header, extended, count), _older(header, extended)
    if newer is not None:
        return {name: _field(newer, name) for name in _FIELDS if name not in ("x", "y")}
    if older is not None:
        return {
            "tilt_deg": _unless_zero(older[:count, _TILT]),
            "exposure_s": older[:count, _EXPOSURE],
        }
    return _serialem(header, extended, count) or _agard(header, extended, count)


def _newer(header: np.void, extended: bytes, count: int) -> np.ndarray | None:
    """The table of kind FEI1 or FEI2, in which each image says how long its part is."""
    from mrcfile.dtypes import get_ext_header_dtype

    order = header.dtype["nx"].byteorder
    kind = get_ext_header_dtype(header["exttyp"], order)
    if kind is None:
        return None
    rows: list[bytes] = []
    place = 0
    while len(rows) < count and place + kind.itemsize <= len(extended):
        (size,) = np.frombuffer(extended, f"{order}i4", 1, place)
        step = int(size) if _LEAST <= size <= len(extended) - place else kind.itemsize
        rows.append(extended[place : place + step][: kind.itemsize].ljust(kind.itemsize, b"\0"))
        place += step
    return np.frombuffer(b"".join(rows), kind)


def _field(table: np.ndarray, name: str) -> np.ndarray:
    """A field of the newer headers; NaN where masks are there and say that it is not set."""
    field, mask, bit = _FIELDS[name]
    values = table[field].astype(np.float64)
    if name == "time_s":
        values = np.where((_DAYS[0] < values) & (values < _DAYS[1]), values, np.nan)
    if name == "tilt_deg":
        in_radians = table["Application version"] == _IN_RADIANS
        values = np.where(in_radians, np.degrees(values), values)
    values = values * _FACTORS.get(name, 1.0)
    without_masks = table["Bitmask 1"] == 0
    is_set = (table[f"Bitmask {mask}"] >> np.uint32(bit)) & 1 == 1
    return np.where(without_masks, _unless_zero(values), np.where(is_set, values, np.nan))


def _older(header: np.void, extended: bytes) -> np.ndarray | None:
    """Floats of each image in FEI's extended header of before MRC2014, which gave it no type."""
    nobody = not header["exttyp"].strip(b"\0 ") or header["exttyp"] == b"AGAR"
    named = header["label"][0].strip().lower().startswith(b"fei ")
    if not (nobody and (named or header["nsymbt"] == _BLOCK)):
        return None
    return _floats(header, extended, _SECTION)


def _agard(header: np.void, extended: bytes, count: int) -> dict[str, np.ndarray]:
    """Of each image some integers, then floats of which the first is the tilt."""
    integers, floats = _shorts(header)
    if header["exttyp"] != b"AGAR" or integers < 0 or floats < 1:
        return {}
    tilts = _floats(header, extended, integers + floats)[:count, integers]
    return {"tilt_deg": _unless_zero(tilts)}


def _serialem(header: np.void, extended: bytes, count: int) -> dict[str, np.ndarray]:
    """Of each image those items, in whole numbers of 16 bits, whose flags are set."""
    size, flags = _shorts(header)
    taken = [bytes_ if flags >> bit & 1 else 0 for bit, bytes_ in enumerate(_ITEM_BYTES)]
    known = header["exttyp"].strip(b"\0 ") in (b"", b"SERI")
    if not known or size < 1 or flags < 1 or sum(taken) != size:
        return {}
    order = header.dtype["nx"].byteorder
    rows = np.frombuffer(extended, f"{order}i2", len(extended) // size * (size // 2))
    rows = rows.reshape(-1, size // 2)[:count].astype(np.int64)
    told = {}
    if taken[_TILT_BIT]:
        told["tilt_deg"] = rows[:, 0] / 100
    if taken[_DOSE_BIT]:
        place = sum(taken[:_DOSE_BIT]) // 2
        told["dose_per_A2"] = _from_shorts(rows[:, place], rows[:, place + 1])
    return told


def _from_shorts(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Floats of SerialEM: 24 bits of a number in both, and its power of two in the second."""
    exponent, rest = np.divmod(abs(second), 256)
    number = np.where(first < 0, -1.0, 1.0) * (abs(first) * 256 + rest)
    return np.asarray(np.ldexp(number, np.sign(second) * exponent))


def _shorts(header: np.void) -> tuple[int, int]:
    """Integers and floats, or bytes and flags, of an image in the extended header."""
    numbers = np.frombuffer(bytes(header["extra2"]), f"{header.dtype['nx'].byteorder}i2")
    return int(numbers[8]), int(numbers[9])


def _floats(header: np.void, extended: bytes, per_image: int) -> np.ndarray:
    order = header.dtype["nx"].byteorder
    count = len(extended) // (4 * per_image) * per_image
    return np.frombuffer(extended, f"{order}f4", count).reshape(-1, per_image).astype(np.float64)


def _unless_zero(values: np.ndarray) -> np.ndarray:
    """Values of which nothing says whether they were set: zeros in all images are not."""
    return values if np.any(values) else np.full(len(values), np.nan)
