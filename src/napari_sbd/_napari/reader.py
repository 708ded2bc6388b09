"""Files into napari, with their calibration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import SBDError
from ..io import read
from ..micrograph import Micrograph
from .layers import LayerData, to_layer

_NOTHING: Any = [(None,)]  # napari's sign for "read, but nothing to show"


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """The reader of a file, or None where napari's own reader should have it.

    Those are stacks of several files, and TIFF files without a pixel size.
    """
    paths = [path] if isinstance(path, str) else path
    if len(paths) != 1:
        return None
    if not paths[0].lower().endswith((".tif", ".tiff")):
        return read_layers
    try:
        m = read(paths[0])
    except SBDError:
        return None
    return None if m.pixel_size is None else partial(_layers_of, m)


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
