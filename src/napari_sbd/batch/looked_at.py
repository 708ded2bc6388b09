"""What a batch says of each result: how it was made and, where asked for, how good it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError, listening, warn
from ..io import stem
from ..micrograph import FRAME
from ..micrograph.frames import reference_number
from ..noise.dose import electrons_per_pixel
from ..recipe import block_of, history

if TYPE_CHECKING:
    import pandas as pd

    from ..agreement.resolution import SplitHalf
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
        Mean electrons per pixel; also of whole numbers whose noise is that of single electrons.
    halves
        How far the images of two halves of the electrons agree: agree, partly, disagree.
    resolution_nm
        The finest period on which they agree.
    resolution_limited
        Whether that is the finest period that was looked at, so that finer ones may agree as well.
    columns, unsupported
        How many were found, and how many of them the data do not support.
    spacing_nm
        Typical distance of neighbouring columns.
    """

    model: str | None = None
    pixel_size_nm: float | None = None
    dose_e_per_pixel: float | None = None
    halves: str | None = None
    resolution_nm: float | None = None
    resolution_limited: bool | None = None
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


def facts(
    raw: Micrograph,
    result: Micrograph,
    target: Path,
    judge: bool,
    report: bool,
    first: int = 0,
) -> Facts:
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
    first
        Number in the source of what is frame 0 of ``raw``.

    Returns
    -------
    What is known of the result.

    Warns
    -----
    UserWarning
        If the image cannot be judged, with the reason.
    """
    from ..agreement import agreement
    from ..columns import write_columns

    found = _of_recipe(result, raw)
    if not (judge or report):
        return found
    number = reference_number(raw)
    in_source = {FRAME: first + number} if raw.is_movie else {}
    raw, result = raw.frame(number), result.frame(number)
    raw = raw.replace(metadata={**raw.metadata, **in_source})
    name = stem(target)
    judgement, verdict = Judgement(), None
    with listening() as said:
        if judge:
            judgement = _judged(raw, result)
        if report:
            verdict = _or_warn("Not judged", agreement, raw, result)
    for sentence in said:
        warn(sentence)
    if judge:
        found = replace(found, **judgement.facts(found.pixel_size_nm))
        if judgement.columns is not None:
            write_columns(judgement.columns, target.with_name(f"{name}_columns.csv"))
    if report:
        from ..figures.report import write_report

        write_report(
            target.with_name(f"{name}_report.pdf"),
            raw,
            result,
            agreement=verdict,
            halves=judgement.halves,
            columns=judgement.columns,
            warnings=said,
        )
    return found


def _of_recipe(result: Micrograph, raw: Micrograph) -> Facts:
    steps = [s for s in history(result.metadata) if s.get("operation") == "denoise"]
    settings = steps[-1].get("settings", {}) if steps else {}
    size = result.pixel_size_yx
    dose = settings.get("dose")
    if dose is None and steps:
        dose = electrons_per_pixel(raw, block_of(result.metadata) or (1, 1))
    return Facts(
        model=settings.get("model"),
        pixel_size_nm=None if size is None else float(np.sqrt(size[0] * size[1])),
        dose_e_per_pixel=dose,
    )


@dataclass(frozen=True)
class Judgement:
    """Halves of the electrons and columns of a result; None where they cannot be had."""

    halves: SplitHalf | None = None
    columns: pd.DataFrame | None = None

    def facts(self, pixel_size_nm: float | None) -> dict[str, Any]:
        """Fields of ``Facts``."""
        from ..columns.verdict import denied

        found: dict[str, Any] = {}
        if self.halves is not None:
            finest = self.halves.resolution_nm
            found["halves"] = self.halves.verdict()
            if finest and np.isfinite(finest):
                found |= {"resolution_nm": finest, "resolution_limited": self.halves.limited}
        if self.columns is not None:
            found["columns"] = len(self.columns)
        if self.columns is not None and len(self.columns):
            found["unsupported"] = int(denied(self.columns).sum())
            if pixel_size_nm:
                found["spacing_nm"] = float(self.columns.attrs["spacing"]) * pixel_size_nm
        return found


def _judged(raw: Micrograph, result: Micrograph) -> Judgement:
    from ..agreement.resolution import split_half_resolution
    from ..columns import find_columns

    return Judgement(
        _or_warn("Halves not compared", split_half_resolution, raw, result),
        _or_warn("Columns not measured", find_columns, raw, result),
    )


def _or_warn(what: str, judge: Callable[..., Any], raw: Micrograph, result: Micrograph) -> Any:
    try:
        return judge(raw, result)
    except SBDError as error:
        warn(f"{what}: {error}")
        return None
