"""One page for the lab book: what was seen, what was made of it, how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns.verdict import support_told
from ..files import with_suffix_of, writing
from ..io.acquisition import sentence
from ..micrograph import Micrograph
from ..noise.dose import dose_text, electrons_per_pixel
from ..recipe import block_of, history
from ..units import number_of, plain
from .panel import columns_shown, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..agreement.resolution import SplitHalf
    from ..agreement.result import Agreement

_A4 = 8.27, 11.69  # inches, as all that follows
_MARGIN = 0.6
_HEAD = 1.3  # above the pictures
_WORDS = 3.7  # below them
_GAP = 0.2
_NAMES = 1.0  # for the names of the facts
_DATE = 1.0  # for the date
_LINE, _BETWEEN = 1.35, 0.3  # font sizes from line to line, and lines between facts
_BOLD = 1.12  # width of bold letters, which all are taken for
_LIMIT = 5.0  # of the z map
_DOTS = 6000  # square points of all columns together, so that many do not hide the image
_PARTS = "settings", "versions"
_TOLD = {  # of a step's settings, what a reader wants to know, and in which words
    "model": "model",
    "model_choice": "chosen as",
    "quality": "quality",
    "device": "on",
    "neighbours": "neighbours",
    "frames": "frames",
    "polarity": "polarity",
    "sensitivity": "sensitivity",
}
SUFFIXES = (".pdf", ".png", ".svg")


def write_report(
    path: str | Path,
    raw: Micrograph,
    denoised: Micrograph,
    *,
    agreement: Agreement | None = None,
    halves: SplitHalf | None = None,
    columns: pd.DataFrame | None = None,
    remarks: str = "",
    warnings: Sequence[str] = (),
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
    halves
        As ``napari_sbd.split_half_resolution`` gives them; one line.
    columns
        As ``find_columns`` gives them.
    remarks
        Printed above the other words, in as many lines as they have.
    warnings
        What was warned of, or why something is missing; printed under a name of their own.

    Returns
    -------
    The path.

    Raises
    ------
    SBDError
        If the suffix is none of these or the file cannot be written.
    """
    path = with_suffix_of(path, "report", SUFFIXES)
    figure = report_figure(
        raw,
        denoised,
        agreement=agreement,
        halves=halves,
        columns=columns,
        remarks=remarks,
        warnings=warnings,
    )
    with writing(path, "report") as draft:
        figure.savefig(draft, dpi=150, format=path.suffix[1:].lower())
    return path


def report_figure(
    raw: Micrograph,
    denoised: Micrograph,
    *,
    agreement: Agreement | None = None,
    halves: SplitHalf | None = None,
    columns: pd.DataFrame | None = None,
    remarks: str = "",
    warnings: Sequence[str] = (),
) -> Figure:
    """The page as a matplotlib figure; parameters as in ``write_report``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_A4)
    width, height = _A4
    right = 1 - _MARGIN / width
    head: dict[str, Any] = {"va": "top", "parse_math": False}
    title = raw.name or "micrograph"
    size, lines = _fitted([title], width - 2 * _MARGIN - _DATE, _HEAD - _MARGIN - _GAP, 14.0)
    name = "\n".join(lines[0])
    figure.text(_MARGIN / width, 1 - _MARGIN / height, name, size=size, weight="bold", **head)
    figure.text(right, 1 - _MARGIN / height, f"{date.today()}", size=9, ha="right", **head)
    axes = figure.subplot_mosaic(
        [["raw", "denoised"], ["agreement", "columns"]],
        gridspec_kw={
            "left": _MARGIN / width,
            "right": right,
            "top": 1 - _HEAD / height,
            "bottom": _WORDS / height,
            "wspace": 0.12,
            "hspace": 0.1,
        },
    )
    panel(axes["raw"], raw, "raw")
    panel(axes["denoised"], denoised, "denoised")
    tall, wide = raw.pixel_size_yx or (1.0, 1.0)
    _agreement(figure, axes["agreement"], agreement, tall / wide)
    _columns(figure, axes["columns"], denoised, columns)
    _write(figure, _words(raw, denoised, agreement, halves, columns, remarks, warnings))
    return figure


def _write(figure: Figure, facts: list[tuple[str, str]]) -> None:
    """Write named facts below the pictures, as large as they all fit."""
    width, height = _A4
    room = width - 2 * _MARGIN - _NAMES, _WORDS - _MARGIN - _GAP
    size, found = _fitted([text for _, text in facts], *room, 9.0)
    step, y = _LINE * size / 72, _WORDS - _GAP
    for (name, _), lines in zip(facts, found, strict=True):
        figure.text(_MARGIN / width, y / height, name, size=size, va="top", weight="bold")
        for line in lines:
            x = (_MARGIN + _NAMES) / width
            figure.text(x, y / height, line, size=size, va="top", parse_math=False)
            y -= step
        y -= _BETWEEN * step


def _fitted(
    texts: list[str], width: float, height: float, largest: float
) -> tuple[float, list[list[str]]]:
    """The largest font size at which texts fit into a width and height, and their lines."""
    for size in np.arange(largest, 1.0, -0.5):
        lines = [_wrapped(text, 72 * width / size) for text in texts]
        count = sum(len(found) + _BETWEEN for found in lines)
        if count * _LINE * size / 72 <= height:
            break
    return float(size), lines


def _wrapped(text: str, width: float) -> list[str]:
    """Lines no wider than a width [font sizes], broken between words where that is possible."""
    lines = []
    for whole in text.splitlines():
        line = ""
        for word in whole.split():
            for part in _parts(word, width):
                longer = f"{line} {part}" if line else part
                if line and _wide(longer) > width:
                    lines.append(line)
                    longer = part
                line = longer
        lines.append(line)
    return lines


def _parts(word: str, width: float) -> list[str]:
    """A word in parts that fit."""
    parts = [""]
    for letter in word:
        if parts[-1] and _wide(parts[-1] + letter) > width:
            parts.append("")
        parts[-1] += letter
    return parts


def _wide(text: str) -> float:
    return _BOLD * sum(_letter(letter) for letter in text)


@lru_cache(maxsize=4096)
def _letter(letter: str) -> float:
    """Width of a letter in font sizes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(
        letter, FontProperties(size=10), ismath=False
    )
    return float(width) / 10


