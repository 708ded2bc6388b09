"""A map of a value at columns, with a colour bar in percent, degrees or pm, and arrows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...measure.strain import QUANTITIES
from ..layers.colour_limits import labelled_limits
from .plot import Plot

SHOWN = QUANTITIES
_HEIGHT = 360  # pixels


class StrainMap(Plot):
    """Columns in colours, as they lie in the image."""

    def __init__(self) -> None:
        super().__init__(_HEIGHT, "The chosen value at each column; Picture… saves it.")

    def show_map(self, table: Any, values: np.ndarray, label: str, arrows: bool) -> None:
        """Draw values of a table's columns.

        Parameters
        ----------
        table
            With y and x [px], and displacements where arrows are wanted.
        values
            (N,), NaN where there are none.
        label
            What they are, with their unit.
        arrows
            Whether to draw displacements.
        """
        axes = self.begin()
        known = np.isfinite(values)
        signed = bool(known.any() and np.percentile(values[known], 2) < 0)
        low, high = labelled_limits(values[known], signed)
        y, x = table["y"].to_numpy(), table["x"].to_numpy()
        drawn = axes.scatter(
            x[known], y[known], c=values[known], s=14, vmin=low, vmax=high,
            cmap="coolwarm" if signed else "viridis",
        )  # fmt: skip
        if arrows:
            axes.quiver(
                x, y, table["displacement_x"], table["displacement_y"], angles="xy",
                color=self.ink, width=0.004,
            )  # fmt: skip
        axes.set_aspect("equal", anchor="N")
        axes.invert_yaxis()
        axes.set_xlabel("x [px]", fontsize="small")
        axes.set_ylabel("y [px]", fontsize="small")
        bar = self.figure.colorbar(drawn, ax=axes, location="bottom")
        bar.ax.tick_params(colors=self.ink, labelsize="small")
        bar.set_label(label, color=self.ink, fontsize="small")
        self.end()


def scaled(table: Any, name: str, unit: str) -> tuple[np.ndarray, str]:
    """Values of a strain table for people: percent, degrees, pm; and their label.

    Parameters
    ----------
    table
        From ``strain_table`` or ``off_centre``.
    name
        One of ``SHOWN``.
    unit
        Of its lengths, ``"nm"`` or ``"px"``.
    """
    values = table[name].to_numpy(float)
    if name.startswith("strain"):
        return 100 * values, f"{name} [%]"
    if name == "rotation":
        return np.degrees(values), "rotation [°]"
    return (1000 * values, f"{name} [pm]") if unit == "nm" else (values, f"{name} [px]")
