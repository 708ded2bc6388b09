"""Arrays on disk: loaded when small, lazy when large, cut-short files refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError, unreadable

LAZY_BYTES = 256 * 2**20


def refuse_channels(count: int) -> None:
    """Refuse several channels, which would pass for a movie.

    Raises
    ------
    SBDError
        If there is more than one.
    """
    if count > 1:
        raise SBDError(
            f"it holds {count} channels, which are no frames of a movie; save the one to denoise "
            "by itself, or, if they are frames, give their axis the name T."
        )


def map_array(path: Path, dtype: Any, shape: Sequence[int], offset: int = 0) -> Any:
    """Read an uncompressed array of a file; from ``LAZY_BYTES`` on as a memory map.

    Parameters
    ----------
    path, dtype, shape
        The file, and what it holds, C ordered.
    offset
        Position of the first value [bytes].

    Raises
    ------
    SBDError
        If the file is shorter than the array.
    """
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    if 0 in shape:
        raise SBDError(f"it holds no pixels: shape {tuple(shape)}.")
    check_length(path, offset + count * dtype.itemsize)
    if not is_large(shape, dtype):
        data = np.fromfile(path, dtype, count, offset=offset).reshape(shape)
        return data.astype(dtype.newbyteorder("="), copy=False)
    data = np.memmap(path, dtype, "r", offset, tuple(shape))
    return data if dtype.isnative else _by_frames(data).astype(dtype.newbyteorder("="))


def each_pixel(change: Callable[[np.ndarray], np.ndarray], data: Any) -> Any:
    """A function of single pixels applied to an array; frame by frame and lazily on disk."""
    if isinstance(data, np.memmap):
        data = _by_frames(data)
    return data.map_blocks(change) if hasattr(data, "dask") else change(data)


def _by_frames(data: np.memmap) -> Any:
    return on_disk(data, (1,) * (data.ndim - 2) + data.shape[-2:])


def on_disk(array: Any, chunks: Sequence[int]) -> Any:
    """dask of an array of some library; parts that cannot be read are told in words when used."""
    import dask.array as da

    return da.from_array(_InWords(array), tuple(chunks), name=False)


class _InWords:
    """An array whose errors are ours."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype, self.ndim = tuple(array.shape), array.dtype, len(array.shape)

    def __getitem__(self, region: Any) -> np.ndarray:
        with unreadable():
            return np.asarray(self._array[region])


def stack_frames(
    read_frame: Callable[[int], np.ndarray], count: int, shape: tuple[int, int], dtype: Any
) -> Any:
    """(T, Y, X) of frames that are read one by one; dask from ``LAZY_BYTES`` on.

    Parameters
    ----------
    read_frame
        Gives frame number i, of ``shape`` and ``dtype``; must open the file by itself.
    count, shape, dtype
        Number of frames; shape and type of one.
    """
    if not is_large((count, *shape), np.dtype(dtype)):
        return np.stack([read_frame(i) for i in range(count)])
    import dask.array as da
    from dask import delayed

    later = delayed(_read)
    frames = (da.from_delayed(later(read_frame, i), shape, dtype) for i in range(count))
    return da.stack(list(frames))


def _read(read_frame: Callable[[int], np.ndarray], index: int) -> np.ndarray:
    with unreadable():
        return read_frame(index)


def is_large(shape: Sequence[int], dtype: np.dtype) -> bool:
    """Whether an array should stay on disk."""
    return math.prod(shape) * dtype.itemsize >= LAZY_BYTES


def check_length(path: Path, needed: int) -> None:
    """Refuse a file that ends before its data do.

    Raises
    ------
    SBDError
        If ``path`` has fewer than ``needed`` bytes.
    """
    size = path.stat().st_size
    if size < needed:
        raise SBDError(
            f"the file is cut short, {size} bytes where its header asks for {needed}; "
            "copy it again from the microscope."
        )


def frames(data: Any) -> Iterator[np.ndarray]:
    """Frames (Y, X) of an image or movie, one at a time in memory."""
    for frame in data if data.ndim == 3 else (data,):
        yield np.asarray(frame)


def storable(data: Any, allowed: Sequence[str], file_format: str) -> np.dtype:
    """The first of the types of a format that holds all values.

    Integers stay exact; float64 is rounded to float32 where a format has no float64.

    Parameters
    ----------
    data
        numpy or dask; its values are looked at only where the type alone does not decide.
    allowed
        Types of the format, narrow ones first.
    file_format
        Its name, for the message.

    Raises
    ------
    SBDError
        If none holds the values.
    """
    types = [np.dtype(t) for t in allowed]
    if data.dtype.kind == "f" or data.dtype.itemsize < 8:
        for dtype in types:
            if np.can_cast(data.dtype, dtype, "safe"):
                return dtype
    low = np.fmin.reduce([np.fmin.reduce(frame, axis=None) for frame in frames(data)])
    high = np.fmax.reduce([np.fmax.reduce(frame, axis=None) for frame in frames(data)])
    for dtype in types:
        if data.dtype.kind == "f":
            fits = dtype.kind == "f" and not np.finfo(dtype).max < max(high, -low) < np.inf
        elif dtype.kind == "f":
            fits = max(-int(low), int(high)) <= 2 ** (np.finfo(dtype).nmant + 1)
        else:
            info = np.iinfo(dtype)
            fits = info.min <= int(low) and int(high) <= info.max
        if fits and (data.dtype.kind != "f" or dtype.itemsize >= 4):
            return dtype
    raise SBDError(
        f"{file_format} cannot hold these {data.dtype} values ({low} to {high}); "
        "save as .h5 or .npy instead."
    )
