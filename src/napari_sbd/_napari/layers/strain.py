"""Layers of strain: a value at each column in colours, arrows, the map of geometric phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Points, Vectors

from . import micrographs as layers
from .colour_limits import labelled_limits
from .columns import KEY
from .results import STRAIN, only_colour_bar, put, take_away

if TYPE_CHECKING:
    import pandas as pd

    from ...measure.phase import PhaseStrain

ARROWS = "arrows"
_PHASES = "phases"
_ARROW = 0.4  # of the spacing, the longest arrow


def show_map(
    viewer: Any, source: Points, table: pd.DataFrame, values: np.ndarray, name: str
) -> None:
    """Show a value at each column, in place of that shown before, with the only colour bar.

    Parameters
    ----------
    viewer
        The viewer.
    source
        The columns.
    table
        With y and x [px].
    values
        (N,), NaN where there are none.
    name
        What they are.
    """
    known = np.isfinite(values)
    if not known.any():
        take_away(viewer, source, STRAIN)
        return
    limits = labelled_limits(values[known], signed=name.startswith(("strain", "rotation")))
    places = np.column_stack([source.data[:, :-2][:1].repeat(len(table), 0), table[["y", "x"]]])
    layer = Points(
        places[known],
        features={name: values[known]},
        face_color=name,
        face_colormap="coolwarm" if limits[0] < 0 else "viridis",
        face_contrast_limits=limits,
        border_width=0,
        size=source.size.max() if len(source.size) else 5,
        name=f"{source.name} {name}",
        metadata=layers.made_from(source),
        **layers.place_of(source),
    )
    only_colour_bar(viewer, put(viewer, layer, STRAIN))


def show_arrows(viewer: Any, source: Points, table: pd.DataFrame, unit: str) -> None:
    """Show displacements in a unit, ``"nm"`` or ``"px"``, enlarged."""
    moved = table[["displacement_y", "displacement_x"]].to_numpy(float)
    if unit == "nm":
        moved = moved / np.broadcast_to(layers.pixel_size_of(source) or 1.0, 2)
    longest = np.nanmax(np.hypot(*moved.T), initial=0)
    if not longest > 0:
        take_away(viewer, source, ARROWS)
        return
    gap = source.metadata[KEY]["attrs"].get("spacing") or 10.0
    known = np.isfinite(moved).all(1)
    times = _ARROW * gap / longest
    layer = Vectors(
        np.stack([table[["y", "x"]].to_numpy(float)[known], moved[known] * times], 1),
        edge_width=max(gap / 15, 0.5),
        edge_color="yellow",
        vector_style="arrow",
        name=f"{source.name} arrows, {times:.0f} times",
        metadata=layers.made_from(source),
        **layers.place_in_the_plane(source),
    )
    put(viewer, layer, ARROWS)


def show_phases(viewer: Any, image: Image, phases: PhaseStrain, name: str) -> np.ndarray:
    """Add the map of geometric phases that is named as a column of a strain table; return it."""
    values: np.ndarray = getattr(phases, name.removeprefix("strain_"))
    layer = Image(
        100 * values,
        name=f"{image.name} {name} [%], phases",
        colormap="coolwarm",
        contrast_limits=labelled_limits(100 * values[np.isfinite(values)], signed=True),
        visible=False,
        metadata={layers.AIDS: True, **layers.made_from(image)},
        **layers.place_in_the_plane(image),
    )
    put(viewer, layer, _PHASES)
    return values
