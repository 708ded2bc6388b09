"""Series as layers: NIfTI files into napari, and layers back into series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import SBDError
from ...series.files import read_series
from ...series.stack import Series, as_series, to_micrograph
from . import micrographs as layers
from .micrographs import LayerData, contrast_limits

if TYPE_CHECKING:
    from napari.layers import Image

_KEY = "napari_sbd_series"  # in a layer's metadata: gradient table and NIfTI header


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """The reader of a NIfTI file; several at once are left to others."""
    return read_layer if isinstance(path, str) else None


def read_layer(path: str) -> list[LayerData]:
    """Read a NIfTI file into one layer; what cannot be read becomes a notification."""
    try:
        return [_to_layer(read_series(path))]
    except SBDError as error:
        from napari.utils.notifications import show_error

        show_error(str(error))
        return [(None,)]  # type: ignore[list-item]


def series_of(layer: Image) -> Series:
    """The series that a layer shows, with its gradient table where one was read.

    Raises
    ------
    SBDError
        If the layer is no stack of grey-scale images.
    """
    if layer.rgb or layer.multiscale:
        raise SBDError(f'"{layer.name}" is no plain grey-scale stack; choose another layer.')
    metadata = dict(layer.metadata)
    kept = metadata.pop(_KEY, None)
    if kept is not None and kept.data.shape == layer.data.shape:
        series: Series = kept.replace(data=layer.data, metadata=metadata, name=layer.name)
        return series
    if layer.ndim == 3:  # with the offset and gain of a movie
        return as_series(layers.micrograph_of(layer))
    return Series(layer.data, metadata=metadata, name=layer.name)


def values_of(result: Series) -> tuple[Any, dict[str, Any]]:
    """Data and metadata of a layer that shows a result.

    With the recipe, and what a NIfTI file needs or the calibration of the movie that it came from.
    """
    if result.origin is None:
        return result.data, result_metadata(result)
    whole = to_micrograph(result)
    return whole.data, {**whole.metadata, layers.KEY: layers.calibration(whole)}


def result_metadata(result: Series) -> dict[str, Any]:
    """Metadata of a layer that shows volumes: its recipe, and what a NIfTI file needs."""
    return {**result.metadata, _KEY: result}


def _to_layer(series: Series) -> LayerData:
    middle = np.asarray(series.data[0, series.grid[0] // 2])
    attributes = {
        "name": series.name or "series",
        "axis_labels": ("n", "z", "y", "x")[-series.data.ndim :],
        "contrast_limits": contrast_limits(middle),
        "metadata": result_metadata(series),
    }
    return series.data, attributes, "image"
