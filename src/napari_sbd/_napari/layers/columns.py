"""Atomic columns as a points layer, and back; knows no viewer.

Positions are in pixels of the image, and the layer's scale and units put them on it. The numbers of
each column are the layer's features; what belongs to the whole table stands in its metadata.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Points, Shapes, Tracks

from ...columns import polygons
from ...columns.outline import ALPHA
from ...columns.verdict import support_told
from ...errors import SBDError
from ...units import number_of
from .colour_limits import labelled_limits
from .earlier import refuse_earlier
from .micrographs import made_from, pixel_size_of, place_of

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image, Layer

    from ...micrograph import PixelSize

KEY = "napari_sbd_columns"
COLOURS = ("intensity", "agreement_z", "sigma", "surface")
_MAPS = {"agreement_z": "coolwarm"}
_LIMITS = {"agreement_z": (-5.0, 5.0), "surface": (0.0, 1.0)}


def points_layer(table: pd.DataFrame, source: Image, frame: int | None = None) -> Points:
    """The points layer of a table of columns, on the image that they were found in.

    Parameters
    ----------
    table
        From ``find_columns`` for a single image.
    source
        The image layer.
    frame
        Of a movie.
    """
    positions = table[["y", "x"]].to_numpy(float, copy=True)  # pandas' own are read-only
    if frame is not None:
        positions = np.column_stack([np.full(len(positions), frame), positions])
    return Points(
        positions,
        features=features_of(table),
        size=max(2.5 * (table.attrs.get("scale") or 2.0), 2.0),
        face_color="transparent",
        border_width=0.15,
        name=f"{source.name} columns",
        metadata={KEY: {"attrs": dict(table.attrs), "frame": frame}, **made_from(source)},
        **place_of(source),
    )


def features_of(table: pd.DataFrame) -> pd.DataFrame:
    """What a points layer keeps of each column beside its position."""
    return table.drop(columns=["y", "x"]).reset_index(drop=True)


def table_of(layer: Points) -> pd.DataFrame:
    """The table of a points layer, with whatever was moved, added or deleted by hand."""
    table = layer.features.reset_index(drop=True).copy()
    table.insert(0, "y", layer.data[:, -2])
    table.insert(1, "x", layer.data[:, -1])
    table.attrs = dict(layer.metadata[KEY]["attrs"])
    return as_calibrated(table, pixel_size_of(layer))


def table_shown(layer: Points | None, frame: int | None) -> pd.DataFrame | None:
    """The table of columns that are to be drawn over a frame; None without any.

    Parameters
    ----------
    layer
        Of columns, or None.
    frame
        Of a movie; None of an image.

    Raises
    ------
    SBDError
        If they are those of another frame, or of an earlier gain.
    """
    if layer is None:
        return None
    refuse_earlier(layer)
    theirs = layer.metadata[KEY]["frame"]
    if theirs != frame:
        raise SBDError(
            f"The columns are those of frame {theirs}, and frame {frame} is shown; go to that "
            "frame, or choose no columns."
        )
    return table_of(layer)


def as_calibrated(table: pd.DataFrame, size: PixelSize | None) -> pd.DataFrame:
    """A table with its nm of a pixel size that was typed in or cleared since it was made."""
    if size == table.attrs.get("pixel_size_nm"):
        return table
    table = table.copy()
    if size is None:
        table.attrs["pixel_size_nm"] = None
        return table.drop(columns=["y_nm", "x_nm", "y_err_nm", "x_err_nm"])
    for axis, step in zip("yx", np.broadcast_to(size, 2), strict=True):
        table[f"{axis}_nm"] = table[axis] * step
        table[f"{axis}_err_nm"] = table[f"{axis}_err"] * step
    table.attrs["pixel_size_nm"] = size
    return table


def show_table(layer: Points, table: pd.DataFrame) -> None:
    """Let a points layer show another table of the same image."""
    positions = table[["y", "x"]].to_numpy(float, copy=True)
    frame = layer.metadata[KEY]["frame"]
    if frame is not None:
        positions = np.column_stack([np.full(len(positions), frame), positions])
    layer.selected_data = set()
    layer.data = positions
    layer.features = features_of(table)
    keep_facts(layer, table)


def keep_facts(layer: Points, table: pd.DataFrame) -> None:
    """Keep what belongs to a whole table on the layer that shows it."""
    layer.metadata = {**layer.metadata, KEY: {**layer.metadata[KEY], "attrs": dict(table.attrs)}}


def is_columns(layer: Layer) -> bool:
    """Whether a layer holds columns that were found in an image."""
    return isinstance(layer, Points) and KEY in layer.metadata


def words(
    table: pd.DataFrame, judged: bool, edited: Iterable[int] = (), frame: int | None = None
) -> str:
    """What a table says as a whole, and of the rows that were edited.

    Parameters
    ----------
    table
        From ``find_columns`` for a single image.
    judged
        Whether there were counts to judge by.
    edited
        Row numbers.
    frame
        Of a movie.
    """
    where = " in the region" if table.attrs.get("region") else ""
    where += "" if frame is None else f" in frame {frame}"
    text = f"{number_of(len(table), 'column')}{where}, {int(table['surface'].sum())} at the surface"
    error = table.attrs.get("intensity_scale_err")
    scale = (
        f" The gain was estimated: all intensities have a scale in common, known to ± "
        f"{100 * error:.2g} %."
        if error
        else ""
    )
    if not judged:
        return f"{text}.{scale}"
    supported = table["supported"].fillna(True).astype(bool)
    text += f", {support_told(table)}.{scale}"
    for row in edited:
        if not supported.iloc[row]:
            y, x = table[["y", "x"]].iloc[row]
            text += f" The counts show nothing here: y {y:.0f}, x {x:.0f}."
    return text


def colour(layer: Points, name: str) -> None:
    """Colour the rims of the points by a feature; those not supported by the data are crossed."""
    layer.metadata[KEY]["coloured"] = name
    features = layer.features
    if not len(features) or not np.isfinite(features[name].astype(float)).any():
        layer.border_color = "orange"
        return
    values = features[name].astype(float)
    known = values[np.isfinite(values)].to_numpy()
    layer.border_contrast_limits = _LIMITS.get(name) or labelled_limits(known, signed=False)
    layer.border_colormap = _MAPS.get(name, "viridis")
    layer.border_color = name
    layer.symbol = np.where(features["supported"].fillna(True).astype(bool), "disc", "cross")


def colour_again(layer: Points) -> None:
    """Colour points by the feature that colours them, which has other values now."""
    colour(layer, layer.metadata[KEY].get("coloured", COLOURS[0]))


def outline_layer(table: pd.DataFrame, source: Image, frame: int | None = None) -> Shapes | None:
    """The outline (alpha shape) of the columns; None where they have none."""
    gap = table.attrs.get("spacing") or np.nan
    alpha = table.attrs.get("outline") or (table.attrs.get("alpha") or ALPHA) * gap
    if not np.isfinite(alpha):
        return None
    rings = [ring for ring in polygons(table[["y", "x"]].to_numpy(float), alpha) if len(ring) > 2]
    if not rings:
        return None
    if frame is not None:
        rings = [np.column_stack([np.full(len(ring), frame), ring]) for ring in rings]
    return Shapes(
        rings,
        shape_type="polygon",
        face_color="transparent",
        edge_color="cyan",
        edge_width=max(gap / 25, 0.5),
        name=f"{source.name} outline",
        metadata={"alpha_spacings": alpha / gap, **made_from(source)},
        **place_of(source),
    )


def tracks_layer(table: pd.DataFrame, source: Image) -> Tracks:
    """Columns followed through a movie, as tracks."""
    return Tracks(
        table[["track", "frame", "y", "x"]].to_numpy(float),
        features=table.drop(columns=["track", "frame", "y", "x"]).reset_index(drop=True),
        name=f"{source.name} column tracks",
        metadata=made_from(source),
        **place_of(source),
    )
