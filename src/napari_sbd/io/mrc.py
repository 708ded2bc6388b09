"""MRC images and image stacks; the voxel size is in Å, our record in the extended header."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import replacing
from ..micrograph import Micrograph
from . import record
from .acquisition import facts, frame_time
from .arrays import check_length, frames, map_array, stack_frames, storable
from .mrc_extended import detector, images
from .mrc_header import HEADER_BYTES, OUR_TYPE, Values, is_default, parse, pixel_size, values
from .raw_frames import RawFrames
from .record import plain

_MODES = {"int8": 0, "int16": 1, "uint16": 6, "float32": 2}
_COMPRESSED = {".gz": "gzip", ".bz2": "bz2"}
_UNUSED = 128  # bytes before our record: some readers look there for the pixel size of FEI


def read(path: Path) -> Micrograph:
    """Read an image (Y, X) or a stack (T, Y, X); memory-mapped when large.

    Compressed files are read into memory.

    Raises
    ------
    SBDError
        If it holds volumes, colours or complex values, or ends too early.
    """
    with _open(path) as file:
        header = parse(file.read(HEADER_BYTES))
        extended = file.read(int(header["nsymbt"]))
        kind = values(header)
        if path.suffix.lower() in _COMPRESSED:
            data = _from_stream(file, kind)
        else:
            data = _from_file(path, kind, HEADER_BYTES + int(header["nsymbt"]))
    fields = {name: plain(header[name]) for name in header.dtype.names or ()}
    told = facts(images(header, extended), len(data))
    m = Micrograph(
        data[0] if len(data) == 1 else data,
        pixel_size=pixel_size(header, extended),
        frame_time=frame_time(told),
        metadata={"mrc": {**fields, "detector": detector(header, extended)}, **told},
    )
    return with_record(m, header, extended)


def with_record(m: Micrograph, header: Any, extended: bytes) -> Micrograph:
    """What is read of a file with what our record in its extended header says beside it."""
    return record.restore(m, extended.strip(b"\0") if header["exttyp"] == OUR_TYPE else None)


def _open(path: Path) -> Any:
    module = _COMPRESSED.get(path.suffix.lower())
    return import_module(module).open(path) if module else path.open("rb")


def _from_file(path: Path, kind: Values, offset: int) -> Any:
    if not kind.packed:
        return map_array(path, kind.dtype, kind.shape, offset)
    check_length(path, offset + math.prod(kind.stored_shape))
    rows = RawFrames(path, offset, kind.stored_shape[1:], kind.dtype)
    return stack_frames(
        lambda i: _unpacked(rows[i], kind.shape[2]), kind.shape[0], kind.shape[1:], kind.dtype
    )


def _from_stream(file: Any, kind: Values) -> np.ndarray:
    wanted = math.prod(kind.stored_shape) * kind.dtype.itemsize
    raw = file.read(wanted)
    if len(raw) < wanted:
        raise SBDError("the file is cut short; copy it again from the microscope.")
    data = np.frombuffer(raw, kind.dtype).reshape(kind.stored_shape)
    data = data.astype(kind.dtype.newbyteorder("="), copy=False)
    return _unpacked(data, kind.shape[2]) if kind.packed else data


def _unpacked(rows: np.ndarray, width: int) -> np.ndarray:
    """4-bit values (..., width) of whole bytes; the low half of a byte is the left pixel."""
    pairs = np.stack((rows & 15, rows >> 4), axis=-1)
    return pairs.reshape(*rows.shape[:-1], -1)[..., :width]


def write(m: Micrograph, path: Path) -> None:
    """Write an MRC image or image stack, frame by frame.

    Other types than int8, int16, uint16 and float32 are widened, float64 rounded to float32.

    Raises
    ------
    SBDError
        If no type of MRC holds the values.
    """
    dtype = storable(m.data, list(_MODES), "MRC")
    # Validators accept only the extended headers that they know, so none without need; in ours
    # 1 Å per pixel is a calibration.
    size = m.pixel_size_yx
    needed = record.is_needed(m) or (size is not None and is_default(size))
    extended = _extended(m) if needed else b""
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
        header = parse(file.read(HEADER_BYTES))
    kind = values(header)
    return RawFrames(path, HEADER_BYTES + int(header["nsymbt"]), kind.shape[1:], kind.dtype)


def seal(m: Micrograph, path: Path) -> None:
    """Write the record of ``m`` to a file that ``allocate`` made with room for it."""
    room = open_frames(path).offset - HEADER_BYTES
    with path.open("rb+") as file:
        file.seek(HEADER_BYTES)
        file.write(_padded(m).ljust(room, b"\0"))


def _extended(m: Micrograph, room: int = 0) -> bytes:
    """The record in an extended header of whole blocks."""
    text = _padded(m)
    return text.ljust(-(-(len(text) + room) // HEADER_BYTES) * HEADER_BYTES, b"\0")


def _padded(m: Micrograph) -> bytes:
    return bytes(_UNUSED) + record.dumps(m).encode()


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
    header["exttyp"] = OUR_TYPE if extended_bytes else b""
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
