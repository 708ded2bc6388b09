"""The Berkeley EMD layout: a group with ``data`` and one vector for each axis."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..axes import Axis, calibration, frames_first, is_image
from ..errors import SBDError, warn
from ..files import replacing
from ..micrograph import Micrograph
from . import record
from .arrays import frames
from .hdf5 import load
from .record import plain

_UNEVEN = 0.5  # of a step by which a coordinate may lie beside those of even steps
_DATA = ("data", "realslice")  # as the layout has it; as Prismatic has it


def read(file: Any) -> Micrograph | None:
    """Read the first image of an open Berkeley EMD file; None if it has none.

    The names of the axes decide which is y and x; HyperSpy and Prismatic store x first. Images of
    a simulation at several depths become a stack.
    """
    found = _find(file)
    if not found:
        return None
    group, dataset = found[0]
    axes = [_axis(group, i) for i in range(dataset.ndim)]
    for axis in axes:
        if axis.unit and axis.step is None:
            warn(
                f"The coordinates along {axis.name} are not evenly spaced, so no size of a step "
                "is taken."
            )
    counted_from_zero = "dim0" in group  # emdfile and py4DSTEM, whose x runs along the rows
    by_hyperspy = group.name.startswith("/signals/")
    order = (
        tuple(range(dataset.ndim)) if counted_from_zero else frames_first(axes, reverse=by_hyperspy)
    )
    images = [_load(item, order) for item in [dataset, *_other_depths(found)]]
    m = Micrograph(
        images[0] if len(images) == 1 else _stacked(images),
        **(calibration(axes, order) if len(axes) > 1 else {}),
        metadata={"emd": _attributes(file)},
    )
    return record.restore(m, group.attrs.get(record.KEY))


def write(m: Micrograph, path: Path) -> None:
    """Write a Berkeley EMD file (version 0.2), frame by frame, with our record as an attribute."""
    import h5py

    steps = [*(m.pixel_size_yx or (None, None))]
    axes = [("Y", "[n_m]", steps[0]), ("X", "[n_m]", steps[1])]
    if m.is_movie:
        axes.insert(0, ("time", "[s]", m.frame_time))
    text = record.dumps(m)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(version_major=0, version_minor=2)
        group = file.create_group("data/image")
        group.attrs.update({"emd_group_type": 1, record.KEY: text})
        dataset = group.create_dataset("data", m.shape, m.data.dtype.newbyteorder("="))
        for index, frame in enumerate(frames(m.data)):
            dataset[index if m.is_movie else ...] = frame
        for number, (name, unit, step) in enumerate(axes, 1):
            vector = np.arange(m.shape[number - 1]) * (step or 1.0)
            axis = group.create_dataset(f"dim{number}", data=vector)
            axis.attrs.update(name=name, units=unit if step else "[px]")


def _find(file: Any) -> list[tuple[Any, Any]]:
    """Groups with their data set, images only where there are any."""
    import h5py

    found: list[tuple[Any, Any]] = []

    def visit(_: str, item: Any) -> None:
        if not isinstance(item, h5py.Group) or item.attrs.get("emd_group_type") is None:
            return
        for name in _DATA:
            data = item.get(name)
            if isinstance(data, h5py.Dataset) and data.ndim > 0 and "dim1" in item:
                found.append((item, data))

    file.visititems(visit)
    images = [pair for pair in found if is_image([_axis(pair[0], i) for i in range(pair[1].ndim)])]
    if not images and any(dataset.ndim in (2, 3) for _, dataset in found):
        raise SBDError("it holds spectra and no image; give the image.")
    return images or found[:1]


def _other_depths(found: list[tuple[Any, Any]]) -> list[Any]:
    """Images of the same detector at further depths, as Prismatic numbers them."""
    (first, dataset), *others = found
    if dataset.ndim != 2 or not re.fullmatch(r".*_depth\d{4}", first.name):
        return []
    same = (item for group, item in others if group.name[:-4] == first.name[:-4])
    return [item for item in same if item.shape == dataset.shape]


def _load(dataset: Any, order: tuple[int, ...]) -> Any:
    data = load(dataset, order[0])
    if order == tuple(range(data.ndim)):
        return data
    turned = data.transpose(order)
    return np.ascontiguousarray(turned) if isinstance(turned, np.ndarray) else turned


def _stacked(images: list[Any]) -> Any:
    if isinstance(images[0], np.ndarray):
        return np.stack(images)
    import dask.array as da

    return da.stack(images)


def _axis(group: Any, index: int) -> Axis:
    dim = group.get(f"dim{index if 'dim0' in group else index + 1}")
    if dim is None:
        return Axis()
    name, unit = (plain(dim.attrs.get(key, "")) for key in ("name", "units"))
    if dim.ndim != 1 or len(dim) < 2 or dim.dtype.kind not in "iuf":
        return Axis(name)
    places = np.asarray(dim[()], float)
    step = (places[-1] - places[0]) / (len(places) - 1)
    beside = np.abs(places - places[0] - step * np.arange(len(places)))
    if (beside > _UNEVEN * abs(step)).any():
        return Axis(name, unit)  # ``read`` says so
    return Axis(name, unit, step)


def _attributes(file: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if len(item.attrs):
            kept[name] = {k: plain(v) for k, v in item.attrs.items() if k != record.KEY}

    file.visititems(visit)
    return kept
