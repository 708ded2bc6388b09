"""One page for the lab book: what was seen, what was made of it, how far to trust it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from ..files import replacing
from ..micrograph import Micrograph
from ..recipe import history
from .panel import panel

if TYPE_CHECKING:
    import pandas as pd

    from ..agreement.result import Agreement

_A4 = 8.27, 11.69  # inches
_LIMIT = 5.0  # of the z map
_PARTS = "settings", "versions"
SUFFIXES = (".pdf", ".png", ".svg")


def write_report(
    path: str | Path,
    raw: Micrograph,
    denoised: Micrograph,
    *,
    agreement: Agreement | None = None,
    columns: pd.DataFrame | None = None,
    remarks: str = "",
) -> Path:
    """Write a one-page report.

    Parameters
    ----------
    path
        ``.pdf``, ``.png`` or ``.svg``.
    raw, denoised
        Images, or movies of which the first frame is drawn.
    agreement
        Of the two, as ``napari_sbd.agreement`` gives it.
    columns
        As ``find_columns`` gives them.
    remarks
        Printed above the recipe.

    Returns
    -------
    The path.

    Raises
    ------
    SBDError
        If the suffix is none of these or the file cannot be written.
    """
    from matplotlib.figure import Figure

    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise SBDError(f"A report is a {', '.join(SUFFIXES)} file; {path.name!r} is none.")
    figure = Figure(figsize=_A4, layout="constrained")
    figure.suptitle(raw.name or "micrograph")
    axes = figure.subplot_mosaic(
        [["raw", "denoised"], ["agreement", "columns"], ["words", "words"]],
        height_ratios=[1, 1, 0.75],
    )
    panel(axes["raw"], raw, "raw")
    panel(axes["denoised"], denoised, "denoised")
    _agreement(figure, axes["agreement"], agreement)
    _columns(figure, axes["columns"], denoised, columns)
    axes["words"].set_axis_off()
    words = _words(raw, denoised, agreement, columns, remarks)
    axes["words"].text(0, 1, words, va="top", family="monospace", size=6.5, wrap=False)
    try:
        with replacing(path) as draft:
            figure.savefig(draft, dpi=150, format=path.suffix[1:].lower())
    except OSError as error:
        raise SBDError(f"The report cannot be written to {path}: {error.strerror}.") from error
    return path


def _agreement(figure: Any, axes: Any, agreement: Agreement | None) -> None:
    axes.set_axis_off()
    if agreement is None:
        axes.text(0.5, 0.5, "agreement was not judged", ha="center", transform=axes.transAxes)
        return
    shown = axes.imshow(agreement.z, cmap="coolwarm", vmin=-_LIMIT, vmax=_LIMIT)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="z")
    axes.set_title("agreement of the counts")


def _columns(figure: Any, axes: Any, denoised: Micrograph, columns: pd.DataFrame | None) -> None:
    if columns is None or not len(columns):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no columns", ha="center", transform=axes.transAxes)
        return
    panel(axes, denoised, f"{len(columns)} columns")
    first = columns[columns["frame"] == columns["frame"].min()] if "frame" in columns else columns
    low, high = np.nanpercentile(first["intensity"], (2, 98))
    spots = axes.scatter(first["x"], first["y"], c=first["intensity"], s=8, vmin=low, vmax=high)
    figure.colorbar(spots, ax=axes, shrink=0.8, label="intensity")
    doubtful = first[~first["supported"]]
    axes.scatter(
        doubtful["x"], doubtful["y"], s=40, facecolors="none", edgecolors="magenta", linewidths=1
    )


def _words(
    raw: Micrograph,
    denoised: Micrograph,
    agreement: Agreement | None,
    columns: pd.DataFrame | None,
    remarks: str,
) -> str:
    lines = [remarks] if remarks else []
    lines.append(_calibration(raw))
    if agreement is not None:
        lines.append(f"Agreement: {agreement.verdict()}")
    if columns is not None and len(columns):
        surface, doubtful = int(columns["surface"].sum()), int((~columns["supported"]).sum())
        text = f"Columns: {len(columns)}, {surface} at the surface, {doubtful} not supported."
        if "y_err_nm" in columns:
            error = 1e3 * float(np.nanmedian(np.hypot(columns["y_err_nm"], columns["x_err_nm"])))
            text += f" Median position error {error:.1f} pm."
        lines.append(text)
    lines += [_step(step) for step in history(denoised.metadata) if isinstance(step, dict)]
    return "\n".join(textwrap.fill(line, 125) for line in lines)


def _step(step: dict[str, Any]) -> str:
    """A step of a recipe in a line; what another program has changed in it is left out."""
    settings, versions = (v if isinstance(v := step.get(k), dict) else {} for k in _PARTS)
    said = ", ".join(f"{k} {_short(v)}" for k, v in settings.items() if v != {})
    computed = ", ".join(f"{k} {_short(v)}" for k, v in versions.items())
    return f"{_short(step.get('operation'))}: {said} ({computed})"


def _calibration(m: Micrograph) -> str:
    size = m.pixel_size_yx
    pixel = "unknown pixel size" if size is None else "{:.4g} x {:.4g} nm pixels".format(*size)
    text = f"{' x '.join(map(str, m.shape))}, {pixel}"
    if m.gain is not None:
        frame = np.asarray(m.data[0] if m.is_movie else m.data, np.float64)
        dose = (float(np.nanmean(frame)) - m.offset) / m.gain
        text += f", gain {m.gain:.4g}, offset {m.offset:.4g}, {dose:.3g} electrons per pixel"
    return f"{text}. Source: {m.source or 'not a file'}."


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
