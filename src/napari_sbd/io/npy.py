"""NumPy files, with the calibration in a JSON file beside them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from ..errors import SBDError
from ..files import replacing
from ..micrograph import Micrograph
from . import record
from .arrays import frames, map_array

_BLOCK, _BLOCKS = 2**20, 64  # bytes; larger files are told apart by blocks spread over them


def read(path: Path) -> Micrograph:
    """Read NAME.npy; memory-mapped when large.

    Calibration comes from NAME.npy.json, if that was written for this very array.

    Raises
    ------
    SBDError
        If it holds no numbers.
    """
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, fortran, dtype = header[version](file)
        offset = file.tell()
    if dtype.hasobject:
        raise SBDError("it holds objects of Python and no numbers; save a plain array.")
    order = shape[::-1] if fortran else shape
    data = map_array(path, dtype, order, offset)
    m = Micrograph(data.T if fortran else data)
    sidecar = _sidecar(path)
    text = sidecar.read_text("utf-8") if sidecar.is_file() else None
    fields = record.parse(text)
    own = "crc" in fields and fields["crc"] == _crc(path)
    return record.restore(m, text) if own else m


def write(m: Micrograph, path: Path) -> None:
    """Write NAME.npy, frame by frame, and NAME.npy.json."""
    dtype = m.data.dtype.newbyteorder("=")
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": m.shape,
    }
    with replacing(_sidecar(path)) as sidecar, replacing(path) as array:
        with array.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for frame in frames(m.data):
                frame.astype(dtype, copy=False).tofile(file)
        text = record.dumps(m, pixel_size=m.pixel_size, crc=_crc(array))
        sidecar.write_text(text, "utf-8")


def _crc(path: Path) -> int:
    """CRC-32 of a file; of ``_BLOCKS`` blocks spread over it where it is larger than they are."""
    size = path.stat().st_size
    crc = 0
    with path.open("rb") as file:
        for start in range(0, size, max(_BLOCK, -(-size // _BLOCKS))):
            file.seek(start)
            crc = zlib.crc32(file.read(_BLOCK), crc)
    return crc


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")
