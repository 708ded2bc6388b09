"""OME-Zarr (OME-NGFF 0.5 on Zarr 3): one chunk for each frame, calibration in the axes.

Older layouts (NGFF 0.1 to 0.4 on Zarr 2) and plain Zarr arrays are read as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import replacing_folder
from ..micrograph import Micrograph
from ..units import pixel_size_nm, to_seconds
from . import record
from .arrays import frames, is_large, on_disk, refuse_channels
from .record import plain

_VERSION = "0.5"
_LEVEL = "0"


def read(path: Path) -> Micrograph:
    """Read the finest level of the first image of a store; lazily, by frames, when large.

    Raises
    ------
    SBDError
        If it holds no image.
    """
    array, node = _opened(path)
    if node is None:
        return Micrograph(
            _load(array, _order(array, None)), metadata={"zarr": plain(dict(array.attrs))}
        )
    images = _ome(node)["multiscales"]
    level = images[0]["datasets"][0]
    axes = _axes(images[0], array.ndim)
    for axis, length in zip(axes, array.shape, strict=False):
        if "channel" in (axis.get("type"), axis.get("name")) or axis.get("name") == "c":
            refuse_channels(length)
    order = _order(array, node)
    m = Micrograph(_load(array, order), metadata={"zarr": plain(dict(node.attrs))})
    if axes:
        m = m.replace(**_calibration(images[0], level, axes, order))
    return record.restore(m, json.dumps(node.attrs.get(record.KEY)))


def frames_so_far(path: Path) -> tuple[int, Callable[[int], np.ndarray]]:
    """How many frames of the movie that ``read`` would read are there now, and how to read one.

    Raises
    ------
    SBDError
        If the store holds no image.
    """
    array, node = _opened(path)
    *others, y, x = order = _order(array, node)
    time = next((axis for axis in others if array.shape[axis] > 1), others[0])
    shape = array.shape[y], array.shape[x]
    before = (slice(None),) * time

    def frame(index: int) -> np.ndarray:
        one = array[(*before, slice(index, index + 1))]
        return np.asarray(one).transpose(order).reshape(shape)

    return array.shape[time], frame


def _opened(path: Path) -> tuple[Any, Any]:
    """The array of a store, and the group that describes it; None for a plain array."""
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Group) and "multiscales" not in _ome(node) and _LEVEL in node:
        node = node[_LEVEL]  # as bioformats2raw nests images
    if isinstance(node, zarr.Array):
        return node, None
    images = _ome(node).get("multiscales")
    if not images:
        raise SBDError("there is no image in this Zarr store; give the group of an OME-Zarr image.")
    level = images[0]["datasets"][0]
    return zarr.open_array(path, path=f"{node.path}/{level['path']}", mode="r"), node


def write(m: Micrograph, path: Path) -> None:
    """Write an OME-Zarr image, frame by frame."""
    with replacing_folder(path) as temporary:
        allocate(m, temporary)
        array = open_frames(temporary)
        for index, frame in enumerate(frames(m.data)):
            array[index if m.is_movie else ...] = frame


def allocate(m: Micrograph, path: Path, room: int = 0) -> None:
    """Make a store for images like ``m``, no frame written yet.

    Parameters
    ----------
    m
        Gives shape, type and calibration.
    path
        A new folder.
    room
        Not needed here: metadata are a file of their own.
    """
    import zarr
    from zarr.codecs import BloscCodec

    axes = "tyx" if m.is_movie else "yx"
    dtype = m.data.dtype.newbyteorder("=")
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    group.create_array(
        _LEVEL,
        shape=m.shape,
        chunks=((1,) if m.is_movie else ()) + m.shape[-2:],
        dtype=dtype,
        # of the fast codecs the one that packs denoised images best
        compressors=BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=dtype.itemsize),
        fill_value=np.nan if dtype.kind == "f" else 0,
        dimension_names=tuple(axes),
    )
    seal(m, path)


def open_frames(path: Path) -> Any:
    """The array of a store that ``allocate`` made, to be written and read by frame number."""
    import zarr

    return zarr.open_array(path / _LEVEL, mode="r+")


def seal(m: Micrograph, path: Path) -> None:
    """Write calibration and recipe of ``m`` to a store that is complete."""
    for stray in path.rglob("*.partial"):  # of a chunk that was being written when we were killed
        stray.unlink()
    describe(m, path)


def describe(m: Micrograph, path: Path) -> None:
    """Write calibration and recipe of ``m`` to a store that may grow."""
    import zarr

    group = zarr.open_group(path, mode="r+")
    group.attrs.update({"ome": _layout(m), record.KEY: json.loads(record.dumps(m))})


def recipe_of(path: Path) -> dict[str, Any]:
    """Metadata that hold the recipe of a store, and nothing else."""
    import zarr

    kept = zarr.open_group(path, mode="r").attrs.get(record.KEY)
    return {record.KEY: kept["recipe"]} if isinstance(kept, Mapping) and "recipe" in kept else {}


def _ome(node: Any) -> Mapping[str, Any]:
    fields = node.attrs.get("ome", node.attrs)
    return fields if isinstance(fields, Mapping) else {}


def _load(array: Any, order: Sequence[int]) -> Any:
    """(Y, X), (T, Y, X) or more, of an array whose axes are put in an order."""
    if array.dtype.kind not in "buifc":
        raise SBDError(f"its values are of type {array.dtype}, not numbers.")
    lengths = [array.shape[axis] for axis in order]
    shape = [n for n in lengths[:-2] if n > 1] + lengths[-2:]
    if 0 in array.shape or not is_large(array.shape, array.dtype) or array.ndim > len(shape) > 2:
        return np.asarray(array[...]).transpose(order).reshape(shape)
    whole = [array.shape[i] if i in order[-2:] else n for i, n in enumerate(array.chunks)]
    return on_disk(array, whole).transpose(order).reshape(shape)


def _order(array: Any, node: Any) -> list[int]:
    """The axes of an array with Y and X last, as the names say which these are."""
    if node is None:
        names = getattr(array.metadata, "dimension_names", None) or ()
    else:
        names = [axis.get("name") for axis in _axes(_ome(node)["multiscales"][0], array.ndim)]
    names = [str(name).lower() for name in names]
    last = [names.index(name) for name in "yx" if name in names]
    last = last if len(last) == 2 else [array.ndim - 2, array.ndim - 1]
    return [i for i in range(array.ndim) if i not in last] + last


def _axes(image: Mapping[str, Any], count: int) -> list[Mapping[str, Any]]:
    """The axes as the store describes them; none where they are not those of its array."""
    axes = [a if isinstance(a, Mapping) else {"name": a} for a in image.get("axes", ())]
    return axes if len(axes) == count else []


def _calibration(
    image: Mapping[str, Any],
    level: Mapping[str, Any],
    axes: list[Mapping[str, Any]],
    order: Sequence[int],
) -> dict[str, Any]:
    """Pixel size [nm] and frame time [s] of a level, as far as its axes have units and scales."""
    scales = [
        np.asarray(transform["scale"], float)
        for owner in (level, image)
        for transform in owner.get("coordinateTransformations", ())
        if transform.get("type") == "scale"
    ]
    if not scales:
        return {}
    scale = np.prod(scales, axis=0)
    y, x = ((scale[i], axes[i].get("unit")) for i in order[-2:])
    times = [to_seconds(s, a.get("unit")) for s, a in zip(scale, axes, strict=True)]
    return {"pixel_size": pixel_size_nm(*y, *x), "frame_time": next(filter(None, times), None)}


def _layout(m: Micrograph) -> dict[str, Any]:
    size = m.pixel_size_yx
    lengths: list[dict[str, str]] = [{"name": n, "type": "space"} for n in "yx"]
    if size is not None:
        lengths = [{**axis, "unit": "nanometer"} for axis in lengths]
    axes, scale = lengths, list(size or (1.0, 1.0))
    if m.is_movie:
        unit = {"unit": "second"} if m.frame_time else {}
        axes, scale = [{"name": "t", "type": "time", **unit}, *axes], [m.frame_time or 1.0, *scale]
    transforms = [{"type": "scale", "scale": scale}]
    datasets = [{"path": _LEVEL, "coordinateTransformations": transforms}]
    image = {"name": m.name or "image", "axes": axes, "datasets": datasets}
    return {"version": _VERSION, "multiscales": [image]}
