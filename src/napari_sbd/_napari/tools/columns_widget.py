"""The Columns dock widget: atomic columns found, fitted and judged, as points to edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Points, Tracks
from napari.utils.events import disconnect_events
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QPushButton, QSlider
from superqt.utils import qdebounced

from ...columns import write_columns
from ...errors import SBDError
from ...micrograph import Micrograph
from ...spots import Detection, detect
from ...units import number_of
from ..forms.fields import beside, choices, file_to_write
from ..forms.pair_boxes import pair_boxes
from ..forms.region_box import RegionBox
from ..forms.task_widget import Task, TaskWidget, sentence
from ..forms.viewers import bare
from ..jobs.gain import electrons_error
from ..jobs.judging import patience
from ..jobs.measuring import measure
from ..jobs.when_gone import when_gone
from ..jobs.work import in_background
from ..layers import columns as columns_layer
from ..layers import micrographs as layers
from ..layers.calibrating import gain_errors
from ..layers.earlier import counted_with, note_gain, refuse_earlier
from ..layers.results import dim_maps, only_colour_bar, put
from ..layers.view_state import frame_shown
from .columns_editing import ColumnsEditing, editing_of

if TYPE_CHECKING:
    import pandas as pd

    import napari

_SHOWN, _ALL = "frame shown", "all, followed"
_NOTHING_YET = "Columns are found in a denoised image: click Denoise first, then Find columns."
_NONE_YET = "There are no columns of this image yet; click Find columns."
_PREVIEW = "columns preview"
_KINDS = {"CSV": ".csv", "atomap": ".hdf5", "XYZ": ".xyz"}
_STEPS = 100  # of the sensitivity slider


class ColumnsWidget(TaskWidget):
    """Find the columns of a denoised layer, with the raw layer for errors and judgement.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Find columns", "Add the columns as points with their numbers.")
        self.raw, self.denoised = pair_boxes(viewer)
        self.polarity = choices(["auto", "bright", "dark"], "Whether columns are bright or dark.")
        self.frames = choices([_SHOWN, _ALL], "Of a movie: one frame, or all, linked to tracks.")
        self.frames.setMinimumContentsLength(len(_SHOWN))
        self.sensitivity = QSlider(Qt.Orientation.Horizontal)
        self.sensitivity.setRange(0, _STEPS)
        self.sensitivity.setValue(_STEPS // 2)
        self.sensitivity.setToolTip("To the right, fainter columns are found; watch the preview.")
        self.colour = choices(list(columns_layer.COLOURS), "What colours the points.")
        self.outline = QCheckBox("outline")
        self.outline.setToolTip("Add the outline of the structure as a shape.")
        self.export = QPushButton("Export…")
        self.export.setToolTip("Write the table: CSV, HDF5 for atomap, or XYZ.")
        self.add_row("Denoised", self.denoised)
        self.add_row("Raw", self.raw)
        self.region = RegionBox(viewer, lambda: self.denoised.layer)
        self.add_row("Region", beside(self.region, self.region.draw))
        self.add_row("Columns", beside(self.polarity, self.frames))
        self.add_row("Sensitivity", beside(self.sensitivity, self.keep))
        self.add_row("Colour by", beside(self.colour, self.outline))
        self.undo = QPushButton("Undo")
        self.undo.setToolTip("Take back the last edit of a column (Ctrl+Z on the points).")
        self.redo = QPushButton("Redo")
        self.redo.setToolTip("Do it again (Ctrl+Shift+Z on the points).")
        self.below.addWidget(beside(self.undo, self.redo, self.export))
        self._asked: tuple[Image, tuple[Micrograph | None, Micrograph]] | None = None
        self._counted: dict[str, Any] = {}
        self._raw: Image | None = None
        self._dots: Points | None = None  # of the preview
        self._counted_before = ""  # what was said of it
        self._found: list[_Found] = []  # the newest last
        for layer in viewer.layers:
            self._adopt(layer)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        when_gone(self, self._let_go, bare(viewer))
        self.sensitivity.valueChanged.connect(self._preview)
        self.denoised.chosen.connect(self._drop_preview)
        self.colour.currentTextChanged.connect(self._colour)
        self.export.clicked.connect(self._export)
        self.undo.clicked.connect(lambda: self._step(ColumnsEditing.undo))
        self.redo.clicked.connect(lambda: self._step(ColumnsEditing.redo))
        self.export.setEnabled(bool(self._found))

    @property
    def found(self) -> _Found | None:
        """The columns that are meant: those in front, else the newest of the image chosen."""
        image, front = self.denoised.layer, bare(self.viewer.layers.selection.active)
        ours = [one for one in self._found if image is None or one.image is image]
        return next((one for one in self._found if one.layer is front), ours[-1] if ours else None)

    @property
    def busy(self) -> bool:
        """Whether columns that were edited wait for their fit."""
        return any(one.editing is not None and one.editing.busy for one in self._found)

    def _inserted(self, event: Any) -> None:
        self._adopt(event.value)

    def _adopt(self, layer: Layer) -> None:
        """Know columns that are in the viewer, whoever found them, and follow their edits."""
        if not columns_layer.is_columns(layer):
            return
        made_from, every = layer.metadata.get(layers.MADE_FROM), list(self.viewer.layers)
        image = next((one for one in every if str(one.unique_id) == made_from), None)
        editing = editing_of(layer, image, every)
        if editing is not None:
            editing.said.connect(self._edited)
            editing.refused.connect(self._refused)
        self._keep(_Found(image, layer, editing=editing))

    def _removed(self, event: Any) -> None:
        """Hold on to nothing of columns that are gone."""
        self._found = [one for one in self._found if one.layer is not event.value]
        self.export.setEnabled(bool(self._found))

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        disconnect_events(viewer.layers.events, self)
        if self._dots is not None and self._dots in viewer.layers:
            viewer.layers.remove(self._dots)

    def _keep(self, found: _Found) -> None:
        self._found.append(found)
        self.export.setEnabled(True)

    def prepare(self) -> Task:
        """Read the fields."""
        layer = layers.needed(
            self.denoised.layer, _NOTHING_YET if self.raw.count() else layers.NO_IMAGE
        )
        m = layers.micrograph_of(layer)
        others = [self.raw.itemData(i) for i in range(self.raw.count())]
        if self.raw.layer is None and any(o.data.shape == layer.data.shape for o in others):
            raise SBDError(layers.NO_RAW)
        raw = None if self.raw.layer is None else layers.micrograph_of(self.raw.layer)
        frame = frame_shown(self.viewer, layer) if m.is_movie else None
        follow = frame is not None and self.frames.currentText() == _ALL
        if frame is not None and not follow:
            m, raw = m.frame(frame), None if raw is None else raw.frame(frame)
        self._asked = layer, (raw, m)
        self._counted = {} if raw is None else counted_with(raw)
        self._raw = self.raw.layer
        self.meanwhile = "" if raw is None else patience(m)
        settings = {
            "polarity": self.polarity.currentText(),
            "sensitivity": self.sensitivity.value() / _STEPS,
            "region": self.region.region(),
        }
        error = 0.0 if raw is None else electrons_error(raw, gain_errors(self.raw.layer))
        return partial(measure, m, raw, settings, follow, frame, error)

    def show_result(self, result: tuple[pd.DataFrame, int | None, str]) -> str:
        """Add the points, or the tracks."""
        table, frame, warning = result
        self._drop_preview()
        if not len(table) or self._asked is None:
            return warning or "No columns were found."
        source, pair = self._asked
        layers.still_there(self.viewer, source)
        keep = self.keep.isChecked()
        counted = self._counted if table.attrs.get("unit") == "electrons" else {}
        if "track" in table:
            tracks = columns_layer.tracks_layer(table, source)
            self._note(tracks, counted)
            self._keep(_Found(source, tracks, table))
            put(self.viewer, tracks, "tracks", keep=keep)
            followed = number_of(table["track"].nunique(), "column")
            return f"{followed} followed through the movie. {warning}"
        layer = columns_layer.points_layer(table, source, frame)
        self._note(layer, counted)
        outline = columns_layer.outline_layer(table, source, frame)
        if outline is not None and self.outline.isChecked():
            put(self.viewer, outline, "outline", keep=keep)
        ColumnsEditing(layer, pair)  # for as long as there are these columns
        put(self.viewer, layer, "columns", keep=keep)
        dim_maps(self.viewer)
        self._colour_them(layer)
        words = columns_layer.words(table, pair[0] is not None, frame=frame)
        return f"{words} {warning}".strip()

    def _note(self, layer: Points | Tracks, counted: dict[str, Any]) -> None:
        """Keep by which gain a layer counts, which may be another one by now."""
        layer.metadata = {**layer.metadata, **counted}
        if self._raw is not None and self._raw in self.viewer.layers:
            note_gain(layer, layers.micrograph_of(self._raw))

    def _edited(self, points: Points | None, words: str) -> None:
        """Tell what came of an edit like what was found, in its place."""
        image = next((one.image for one in self._found if one.layer is points), None)
        if image is not None and image is self.denoised.layer:
            self.tell(words)
        else:
            self.say(words if image is None else f"{image.name}: {words}")

    def _refused(self, _points: Points, words: str) -> None:
        self.say(words)

    def _colour(self) -> None:
        if self.found is not None and isinstance(self.found.layer, Points):
            self._colour_them(self.found.layer)

    def _colour_them(self, points: Points) -> None:
        if points in self.viewer.layers:
            columns_layer.colour(points, self.colour.currentText())
            only_colour_bar(self.viewer, points)

    @qdebounced(timeout=60)
    def _preview(self) -> None:
        """Show which extrema the slider lets pass, looked for in the background."""
        layer = self.denoised.layer
        if layer is None or self.running:
            return
        frame = frame_shown(self.viewer, layer) if layer.ndim == 3 else None
        image = layer.data if frame is None else layer.data[frame]
        work = partial(
            detect,
            np.asarray(image),
            sensitivity=self.sensitivity.value() / _STEPS,
            polarity=self.polarity.currentText(),  # type: ignore[arg-type]
        )
        in_background(work, partial(self._show_preview, layer, frame), self._complain_of).start()

    def _show_preview(self, layer: Image, frame: int | None, found: Detection) -> None:
        if layer is not self.denoised.layer or self.running:
            return
        points = np.column_stack([found.y, found.x])
        if frame is not None:
            points = np.column_stack([np.full(len(points), frame), points])
        if self._dots is not None and self._dots in self.viewer.layers:
            self._dots.data = points
        else:
            active = self.viewer.layers.selection.active
            self._dots = Points(
                points,
                ndim=layer.ndim,
                name=_PREVIEW,
                size=max(found.scale or 2.0, 2.0),
                face_color="yellow",
                border_width=0,
                metadata=layers.made_from(layer),
                **layers.place_of(layer),
            )
            self.viewer.add_layer(self._dots)
            self.viewer.layers.selection.active = active
        self._counted_before = found.why or f"{number_of(len(points), 'column')} would be found."
        self.say(self._counted_before)

    def _drop_preview(self) -> None:
        """Show neither dots nor their number any more, such as of another image than is chosen."""
        dots, self._dots = self._dots, None
        if dots is not None and dots in self.viewer.layers:
            self.viewer.layers.remove(dots)
        if self._counted_before and self.message.text() == self._counted_before:
            self.say("")
            self.tell_again()

    def _step(self, to: Callable[[ColumnsEditing], None]) -> None:
        if self.found is not None and self.found.editing is not None:
            to(self.found.editing)
        else:
            self.say(_NONE_YET)

    def _export(self) -> None:
        found = self.found
        if found is None:
            self.say(_NONE_YET)
            return
        try:
            refuse_earlier(found.layer)
            if isinstance(found.layer, Points):
                table = columns_layer.table_of(found.layer)
            else:
                size = layers.pixel_size_of(found.layer)
                table = columns_layer.as_calibrated(found.tracked, size)
            path = file_to_write(self, "Export columns", "columns.csv", _KINDS)
            if not path:
                return
            write_columns(table, path)
            self.say(f"Wrote {found.layer.name} to {path}.")
        except SBDError as error:
            self._complain_of(error)

    def _complain_of(self, error: Exception) -> None:
        self.say(sentence(error))


@dataclass(frozen=True, eq=False)
class _Found:
    """Columns of an image as points, which can be edited, or as tracks with their table."""

    image: Image | None
    layer: Points | Tracks
    tracked: Any = None
    editing: ColumnsEditing | None = None
