"""What a batch says of each result: how it was made and, where asked for, how good it is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError, warn
from ..frames import frame_of, reference_number
from ..io import stem
from ..recipe import history

if TYPE_CHECKING:
    from ..micrograph import Micrograph


@dataclass(frozen=True)
class Facts:
    """A result in numbers; None where it was not looked at or cannot be said.

    Parameters
    ----------
    model
        Its name.
    pixel_size_nm
        As told or read; the geometric mean where the axes differ.
    dose_e_per_pixel
        Mean electrons per pixel.
    halves
        How far the images of two halves of the electrons agree: agree, partly, disagree.
    resolution_nm
        The finest period on which they agree.
    columns, unsupported
        How many were found, and how many of them the counts contradict.
    spacing_nm
        Typical distance of neighbouring columns.
    """

    model: str | None = None
    pixel_size_nm: float | None = None
    dose_e_per_pixel: float | None = None
    halves: str | None = None
    resolution_nm: float | None = None
    columns: int | None = None
    unsupported: int | None = None
    spacing_nm: float | None = None

    @classmethod
    def names(cls) -> list[str]:
        """Of the columns in the table of a batch."""
        return [f.name for f in fields(cls)]

    def row(self) -> list[Any]:
        """Their values, four digits each."""
        values = (getattr(self, name) for name in self.names())
        return ["" if v is None else f"{v:.4g}" if isinstance(v, float) else v for v in values]


def facts(raw: Micrograph, result: Micrograph, target: Path, judge: bool, report: bool) -> Facts:
    """Look at a result.

    Parameters
    ----------
    raw, result
        Before and after; of a movie its first frame with beam is looked at.
    target
        Where the result is; ``NAME_columns.csv`` and ``NAME_report.pdf`` are written beside it.
    judge
        Compare halves of the electrons, find columns and write their table.
    report
        Write a page for the lab book.

    Returns
    -------
    What is known of the result.

    Warns
    -----
    UserWarning
        If the image cannot be judged, with the reason.
    """
    from ..columns import write_columns

    found = _of_recipe(result)
    if not (judge or report):
        return found
    number = reference_number(raw)
    raw, result = _frame(raw, number), _frame(result, number)
    name = stem(target)
    judged, columns = None, None
    if judge:
        found, columns = _judged(found, raw, result)
        if columns is not None:
            write_columns(columns, target.with_name(f"{name}_columns.csv"))
    if report:
        from ..agreement import agreement
        from ..figures.report import write_report

        try:
            judged = agreement(raw, result)
        except SBDError as error:
            warn(f"Not judged: {error}")
        page = target.with_name(f"{name}_report.pdf")
        write_report(page, raw, result, agreement=judged, columns=columns)
    return found


def _of_recipe(result: Micrograph) -> Facts:
    steps = [s for s in history(result.metadata) if s.get("operation") == "denoise"]
    settings = steps[-1].get("settings", {}) if steps else {}
    size = result.pixel_size_yx
    return Facts(
        model=settings.get("model"),
        pixel_size_nm=None if size is None else float(np.sqrt(size[0] * size[1])),
        dose_e_per_pixel=settings.get("dose"),
    )


def _frame(m: Micrograph, number: int) -> Micrograph:
    return m.replace(data=np.asarray(frame_of(m, number)), frame_time=None) if m.is_movie else m


def _judged(found: Facts, raw: Micrograph, result: Micrograph) -> tuple[Facts, Any]:
    """Halves and columns; what cannot be had is warned of."""
    from ..agreement.resolution import split_half_resolution
    from ..columns import find_columns

    values = {name: getattr(found, name) for name in Facts.names()}
    table = None
    try:
        halves = split_half_resolution(raw, result)
        finest = halves.resolution_nm
        values["halves"] = halves.verdict()
        values["resolution_nm"] = finest if finest and np.isfinite(finest) else None
    except SBDError as error:
        warn(f"Halves not compared: {error}")
    try:
        table = find_columns(raw, result)
        values["columns"] = len(table)
        if len(table):
            values["unsupported"] = int((~table["supported"]).sum())
            if found.pixel_size_nm:
                values["spacing_nm"] = float(table.attrs["spacing"]) * found.pixel_size_nm
    except SBDError as error:
        warn(f"Columns not measured: {error}")
    return Facts(**values), table
