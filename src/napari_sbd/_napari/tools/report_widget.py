"""The Report dock widget: one page for the lab book."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTextEdit

from ...agreement.resolution import split_half_resolution
from ...errors import SBDError
from ...figures.report import write_report
from ...micrograph import Micrograph
from ..forms.fields import FIGURES, file_to_write
from ..forms.pair_boxes import ColumnsBox, needed_pair, pair_boxes
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..jobs.gain import Gain
from ..jobs.judging import judge, patience, why_not
from ..layers import columns as columns_layer
from ..layers import micrographs as layers
from ..layers.calibrating import gain_errors
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    import napari

_REMARKS = 70  # pixels: three lines


class ReportWidget(TaskWidget):
    """Write raw, denoised, agreement, columns and recipe of the frame shown on one page.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Write report…", "Write a page as PDF, PNG or SVG.")
        self.raw, self.denoised = pair_boxes(viewer)
        self.columns = ColumnsBox(viewer, self.denoised, "Its columns, if they were found.")
        self.remarks = QTextEdit()  # which themes draw as a field, unlike QPlainTextEdit
        self.remarks.setAcceptRichText(False)
        self.remarks.setPlaceholderText("specimen, microscope, what for")
        self.remarks.setToolTip("Words of your own, printed on the page.")
        self.remarks.setFixedHeight(_REMARKS)
        self.add_row("Denoised", self.denoised)
        self.add_row("Raw", self.raw)
        self.add_row("Columns", self.columns)
        self.add_row("Remarks", self.remarks)

    def prepare(self) -> Task:
        """Ask where to; read the fields."""
        raw, denoised = needed_pair(self.raw, self.denoised)
        pair = [layers.micrograph_of(layer) for layer in (raw, denoised)]
        frame = None
        if pair[0].is_movie:
            frame = frame_shown(self.viewer, denoised)
            pair = [m.frame(frame).replace(name=f"{m.name}, frame {frame}") for m in pair]
        table = columns_layer.table_shown(self.columns.layer, frame)
        path = file_to_write(self, "Write report", "report.pdf", FIGURES)
        if not path:
            raise SBDError("No file was chosen, so nothing was written.")
        self.meanwhile = patience(pair[1])
        words = self.remarks.toPlainText()
        return partial(_write, path, pair[0], pair[1], table, words, gain_errors(raw))

    def show_result(self, result: Path) -> str:
        """Say where it is."""
        return f"Wrote {result}."


def _write(
    path: str,
    raw: Micrograph,
    denoised: Micrograph,
    columns: pd.DataFrame | None,
    remarks: str,
    errors: tuple[float, float],
    progress: Progress,
    should_stop: ShouldStop,
) -> Path:
    region = None if columns is None else columns.attrs.get("region")
    found, warned = judge(raw, denoised, True, region, errors)
    judged = None if isinstance(found, Gain) else found
    halves = None
    with suppress(SBDError):  # the line above says why no denoiser is known
        halves = split_half_resolution(raw, denoised)
    said = why_not(found) if isinstance(found, Gain) else warned
    return write_report(
        path,
        raw,
        denoised,
        agreement=judged,
        halves=halves,
        columns=columns,
        remarks=remarks,
        warnings=[said] if said else [],
    )
