"""The Detector dock widget: gain, offset and correlation from the image itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer, Shapes
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QPushButton, QScrollArea, QSizePolicy

from ...errors import SBDError
from ...micrograph import Micrograph
from ...noise.detector import Detector
from ...noise.detector_estimate import estimate_detector
from ..forms.fields import beside, choices
from ..forms.layer_box import LayerBox
from ..forms.plot import ask_and_save
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..forms.themed import ThemedCanvas, colours_of
from ..jobs.gain import gain_found
from ..layers import micrographs as layers
from ..layers.calibrating import calibrate
from ..layers.pairs import is_raw
from ..layers.shapes import lay_on, mask_of

if TYPE_CHECKING:
    import napari

_UNUSED, _DARK, _VACUUM = "no region", "dark: no electrons", "vacuum: even illumination"
_HEIGHT = 560  # pixels of the three plots, one below the other
_BORDER = 4  # pixels that the theme draws around them


class DetectorWidget(TaskWidget):
    """Calibrate the detector of an image layer and keep the values on the layer.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer,
            "Estimate",
            "Gain, offset, read-out noise and correlation from variance against mean.",
        )
        self.layer = LayerBox(viewer, "Raw detector values: an image or a movie.", is_raw)
        self.use = choices(
            [_UNUSED, _DARK, _VACUUM],
            "What the shapes of the layer below mark. A dark region gives offset and read-out "
            "noise; vacuum gives the noise spectrum.",
        )
        self.region = LayerBox(viewer, "A shapes layer drawn on the image.", _is_shapes)
        self.add_row("Image", self.layer)
        self.add_row("Marked", self.use)
        self.add_row("Shapes", self.region)
        self.take = QPushButton("Use these values")
        self.take.setToolTip("Gain and offset of this image from now on, in all tools.")
        self.save = QPushButton("Save plot…")
        self.save.setToolTip("As PNG, PDF or SVG.")
        self.buttons = beside(self.take, self.save)
        self.buttons.setVisible(False)
        self.below.addWidget(self.buttons)
        self.take.clicked.connect(self._keep)
        self.save.clicked.connect(self._save)
        self.plots = _Plots()
        self.plots.setVisible(False)
        self.below.addWidget(self.plots)
        self.found: Detector | None = None
        self._source: Image | None = None

    def prepare(self) -> Task:
        """Read the fields."""
        layer = layers.needed(self.layer.layer)
        m = layers.micrograph_of(layer)
        use = self.use.currentText()
        mask = None
        if use != _UNUSED:
            if self.region.layer is None:
                raise SBDError("Draw the region first: add a shapes layer and mark it there.")
            lay_on(layer, self.region.layer)
            mask = mask_of(self.region.layer, layer)
        self._source = layer
        dark, vacuum = (mask if use == kind else None for kind in (_DARK, _VACUUM))
        # a calibration that is there already would be kept, not estimated
        return partial(_estimate, m.replace(gain=None, offset=0.0), dark, vacuum)

    def depends_on(self) -> list[Layer]:
        """The region: what is known of gain and offset is not used."""
        return [] if self.region.layer is None else [self.region.layer]

    def show_result(self, result: Detector) -> str:
        """Draw the plots, offer to use the values."""
        self.found = result
        worn = colours_of(self)
        figure = result.figure(1, worn)
        figure.set_dpi(80)
        plot = ThemedCanvas(figure, worn)
        plot.setFixedHeight(_HEIGHT)
        plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)  # the wheel scrolls
        self.plots.setWidget(plot)
        self.plots.setVisible(True)
        self.take.setEnabled(gain_found(result).how == "estimated")
        self.buttons.setVisible(True)
        return str(result)

    def _keep(self) -> None:
        source = self._source
        if self.found is None or source is None or source not in self.viewer.layers:
            return
        size = layers.micrograph_of(source).pixel_size
        gain = gain_found(self.found)
        calibrate(source, size, gain.gain, gain.offset, self.viewer.layers, gain.errors)
        self.say(f"{source.name} now has gain {gain.in_words}.")

    def _save(self) -> None:
        if self.found is None:
            return
        try:
            self.say(ask_and_save(self.found.figure(), self, "detector.pdf"))
        except SBDError as error:
            self._complain(str(error))


class _Plots(QScrollArea):
    """Plots one below the other, as high as the window allows."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        """All of the plots."""
        return QSize(super().sizeHint().width(), _HEIGHT + _BORDER)


def _is_shapes(layer: Layer) -> bool:
    return isinstance(layer, Shapes)


def _estimate(
    m: Micrograph,
    dark: np.ndarray | None,
    vacuum: np.ndarray | None,
    progress: Progress,
    should_stop: ShouldStop,
) -> Detector:
    return estimate_detector(m, dark=dark, vacuum=vacuum)
