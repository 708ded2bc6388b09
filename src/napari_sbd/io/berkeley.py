"""The Berkeley EMD layout: a group with ``data`` and one vector for each axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..files import replacing
from ..micrograph import Micrograph
from . import record
from .arrays import frames
from .hdf5 import load
from .record import plain
from .units import pixel_size_nm, to_seconds


def read(file: Any) -> Micrograph | None:
    """Read the first image of an open Berkeley EMD file, axes as stored; None if it has none."""
    group = _find(file)
    if group is None:
        return None
    dataset = group["data"]
    *_, time, y, x = [(None, None)] * 3 + [_axis(group, i) for i in range(dataset.ndim)]
    data = load(dataset)
    m = Micrograph(
        data,
        pixel_size=pixel_size_nm(*y, *x),
        frame_time=to_seconds(*time) if dataset.ndim == 3 else None,
        metadata={"emd": _attributes(file)},
    )
    return record.restore(m, group.attrs.get(record.KEY))


def write(m: Micrograph, path: Path) -> None:
    """Write a Berkeley EMD file (version 0.2), frame by frame, with our record as an attribute."""
    import h5py

    steps = [*(m.pixel_size_yx or (None, None))]
    axes = [("Y", "n_m", steps[0]), ("X", "n_m", steps[1])]
    if m.is_movie:
        axes.insert(0, ("time", "s", m.frame_time))
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
            axis.attrs.update(name=name, units=unit if step else "px")


def _find(file: Any) -> Any:
    import h5py

    found: list[Any] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and item.attrs.get("emd_group_type") is not None:
            data = item.get("data")
            if isinstance(data, h5py.Dataset) and data.ndim > 0 and "dim1" in item:
                found.append(item)

    file.visititems(visit)
    return next((g for g in found if g["data"].ndim in (2, 3)), found[0] if found else None)


def _axis(group: Any, index: int) -> tuple[float | None, Any]:
    """Step and unit of an axis."""
    dim = group.get(f"dim{index if 'dim0' in group else index + 1}")
    if dim is None or dim.ndim != 1 or len(dim) < 2 or dim.dtype.kind not in "iuf":
        return None, None
    return (float(dim[-1]) - float(dim[0])) / (len(dim) - 1), plain(dim.attrs.get("units", ""))


def _attributes(file: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if len(item.attrs):
            kept[name] = {k: plain(v) for k, v in item.attrs.items() if k != record.KEY}

    file.visititems(visit)
    return kept
