"""MRC images and image stacks; the voxel size is in Å, our record in the extended header."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import replacing
from ..micrograph import Micrograph
from . import record
from .arrays import frames, map_array, storable
from .raw_frames import RawFrames
from .record import plain
from .units import pixel_size_nm

_MODES = {"int8": 0, "int16": 1, "uint16": 6, "float32": 2}
_TYPES = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
_VOLUME_STACK = 401  # space group
_HEADER_BYTES = 1024
_OUR_TYPE = b"SBD1"


def read(path: Path) -> Micrograph:
    """Read an image (Y, X) or a stack (T, Y, X); memory-mapped when large."""
    with path.open("rb") as file:
        order, header = _read_header(file.read(_HEADER_BYTES))
        ours = header["exttyp"] == _OUR_TYPE
        extended = file.read(int(header["nsymbt"])).rstrip(b"\0") if ours else None
    if header["ispg"] >= _VOLUME_STACK:
        raise SBDError("it holds a stack of volumes; give an image or an image stack.")
    dtype = np.dtype(order + _TYPES[int(header["mode"])])
    shape = tuple(int(header[n]) for n in ("nz", "ny", "nx"))
    data = map_array(path, dtype, shape, _HEADER_BYTES + int(header["nsymbt"]))
    cell = header["cella"]
    m = Micrograph(
        data[0] if len(data) == 1 else data,
        pixel_size=pixel_size_nm(
            _voxel(cell["y"], header["my"]), "Å", _voxel(cell["x"], header["mx"]), "Å"
        ),
        metadata={"mrc": {name: plain(header[name]) for name in header.dtype.names or ()}},
    )
    return record.restore(m, extended)


def write(m: Micrograph, path: Path) -> None:
    """Write an MRC image or image stack, frame by frame.

    Other types than int8, int16, uint16 and float32 are widened, float64 rounded to float32.

    Raises
    ------
    SBDError
        If no type of MRC holds the values.
    """
    dtype = storable(m.data, list(_MODES), "MRC")
    # Validators accept only the extended headers that they know, so none without need.
    extended = _extended(m) if record.is_needed(m) else b""
    header = _header(m, _MODES[dtype.name], len(extended))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header.tobytes() + extended)
        statistics = _Statistics()
        for frame in frames(m.data):
            statistics.add(frame)
            frame.astype(dtype, copy=False).tofile(file)
        statistics.put(header)
        file.seek(0)
        file.write(header.tobytes())


def allocate(m: Micrograph, path: Path, room: int) -> None:
    """Make a float32 file for movies like ``m``, no frame written yet.

    Parameters
    ----------
    m
        Gives shape and calibration.
    path
        A new file.
    room
        Bytes by which the record may still grow.
    """
    extended = _extended(m, room)
    header = _header(m, _MODES["float32"], len(extended))
    # What MRC2014 asks of statistics that are not known.
    header["dmin"], header["dmax"], header["dmean"], header["rms"] = 0, -1, -2, -1
    with path.open("xb") as file:
        file.write(header.tobytes() + extended)
        file.truncate(file.tell() + m.data.size * 4)


def open_frames(path: Path) -> RawFrames:
    """The frames of a file that ``allocate`` made, to be written and read by number."""
    with path.open("rb") as file:
        order, header = _read_header(file.read(_HEADER_BYTES))
    shape = int(header["ny"]), int(header["nx"])
    return RawFrames(path, _HEADER_BYTES + int(header["nsymbt"]), shape, np.dtype(order + "f4"))


def seal(m: Micrograph, path: Path) -> None:
    """Write the record of ``m`` to a file that ``allocate`` made with room for it."""
    room = open_frames(path).offset - _HEADER_BYTES
    with path.open("rb+") as file:
        file.seek(_HEADER_BYTES)
        file.write(record.dumps(m).encode().ljust(room, b"\0"))


def _extended(m: Micrograph, room: int = 0) -> bytes:
    """The record in an extended header of whole blocks."""
    text = record.dumps(m).encode()
    return text.ljust(-(-(len(text) + room) // _HEADER_BYTES) * _HEADER_BYTES, b"\0")


def _header(m: Micrograph, mode: int, extended_bytes: int) -> np.ndarray:
    from mrcfile.dtypes import HEADER_DTYPE
    from mrcfile.utils import machine_stamp_from_byte_order

    header = np.zeros((), HEADER_DTYPE)
    *count, height, width = m.shape
    number = count[0] if count else 1
    header["nx"], header["ny"], header["nz"], header["mode"] = width, height, number, mode
    header["mx"], header["my"], header["mz"] = width, height, 1
    if m.pixel_size_yx is not None:
        y, x = (10 * size for size in m.pixel_size_yx)
        header["cella"] = (width * x, height * y, x)
    header["cellb"] = (90, 90, 90)
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["nsymbt"], header["nversion"] = extended_bytes, 20141
    header["exttyp"] = _OUR_TYPE if extended_bytes else b""
    header["map"], header["machst"] = b"MAP ", machine_stamp_from_byte_order()
    header["nlabl"] = 1
    header["label"][0] = b"napari-sbd"
    return header


class _Statistics:
    """Density statistics of the header, frame by frame."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, frame: np.ndarray) -> None:
        values = frame.astype(np.float64)
        self.low, self.high = min(self.low, values.min()), max(self.high, values.max())
        self.count += values.size
        self.total += float(values.sum())
        self.squares += float(np.square(values).sum())

    def put(self, header: np.ndarray) -> None:
        mean = self.total / self.count
        header["dmin"], header["dmax"], header["dmean"] = self.low, self.high, mean
        header["rms"] = math.sqrt(max(self.squares / self.count - mean**2, 0.0))


def _voxel(length: Any, intervals: Any) -> float | None:
    return float(length) / int(intervals) if int(intervals) > 0 else None


def _read_header(raw: bytes) -> tuple[str, np.void]:
    """Byte order and fields; older programs leave the map identifier and machine stamp out."""
    from mrcfile.dtypes import HEADER_DTYPE

    for order in "<>":
        header = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0]
        sizes = min(int(header[n]) for n in ("nx", "ny", "nz"))
        if int(header["mode"]) in _TYPES and sizes > 0 and header["nsymbt"] >= 0:
            return order, header
    raise ValueError("no MRC header")
