"""HyperSpy's files (.hspy, .zspy, .hdf5 until its version 1.4): a group for each signal.

A signal has ``data`` and, for each axis, a group whose attributes hold its name, unit and scale.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..axes import Axis, calibration, frames_first, is_image
from ..errors import SBDError
from ..micrograph import Micrograph
from ..recipe import KEY, kept_as_text
from .arrays import is_large, on_disk
from .hdf5 import load, opened
from .record import plain

_SIGNALS = "Experiments"
_NOTHING = "_None_"  # HyperSpy's None


def read(path: Path) -> Micrograph:
    """Read the first image of a file (HDF5) or, of a .zspy, of a Zarr folder or its ZIP archive.

    Raises
    ------
    SBDError
        If it holds no image.
    """
    if path.suffix.lower() == ".zspy":
        m = _from_zarr(path)
    else:
        with opened(path) as file:
            m = from_groups(file, load)
    if m is None:
        raise SBDError("it was not written by HyperSpy; save the image as TIFF or MRC.")
    return m


def from_groups(root: Any, load_data: Callable[..., Any]) -> Micrograph | None:
    """Read the first image of an open file; None if HyperSpy has not written it.

    Parameters
    ----------
    root
        The root group, of h5py or Zarr.
    load_data
        Gives the values of a data set; takes the axis that counts frames.

    Raises
    ------
    SBDError
        If HyperSpy wrote it and it holds no image.
    """
    signals = root.get(_SIGNALS)
    if signals is None or not hasattr(signals, "keys"):
        return None
    for group in (signals[name] for name in signals):
        if not hasattr(group, "keys") or not hasattr(group.get("data"), "shape"):
            continue
        axes = _axes(group)
        if len(axes) == len(group["data"].shape) and is_image(axes):
            return _micrograph(group, axes, load_data)
    raise SBDError("there is no image in this file of HyperSpy, only other signals; give an image.")


def _micrograph(group: Any, axes: list[Axis], load_data: Callable[..., Any]) -> Micrograph:
    order = frames_first(axes)
    data = load_data(group["data"], order[0])
    tree = _tree(group)
    general = tree.get("metadata", {}).get("General", {})
    return Micrograph(
        np.ascontiguousarray(data.transpose(order))
        if isinstance(data, np.ndarray)
        else data.transpose(order),
        **calibration(axes, order),
        metadata={"hyperspy": tree, **kept_as_text(general.get(KEY))},
    )


def _axes(group: Any) -> list[Axis]:
    """Axes in the order of the array."""
    count = len(group["data"].shape)
    owner = group.get(f"_list_{count}_axes", group)  # as some versions nested them
    names = ((f"axis-{i}", str(i)) for i in range(count))
    found = [next((owner[n] for n in pair if n in owner), None) for pair in names]
    return [_axis(plain(dict(axis.attrs))) for axis in found if axis is not None]


def _axis(fields: dict[str, Any]) -> Axis:
    values = {key: None if value == _NOTHING else value for key, value in fields.items()}
    navigate = values.get("navigate")
    return Axis(
        values.get("name"),
        values.get("units"),
        values.get("scale"),
        None if navigate is None else bool(navigate),
    )


def _tree(group: Any) -> dict[str, Any]:
    """Attributes of a group and the groups in it."""
    below = {name: group[name] for name in group}
    return {
        **plain(dict(group.attrs)),
        **{name: _tree(item) for name, item in below.items() if hasattr(item, "keys")},
    }


def _from_zarr(path: Path) -> Micrograph | None:
    import zarr

    store = zarr.storage.ZipStore(path, mode="r") if path.is_file() else path
    return from_groups(zarr.open_group(store, mode="r"), _load_zarr)


def _load_zarr(array: Any, frame_axis: int) -> Any:
    if array.dtype.kind not in "buif":
        raise SBDError(f"its values are of type {array.dtype}, not numbers.")
    if not is_large(array.shape, array.dtype):
        return np.asarray(array[...])
    chunks = [-1] * array.ndim
    if array.ndim == 3:
        chunks[frame_axis] = 1
    return on_disk(array, chunks)