def _agreement(figure: Any, axes: Any, agreement: Agreement | None, aspect: float) -> None:
    axes.set_axis_off()
    if agreement is None:
        axes.text(0.5, 0.5, "agreement was not judged", ha="center", transform=axes.transAxes)
        return
    shown = axes.imshow(agreement.z, cmap="coolwarm", vmin=-_LIMIT, vmax=_LIMIT, aspect=aspect)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="z")
    axes.set_title("agreement of the counts")


def _columns(figure: Any, axes: Any, denoised: Micrograph, columns: pd.DataFrame | None) -> None:
    first = None if columns is None else columns_shown(columns, denoised)
    if columns is None or first is None or not len(first):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no columns", ha="center", transform=axes.transAxes)
        return
    panel(axes, denoised, number_of(len(first), "column"))
    low, high = np.nanpercentile(first["intensity"], (2, 98))
    unit = columns.attrs.get("unit") or "image units"
    size = float(np.clip(_DOTS / max(len(first), 1), 1, 8))
    spots = axes.scatter(first["x"], first["y"], c=first["intensity"], s=size, vmin=low, vmax=high)
    figure.colorbar(spots, ax=axes, shrink=0.8, label=f"intensity [{unit}]")
    doubtful = first[~first["supported"]]
    axes.scatter(
        doubtful["x"], doubtful["y"], s=40, facecolors="none", edgecolors="magenta", linewidths=1
    )


def _words(
    raw: Micrograph,
    denoised: Micrograph,
    agreement: Agreement | None,
    halves: SplitHalf | None,
    columns: pd.DataFrame | None,
    remarks: str,
    warnings: Sequence[str],
) -> list[tuple[str, str]]:
    facts = [("Remarks", remarks)] if remarks.strip() else []
    facts += [("Source", str(raw.source or "not a file")), ("Image", _calibration(raw, denoised))]
    steps = [_step(step) for step in history(denoised.metadata) if isinstance(step, dict)]
    facts += [("Done", "\n".join(steps))] if steps else []
    if agreement is not None:
        facts.append(("Agreement", agreement.verdict()))
    if halves is not None:
        facts.append(("Halves", str(halves)))
    if columns is not None and len(columns := columns_shown(columns, denoised)):
        surface = int(columns["surface"].sum())
        text = f"{len(columns)}, {surface} at the surface, {support_told(columns)}."
        if columns.attrs.get("judged"):
            text += f" Judged: {columns.attrs['judged']}."
        if "y_err_nm" in columns:
            error = 1e3 * float(np.hypot(columns["y_err_nm"], columns["x_err_nm"]).median())
            text += f" Median position error {plain(error, 2)} pm." if np.isfinite(error) else ""
        facts.append(("Columns", text))
    return [*facts, ("Warnings", "\n".join(warnings))] if warnings else facts


def _step(step: dict[str, Any]) -> str:
    """A step of a recipe in a line; what another program has changed in it is left out."""
    settings, versions = (v if isinstance(v := step.get(k), dict) else {} for k in _PARTS)
    said = [
        f"{name} {settings[key]}"
        for key, name in _TOLD.items()
        if settings.get(key) and isinstance(settings[key], str | int | float)
    ]
    computed = versions.get("napari-sbd")
    by = f" (napari-sbd {computed})" if isinstance(computed, str) else ""
    name = str(step.get("operation")).replace("_", " ")
    return f"{name}{': ' if said else ''}{', '.join(said)}{by}."


def _calibration(m: Micrograph, denoised: Micrograph) -> str:
    size = m.pixel_size_yx
    pixel = "unknown pixel size" if size is None else "{:.4g} x {:.4g} nm pixels".format(*size)
    text = f"{' x '.join(map(str, m.shape))}, {pixel}"
    if m.gain is not None:
        text += f", gain {m.gain:.4g}, offset {m.offset:.4g}"
    electrons = electrons_per_pixel(m, block_of(denoised.metadata) or (1, 1))
    if electrons is not None:
        text += f"; dose: {dose_text(m, electrons)}"
        text += "" if m.gain is not None else " (single electrons)"
    if recorded := sentence(m.metadata):
        text += f"; as the file has it, {recorded}"
    return f"{text}."
