"""The Drift dock widget: how far the scene of a movie moves, and the movie without that."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from ...errors import SBDError
from ...figures.drift import drift_figure, plot_drift
from ...files import writing
from ...micrograph import Micrograph
from ...movie import Drift, correct_drift, estimate_drift
from ..forms.fields import FIGURES, beside, file_to_write
from ..forms.layer_box import LayerBox
from ..forms.modality import modality_for
from ..forms.model_box import ModelBox
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..forms.themed import ThemedCanvas, colours_of
from ..layers import micrographs as layers
from ..layers.pairs import is_raw
from ..layers.results import AS_DENOISED, correction_of

if TYPE_CHECKING:
    import napari

_NO_MOVIE = "Drift needs a movie; this is a single image."
_HEIGHT = 300  # pixels of the plot
_SIZE = 4.2, 3.4  # inches


class DriftWidget(TaskWidget):
    """Estimate the drift of a movie, and add the movie without it.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Estimate drift", "Register each frame on those before it.")
        self.layer = LayerBox(viewer, "The raw movie.", _is_movie)
        self.model = ModelBox()
        self.interpolate = QCheckBox("by fractions of a pixel")
        self.interpolate.setToolTip(
            "Smoother, but the values are no counts any more; whole pixels keep what was recorded."
        )
        self.crop = QCheckBox("crop")
        self.crop.setToolTip("Keep what all frames hold; else edges without data are empty.")
        self.add_row("Movie", self.layer)
        self.add_row("Model", self.model)
        self.add_row("Move", beside(self.interpolate, self.crop))
        self.correct = QPushButton("Add the movie without drift")
        self.save = QPushButton("Save table or plot…")
        self.buttons = beside(self.correct, self.save)
        self.buttons.setVisible(False)
        self.plot = QWidget()
        self._inside = QVBoxLayout(self.plot)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self.below.addWidget(self.buttons)
        self.below.addWidget(self.plot)
        self.correct.clicked.connect(self._correct)
        self.save.clicked.connect(self._save)
        self.found: Drift | None = None
        self._source: Image | None = None
        self._movie: Micrograph | None = None
        self._camera: dict[str, Any] = {}

    def prepare(self) -> Task:
        """Read the fields."""
        self._source = layers.needed(self.layer.layer, _NO_MOVIE)
        self._movie = layers.micrograph_of(self._source)
        if not self._movie.is_movie:
            raise SBDError(_NO_MOVIE)
        self.buttons.setVisible(False)
        self._camera = correction_of(self.viewer.layers, self._source)
        told = {"model": self.model.chosen, "modality": modality_for(self._source), **self._camera}
        return partial(_estimate, self._movie, told)

    def show_result(self, result: Drift) -> str:
        """Draw the path."""
        self.found = result
        while (item := self._inside.takeAt(0)) is not None and (old := item.widget()) is not None:
            old.deleteLater()
        worn = colours_of(self.plot)
        canvas = ThemedCanvas(drift_figure(result, _SIZE, worn), worn)
        canvas.setFixedHeight(_HEIGHT)
        canvas.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)  # the wheel scrolls
        self._inside.addWidget(canvas)
        self.buttons.setVisible(True)
        return f"{result.verdict()} {AS_DENOISED if self._camera else ''}".rstrip()

    def _correct(self) -> None:
        if self.found is None or self._movie is None:
            return
        edges = "crop" if self.crop.isChecked() else "pad"
        try:
            self.refuse_outdated(of_choice=False)
            still = correct_drift(self._movie, self.found, self.interpolate.isChecked(), edges)  # type: ignore[arg-type]
        except SBDError as error:
            self._complain(str(error))
            return
        name = f"{self._movie.name} without drift"
        data, attributes, _ = layers.to_layer(still.replace(name=name))
        self.viewer.add_layer(Image(data, **attributes))
        self.say(f"Added {name}; denoise it as any other movie.")

    def _save(self) -> None:
        try:
            self.refuse_outdated(of_choice=False)
        except SBDError as error:
            self._complain(str(error))
            return
        path = file_to_write(self, "Save drift", "drift.csv", {"CSV": ".csv", **FIGURES})
        if not path or self.found is None:
            return
        try:
            if path.lower().endswith(".csv"):
                with writing(Path(path), "drift") as draft:
                    self.found.table().to_csv(draft, index=False)
            else:
                plot_drift(self.found, Path(path))
        except SBDError as error:
            self._complain(str(error))
            return
        self.say(f"Wrote {path}.")


def _is_movie(layer: Layer) -> bool:
    return is_raw(layer) and layer.ndim == 3


def _estimate(
    movie: Micrograph, told: dict[str, Any], progress: Progress, should_stop: ShouldStop
) -> Drift:
    return estimate_drift(movie, progress=progress, should_stop=should_stop, **told)
