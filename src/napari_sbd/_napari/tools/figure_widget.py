"""The Figure dock widget: pictures for papers and films for talks, one click each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.events import disconnect_events
from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton

from ...errors import Cancelled, SBDError
from ...figures.film import write_film
from ...figures.plate import write_figure
from ...micrograph import Micrograph
from ...region import Region
from ..forms.fields import FIGURES, NumberBox, beside, file_to_write
from ..forms.pair_boxes import ColumnsBox, needed_pair, pair_boxes
from ..forms.region_box import RegionBox
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..forms.viewers import bare
from ..jobs.gain import Gain
from ..jobs.judging import judge, patience
from ..jobs.when_gone import when_gone
from ..layers import columns as columns_layer
from ..layers import micrographs as layers
from ..layers.earlier import made_of
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    import napari

_FILMS = {"MP4": ".mp4", "GIF": ".gif"}
_NO_FILE = "No file was chosen, so nothing was written."
_GAP = 1.04  # image widths from the raw image to the one beside it


class FigureWidget(TaskWidget):
    """Write raw, denoised and judged image as a figure, or movies as a film; put both side by side.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer, "Figure…", "Write raw, denoised and judged image side by side: PDF, PNG, SVG."
        )
        self.raw, self.denoised = pair_boxes(viewer)
        self.columns = ColumnsBox(
            viewer, self.denoised, "Drawn over the denoised image; none if there are none."
        )
        self.region = RegionBox(viewer, lambda: self.denoised.layer)
        self.judged = QCheckBox("judged")
        self.judged.setToolTip("A third picture: where counts and denoised image disagree.")
        self.judged.setChecked(True)
        self.spectra = QCheckBox("spectra")
        self.spectra.setToolTip("The power spectrum in a corner of the first two.")
        self.spectra.setChecked(True)
        self.rate = NumberBox()
        self.rate.setRange(0.5, 60)
        self.rate.setDecimals(1)  # two are cut in a narrow dock
        self.rate.setValue(10)
        self.rate.setToolTip("Frames per second of the film.")
        self.film = QPushButton("Film…")
        self.film.setToolTip("Write the raw and the denoised movie side by side: MP4 or GIF.")
        self.side = QPushButton("Side by side")
        self.side.setCheckable(True)
        self.side.setToolTip(
            "Put the denoised image beside the raw one in the same view, so that both move and "
            "zoom together; click again to lay it back."
        )
        self.add_row("Denoised", self.denoised)
        self.add_row("Raw", self.raw)
        self.add_row("Columns", self.columns)
        self.add_row("Part", beside(self.region, self.region.draw))
        self.add_row("With", beside(self.judged, self.spectra))
        self.add_row("Film", beside(self.rate, QLabel("frames/s"), self.film))
        self.add_row("View", self.side)
        self._as_film = False
        self._fresh = False  # whether a layer came since the last look
        self._soon = QTimer(self)  # once a result that takes the place of another is in it
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._look)
        self.denoised.chosen.connect(self._soon.start)
        viewer.layers.events.inserted.connect(self._inserted)
        when_gone(self, self._let_go, bare(viewer))
        self.film.clicked.connect(self._start_film)
        self.side.toggled.connect(self._side_by_side)

    def prepare(self) -> Task:
        """Read the fields; ask where to."""
        as_film, self._as_film = self._as_film, False
        raw, denoised = needed_pair(self.raw, self.denoised)
        pair = layers.micrograph_of(raw), layers.micrograph_of(denoised)
        if as_film:
            if not pair[0].is_movie:
                raise SBDError("A film needs a movie; these are single images.")
            path = file_to_write(self, "Write film", "film.mp4", _FILMS)
            if not path:
                raise SBDError(_NO_FILE)
            return partial(_film, path, *pair, self.rate.value())
        frame = None
        if pair[0].is_movie:
            frame = frame_shown(self.viewer, denoised)
            pair = pair[0].frame(frame), pair[1].frame(frame)
        table = columns_layer.table_shown(self.columns.layer, frame)
        region = self.region.region()
        path = file_to_write(self, "Write figure", "figure.pdf", FIGURES)
        if not path:
            raise SBDError(_NO_FILE)
        self.meanwhile = patience(pair[1]) if self.judged.isChecked() else ""
        options = {"fft": self.spectra.isChecked(), "columns": table}
        return partial(_figure, path, *pair, region, self.judged.isChecked(), options)

    def show_result(self, result: tuple[Path, str]) -> str:
        """Say where it is."""
        path, said = result
        return f"Wrote {path}. {said}".strip()

    def _start_film(self) -> None:
        self._as_film = True
        self._start()

    def _side_by_side(self, on: bool) -> None:
        """Move the denoised image and what lies on it beside the raw one, or back."""
        try:
            self._lay(on)
        except SBDError as error:
            self.say(str(error))
            self.side.setChecked(False)
            return
        self.viewer.reset_view()

    def _lay(self, on: bool) -> None:
        raw, denoised = needed_pair(self.raw, self.denoised)
        every = list(self.viewer.layers)
        for layer in {denoised, *made_of(denoised, every), *made_of(raw, every)}:
            aid = layers.AIDS in layer.metadata and layers.STEP not in layer.metadata
            if not aid and _is_beside(layer, raw) != on:  # a live preview stays on its image
                to = layer.translate[-1] + (_far(raw) if on else -_far(raw))
                layer.translate = (*layer.translate[:-1], to)

    def _inserted(self, _event: Any) -> None:
        self._fresh = True
        self._soon.start()

    def _look(self) -> None:
        """Lay what is new beside the raw image, too; show how the images that are chosen lie."""
        fresh, self._fresh = self._fresh, False
        raw, denoised = self.raw.layer, self.denoised.layer
        if raw is None or denoised is None:
            return
        if fresh and self.side.isChecked():
            self._lay(True)
        with QSignalBlocker(self.side):
            self.side.setChecked(_is_beside(denoised, raw))

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        disconnect_events(viewer.layers.events, self)


def _far(raw: Image) -> float:
    """From a raw image to the one beside it."""
    return float(_GAP * raw.data.shape[-1] * raw.scale[-1])


def _is_beside(layer: Layer, raw: Image) -> bool:
    return bool(layer.translate[-1] - raw.translate[-1] > _far(raw) / 2)


def _figure(
    path: str,
    raw: Micrograph,
    denoised: Micrograph,
    region: str | None,
    judged: bool,
    options: dict[str, Any],
    progress: Progress,
    should_stop: ShouldStop,
) -> tuple[Path, str]:
    agreement, said = None, ""
    if judged:
        found, said = judge(raw, denoised)
        if isinstance(found, Gain):
            said = "It has no judged picture, since the gain is not known."
        else:
            agreement = found
    part = None if region is None else Region.of(region).on(raw.shape)
    box = None if part is None else (part.rows, part.columns)
    written = write_figure(path, raw, denoised, agreement=agreement, box=box, **options)
    return written, said


def _film(
    path: str,
    raw: Micrograph,
    denoised: Micrograph,
    rate: float,
    progress: Progress,
    should_stop: ShouldStop,
) -> tuple[Path, str]:
    def tell(done: float, total: float) -> None:
        if should_stop():
            raise Cancelled("Stopped before the film was complete.")
        progress(done, total)

    return write_film(path, raw, denoised, frames_per_second=rate, progress=tell), ""
