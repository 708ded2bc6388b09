"""Files into napari, with their calibration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from ...errors import SBDError
from ...io import read
from ...io.arrays import is_large
from ...micrograph import Micrograph
from ...recipe import KEY
from .micrographs import KEY as CALIBRATION
from .micrographs import LayerData, to_layer

_SHARED = (".tif", ".tiff", ".npy", ".zarr")  # what napari reads too, without calibration
_HDF5 = (".h5", ".hdf5")  # any program's data
_FOLDER = ".zspy"
_NOTHING = cast(list[LayerData], [(None,)])  # napari's sign for "read, but nothing to show"


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """The reader of a file or Zarr folder, or None where another reader should have it.

    Those are stacks of several files; folders that are no Zarr store; HDF5 files without an image;
    and TIFF, NPY and Zarr of which nothing is known that napari would not show as well, or that are
    volumes, channels or too large to be shown in one resolution.
    """
    paths = [path] if isinstance(path, str) else path
    if len(paths) != 1:
        return None
    suffix = Path(paths[0]).suffix.lower()
    if suffix not in _SHARED + _HDF5:
        return None if Path(paths[0]).is_dir() and suffix != _FOLDER else read_layers
    try:
        m = read(paths[0])
    except SBDError:
        return None
    return partial(_layers_of, m) if suffix in _HDF5 or (_is_known(m) and _is_flat(m)) else None


def get_plain_reader(
    path: str | list[str],
) -> Callable[[Any], list[LayerData]] | None:
    """The reader of a TIFF or NPY file that ``get_reader`` leaves to napari.

    Where several plugins read a file, napari asks a person; this is for those who choose ours.
    """
    paths = [path] if isinstance(path, str) else path
    return _read_plain if len(paths) == 1 and Path(paths[0]).is_file() else None


def _read_plain(path: str | list[str]) -> list[LayerData]:
    """Read a file into one layer, and ask for the pixel size where it tells none."""
    from napari.utils.notifications import show_info

    found = read_layers(path)
    if found is not _NOTHING and found[0][1]["metadata"][CALIBRATION]["pixel_size"] is None:
        name = Path(path if isinstance(path, str) else path[0]).name
        show_info(f"{name} tells no pixel size; type it into the Denoise form, in nm.")
    return found


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Read a file into one layer; what cannot be read becomes a notification of one sentence."""
    try:
        return [to_layer(read(path if isinstance(path, str) else path[0]))]
    except SBDError as error:
        from napari.utils.notifications import show_error

        show_error(str(error))
        return _NOTHING


def _layers_of(m: Micrograph, path: str | list[str]) -> list[LayerData]:
    return [to_layer(m)]


def _is_known(m: Micrograph) -> bool:
    """Whether a file is calibrated, or one of ours."""
    ours = KEY in m.metadata or KEY in m.metadata.get("zarr", {})
    return ours or m.pixel_size is not None or m.gain is not None


def _is_flat(m: Micrograph) -> bool:
    """Whether the axes of an OME-Zarr image are (t,) y, x, and one frame fits into memory."""
    attributes = m.metadata.get("zarr", {})
    images = attributes.get("ome", attributes).get("multiscales")
    if not images:
        return True
    axes = [a if isinstance(a, dict) else {"name": a} for a in images[0].get("axes") or ()]
    kinds = [axis.get("type", axis["name"]) for axis in axes]
    is_stack = m.is_movie and (len(kinds) != 3 or kinds[0] not in ("time", "t"))
    is_pyramid = len(images[0]["datasets"]) > 1
    return not is_stack and not (is_pyramid and is_large(m.shape[-2:], m.data.dtype))
