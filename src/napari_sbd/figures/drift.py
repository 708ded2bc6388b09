"""The path of a scene as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import writing
from ..movie.drift import SMALLEST_AGREEMENT, Drift

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_drift(drift: Drift, path: Path) -> None:
    """Write ``drift_figure``; the suffix says how.

    Parameters
    ----------
    drift
        From ``estimate_drift``.
    path
        Such as ``drift.png`` or ``drift.pdf``.
    """
    path = Path(path)
    with writing(path, "figure") as draft:
        drift_figure(drift).savefig(draft, dpi=150, format=path.suffix[1:].lower())


def drift_figure(
    drift: Drift,
    size: tuple[float, float] = (7, 5),
    colours: tuple[str, str] = ("white", "black"),
) -> Figure:
    """Shifts with their errors, and agreement, against the frame.

    Parameters
    ----------
    drift
        From ``estimate_drift``.
    size
        Inches.
    colours
        Of the background, and of words and lines.
    """
    from matplotlib.figure import Figure

    calibrated = drift.pixel_size is not None
    values = drift.shifts_nm if calibrated else drift.shifts
    errors = drift.errors_nm if calibrated else drift.errors
    background, ink = colours
    figure = Figure(figsize=size, layout="constrained", facecolor=background)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    frames = np.arange(len(values))
    for axis, name in enumerate("yx"):
        upper.errorbar(frames, values[:, axis], errors[:, axis], label=name, capsize=2)
    upper.set_ylabel("shift [nm]" if calibrated else "shift [px]")
    upper.legend(facecolor=background, labelcolor=ink)
    lower.errorbar(frames, drift.agreement, drift.agreement_err, color=ink, capsize=2)
    for axes in (upper, lower):
        axes.set_facecolor(background)
        axes.tick_params(colors=ink)
        axes.xaxis.label.set_color(ink)
        axes.yaxis.label.set_color(ink)
        for side in axes.spines.values():
            side.set_color(ink)
    lower.axhline(SMALLEST_AGREEMENT, color="tab:red", linestyle="--")
    lower.set(xlabel="frame", ylabel="agreement")
    return figure
