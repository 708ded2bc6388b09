"""NumPy files, with the calibration in a JSON file beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..micrograph import Micrograph
from . import record
from .arrays import frames, map_array
from .atomic import replacing

_LAG = 60.0  # s; a sidecar older than its array by more belongs to an earlier array


def read(path: Path) -> Micrograph:
    """Read NAME.npy, and NAME.npy.json where there is one; memory-mapped when large."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, fortran, dtype = header[version](file)
        offset = file.tell()
    if dtype.hasobject:
        raise ValueError("pickled objects")
    order = shape[::-1] if fortran else shape
    data = map_array(path, dtype, order, offset)
    m = Micrograph(data.T if fortran else data)
    sidecar = _sidecar(path)
    newer = sidecar.is_file() and sidecar.stat().st_mtime >= path.stat().st_mtime - _LAG
    return record.restore(m, sidecar.read_text("utf-8")) if newer else m


def write(m: Micrograph, path: Path) -> None:
    """Write NAME.npy, frame by frame, and NAME.npy.json."""
    size = m.pixel_size
    text = record.dumps(m, pixel_size=list(size) if isinstance(size, tuple) else size)
    dtype = m.data.dtype.newbyteorder("=")
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": m.shape,
    }
    with replacing(_sidecar(path)) as sidecar, replacing(path) as array:
        sidecar.write_text(text, "utf-8")
        with array.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for frame in frames(m.data):
                frame.astype(dtype, copy=False).tofile(file)


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")
