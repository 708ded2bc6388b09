"""The Watch dock widget: frames denoised while the camera writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QPushButton, QSpinBox

from ...errors import SBDError
from ...units import parse_number, parse_pixel_size
from ..forms.fields import beside, field, path_in, text
from ..forms.modality import modality_box
from ..forms.model_box import ModelBox
from ..forms.reading import ReadingBox
from ..forms.spectrum_view import SpectrumView
from ..forms.task_widget import Task, TaskWidget, merged
from ..jobs.preferences import preference
from ..jobs.watching import Shown, Watching
from ..layers import micrographs as layers
from ..layers.results import show_scale_bar

if TYPE_CHECKING:
    import napari

    from ...micrograph import Micrograph
    from ...watch import Summary
    from ..jobs.work import Work

_MOST = 200  # frames of a mean
_TOLD = 5  # messages, the last ones, that the end of a watch repeats
_GAP = 1.04  # image widths from the denoised image to the mean beside it
_DENOISED, _MEAN = "watch: newest, denoised", "watch: mean"


class WatchWidget(TaskWidget):
    """Follow a folder or a growing file; show the newest frame and what the last ones say.

    Parameters
    ----------
    viewer
        The viewer.
    """

    in_line = False

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Watch", "Denoise each frame as soon as it is there.")
        self.cancel.setText("Stop")
        self.cancel.setToolTip("End the watch; what is shown and written stays.")
        self.source = field("folder or file", "Where the camera writes: a folder, or one file.")
        self.folder = QPushButton("Folder…")
        self.file = QPushButton("File…")
        self.output = field("not written", "Folder for the results; empty writes none.")
        self.into = QPushButton("Folder…")
        self.pixel_size = field("as in the file", "nm per pixel.")
        self.gain = field("as in the file", "Values of the image per electron.")
        self.model = ModelBox()
        self.modality = modality_box(self.source)
        self.frames = QSpinBox()
        self.frames.setRange(1, _MOST)
        self.frames.setValue(8)
        self.frames.setToolTip(
            "How many of the last frames the mean beside the newest one is taken of; drift moves "
            "them onto each other."
        )
        self.preview = QCheckBox("preview")
        self.preview.setToolTip(
            "Of frames too large for that, denoise the middle alone, five times a second."
        )
        self.add_row("Source", beside(self.source, self.folder, self.file))
        self.add_row("Results", beside(self.output, self.into))
        self.add_row("Pixel size", beside(self.pixel_size, QLabel("nm, gain"), self.gain))
        self.reading = ReadingBox()
        self.add_row("Sum frames", self.reading)
        self.add_row("Model", beside(self.model, self.modality))
        self.add_row("Mean of", beside(self.frames, QLabel("frames"), self.preview))
        self.numbers = text("Focus and drift; the fine contrast is largest where it is in focus.")
        self.spectrum = SpectrumView()
        self.keep_this = QPushButton("Keep this one")
        self.keep_this.setToolTip("Copy the newest frame, raw and denoised, into layers that stay.")
        self.keep_this.setEnabled(False)
        for part in (self.numbers, self.keep_this, self.spectrum):
            self.below.addWidget(part)
        self.folder.clicked.connect(lambda: self._browse(self.source, folder=True))
        self.file.clicked.connect(lambda: self._browse(self.source, folder=False))
        self.into.clicked.connect(lambda: self._browse(self.output, folder=True))
        self.keep_this.clicked.connect(self._keep)
        self._watching: Watching | None = None
        self._shown: Shown | None = None
        self._told = 0

    def prepare(self) -> Task:
        """Read the fields."""
        if not self.source.text().strip():
            raise SBDError("Choose the folder or file into which the camera writes.")
        source = str(path_in(self.source))
        output = str(path_in(self.output)) if self.output.text().strip() else None
        settings = {
            "model": self.model.chosen,
            "modality": self.modality.currentText(),
            "device": preference("device"),
            "pixel_size": parse_pixel_size(self.pixel_size.text()),
            "gain": parse_number(self.gain.text(), "gain"),
            "preview": self.preview.isChecked(),
            "skip": output is None,  # of frames that are only looked at, the newest ones count
            **self.reading.chosen,
        }
        self._watching = Watching(source, output, self.frames.value(), settings)
        self._shown, self._told = None, 0
        return self._watching

    def watch(self) -> None:
        """Show what came since the last look."""
        watching = self._watching
        if watching is not None and self.running and len(watching.words) > self._told:
            self._told = len(watching.words)
            self.say(watching.words[-1])
        if watching is None or watching.newest is None or watching.newest is self._shown:
            return
        self._shown = shown = watching.newest
        running = shown.running
        self.numbers.setText(str(running))
        self.spectrum.show_spectrum(shown.spectrum, shown.reach, running.unit)
        height_width = np.array(running.raw.shape)
        beside_it = (0.0, _GAP * height_width[1])
        self._lay(_DENOISED, running.result, np.asarray(running.result.data), (0.0, 0.0))
        self._lay(_MEAN, running.raw, running.average, beside_it)
        self.keep_this.setEnabled(True)

    def words_of(self, work: Work) -> str:
        """How many frames came, and how late."""
        return work.job.words if work.job.cancelled or not self._watching else self._watching.state

    def show_result(self, result: Summary) -> str:
        """What it came to."""
        said = merged(dict.fromkeys(self._watching.words)) if self._watching else []
        counts = ", ".join(f"{n} {fate}" for fate, n in result.fates.items()) or "no frame came"
        before = len(said) - _TOLD
        more = [f"Before that, {before} other message{'s' * (before > 1)}."] if before > 0 else []
        return " ".join([f"Watched: {counts}.", *said[-_TOLD:], *more])

    def _lay(
        self, name: str, m: Micrograph, values: np.ndarray, offset: tuple[float, float]
    ) -> None:
        """Show values in the layer of a name; its contrast is held from frame to frame.

        With another magnification the frames are of another scene, in a layer of its own scale.
        """
        if name in self.viewer.layers:
            layer = self.viewer.layers[name]
            same = layers.micrograph_of(layer).pixel_size_yx == m.pixel_size_yx
            if layer.data.shape == values.shape and same:
                layer.data = values
                return
            self.viewer.layers.remove(layer)
        _, attributes, _ = layers.to_layer(m.replace(data=values, name=name))
        first = not len(self.viewer.layers)
        attributes["translate"] = np.array(attributes["scale"]) * offset
        attributes["metadata"] = {**attributes["metadata"], layers.AIDS: True}
        shown = self.viewer.add_layer(Image(values, **attributes))
        if first:
            show_scale_bar(self.viewer, shown)
        if first or name == _MEAN:
            self.viewer.reset_view()

    def _keep(self) -> None:
        """Copy the newest frame into layers of its own."""
        if self._shown is None:
            return
        running = self._shown.running
        arrival = running.seen.arrival
        name = f"{arrival.path.stem} [{arrival.index}]"
        data, attributes, _ = layers.to_layer(running.raw.replace(name=name))
        raw = self.viewer.add_layer(Image(np.array(data), **attributes))
        layers.add_result(self.viewer, raw, running.result, "denoised")
        self.say(f"Kept {name}, raw and denoised.")

    def _browse(self, line: Any, folder: bool) -> None:
        if folder:
            path = QFileDialog.getExistingDirectory(self, "Choose a folder", line.text())
        else:
            path, _ = QFileDialog.getOpenFileName(self, "Choose the file that grows", line.text())
        if path:
            line.setText(path)
