"""HDF5 data sets that outlive their open file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from .arrays import LAZY_BYTES, is_large, on_disk

_MOST_COMPRESSED = 2000  # times; deflate cannot do more than 1032


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An HDF5 file open for reading.

    Raises
    ------
    OSError
        If it is damaged; h5py calls some damage a RuntimeError.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except RuntimeError as err:
        if type(err) is not RuntimeError:
            raise
        raise OSError(str(err)) from err


def load(dataset: Any, frame_axis: int = 0) -> Any:
    """A data set in memory, or as dask with whole frames when it is large.

    Parameters
    ----------
    dataset
        Of an open h5py file; the result does not need the file to stay open.
    frame_axis
        The axis that counts frames, where there are three.

    Raises
    ------
    SBDError
        If far more pixels are announced than the file can hold.
    """
    native = dataset.dtype.newbyteorder("=")
    if not is_large(dataset.shape, dataset.dtype):
        return dataset[()].astype(native, copy=False)
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > _MOST_COMPRESSED * stored:
        raise SBDError(
            f"its header asks for {dataset.nbytes} bytes of pixels and {stored} are stored; "
            "the file is damaged, copy it again from the microscope."
        )
    chunks = list(dataset.shape)
    if dataset.ndim == 3:
        frame_bytes = dataset.nbytes // dataset.shape[frame_axis]
        together = dataset.chunks[frame_axis] if dataset.chunks else 1
        chunks[frame_axis] = max(1, min(together, LAZY_BYTES // frame_bytes))
    source = _DatasetOnDisk(dataset.file.filename, dataset.name, dataset.shape, dataset.dtype)
    return on_disk(source, chunks).astype(native)


@dataclass(frozen=True)
class _DatasetOnDisk:
    path: str
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, region: Any) -> np.ndarray:
        import h5py

        with h5py.File(self.path, "r") as file:
            return np.asarray(file[self.key][region])
