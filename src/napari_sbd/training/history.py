"""What a run has reached so far: a table of numbers and a picture of the curves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from ..files import replacing


class Row(NamedTuple):
    """A run at one moment.

    Parameters
    ----------
    minutes
        Wall time of training.
    step
        Steps of the optimiser.
    samples
        Noisy images seen.
    loss
        Running mean of the training loss.
    validation_db
        PSNR of the averaged weights on the held-out images.
    rate_factor
        Learning rate over that at the start.
    """

    minutes: float
    step: int
    samples: int
    loss: float
    validation_db: float
    rate_factor: float


def write(folder: Path, rows: list[Row]) -> None:
    """Write ``history.csv`` and ``curves.png``."""
    with (
        replacing(folder / "history.csv") as draft,
        draft.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(Row._fields)
        for row in rows:
            table.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
    _plot(folder / "curves.png", rows)


def _plot(path: Path, rows: list[Row]) -> None:
    from matplotlib.figure import Figure

    figure = Figure((6.4, 4.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    minutes = [row.minutes for row in rows]
    style = {"marker": ".", "linewidth": 1}
    upper.plot(minutes, [row.validation_db for row in rows], color="C0", **style)
    upper.set_ylabel("held-out PSNR [dB]")
    lower.plot(minutes, [row.loss for row in rows], color="C1", **style)
    lower.set_ylabel("training loss", color="C1")
    lower.set_xlabel("minutes of training")
    rate = lower.twinx()
    rate.plot(minutes, [row.rate_factor for row in rows], color="C2", linewidth=1)
    rate.set_ylabel("learning-rate factor", color="C2")
    rate.set_ylim(0, 1.05)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    with replacing(path) as draft:
        figure.savefig(draft, format="png", dpi=120)
