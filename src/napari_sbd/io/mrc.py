"""MRC images and image stacks; the voxel size is in Å, our record in the extended header."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from . import record
from .arrays import frames, map_array, storable
from .atomic import replacing
from .record import plain
from .units import pixel_size_nm

_MODES = {"int8": 0, "int16": 1, "uint16": 6, "float32": 2}
_HEADER_BYTES = 1024
_OUR_TYPE = b"SBD1"


def read(path: Path) -> Micrograph:
    """Read an image (Y, X) or a stack (T, Y, X); memory-mapped when large."""
    import mrcfile
    from mrcfile import utils

    with warnings.catch_warnings():
        # Older programs leave the map identifier or the machine stamp out.
        warnings.simplefilter("ignore", RuntimeWarning)
        with mrcfile.open(path, header_only=True, permissive=True) as file:
            header, extended = file.header, file.extended_header
            labels = [str(label) for label in file.get_labels()]
    dtype = utils.data_dtype_from_header(header)
    shape = utils.data_shape_from_header(header)
    if min(int(n) for n in (header.nx, header.ny, header.nz)) < 1 or int(header.nsymbt) < 0:
        raise SBDError(f"its header gives the impossible shape {shape}; save the file again.")
    data = map_array(path, dtype, shape, _HEADER_BYTES + int(header.nsymbt))
    m = Micrograph(
        data[0] if data.ndim == 3 and len(data) == 1 else data,
        pixel_size=pixel_size_nm(
            _voxel(header.cella.y, header.my), "Å", _voxel(header.cella.x, header.mx), "Å"
        ),
        metadata={"mrc": {**_fields(header), "labels": labels}},
    )
    ours = bytes(header.exttyp) == _OUR_TYPE and extended is not None
    return record.restore(m, extended.tobytes().rstrip(b"\0") if ours else None)


def write(m: Micrograph, path: Path) -> None:
    """Write an MRC image or image stack, frame by frame.

    Other types than int8, int16, uint16 and float32 are widened, float64 rounded to float32.

    Raises
    ------
    SBDError
        If no type of MRC holds the values.
    """
    import mrcfile

    dtype = storable(m.data, list(_MODES), "MRC")
    text = record.dumps(m).encode()
    extended = np.frombuffer(text.ljust(-(-len(text) // 1024) * 1024, b"\0"), "V1")
    with (
        replacing(path) as temporary,
        mrcfile.new_mmap(
            temporary,
            m.shape,
            _MODES[dtype.name],
            overwrite=True,
            extended_header=extended,
            exttyp=_OUR_TYPE,
        ) as file,
    ):
        _fill(file, m, dtype)


def _fill(file: Any, m: Micrograph, dtype: np.dtype) -> None:
    if m.is_movie:
        file.set_image_stack()
    if m.pixel_size_yx is not None:
        y, x = (10 * size for size in m.pixel_size_yx)
        file.voxel_size = (x, y, x)
    file.add_label("napari-sbd")
    target = file.data if m.is_movie else file.data[np.newaxis]
    low, high, total, squares = math.inf, -math.inf, 0.0, 0.0
    for index, frame in enumerate(frames(m.data)):
        target[index] = frame.astype(dtype)
        values = frame.astype(np.float64)
        low, high = min(low, values.min()), max(high, values.max())
        total, squares = total + values.sum(), squares + np.square(values).sum()
    mean = total / m.data.size
    file.header.dmin, file.header.dmax, file.header.dmean = low, high, mean
    file.header.rms = math.sqrt(max(squares / m.data.size - mean**2, 0.0))


def _voxel(length: Any, intervals: Any) -> float | None:
    return float(length) / int(intervals) if int(intervals) > 0 else None


def _fields(header: Any) -> dict[str, Any]:
    return {name: plain(header[name]) for name in header.dtype.names if name != "label"}
