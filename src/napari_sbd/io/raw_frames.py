"""Frames that lie one after another in a file, read and written by their number."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError


@dataclass(frozen=True)
class RawFrames:
    """Uncompressed frames of a file.

    Each access opens the file, so that a drive that has vanished is an error, where a memory map
    would end the process, and so that what was read does not count as memory in use.

    Parameters
    ----------
    path
        The file.
    offset
        Of the first frame [bytes].
    shape
        (Y, X) of a frame.
    dtype
        Of the values, with their byte order.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype

    def __getitem__(self, index: int) -> np.ndarray:
        count = self.shape[0] * self.shape[1]
        read = np.fromfile(self.path, self.dtype, count, offset=self._place(index))
        if len(read) < count:
            raise SBDError(f"the file ends within frame {index}.")
        return read.reshape(self.shape)

    def __setitem__(self, index: int, frame: np.ndarray) -> None:
        with self.path.open("rb+", buffering=0) as file:
            file.seek(self._place(index))
            rest = memoryview(np.ascontiguousarray(frame, self.dtype).data).cast("B")
            while rest:  # a disk that fills up may take a part
                rest = rest[file.write(rest) :]

    def _place(self, index: int) -> int:
        return self.offset + index * self.shape[0] * self.shape[1] * self.dtype.itemsize


def frame_reader(data: Any) -> Callable[[int], np.ndarray]:
    """A function that reads frame number i of a movie (T, Y, X), numpy or dask, on its own."""
    if isinstance(data, np.memmap) and isinstance(data.base, mmap.mmap) and data.flags.c_contiguous:
        # only maps of whole files know their true offset; slices of them keep it unchanged
        raw = RawFrames(Path(str(data.filename)), data.offset, data.shape[1:], data.dtype)
        return raw.__getitem__
    if hasattr(data, "dask"):
        return lambda index: np.asarray(data[index].compute(scheduler="synchronous"))
    return lambda index: np.array(data[index])
