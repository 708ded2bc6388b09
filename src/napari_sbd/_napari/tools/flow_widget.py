"""The SBD dock widget: from a raw image to a table of columns, one click for each step."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QSize
from qtpy.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...errors import SBDError
from ..denoise.widget import DenoiseWidget
from ..forms.focus_ring import FocusRing
from ..forms.layer_box import LayerBox
from ..forms.pair_boxes import front_image, in_front
from ..forms.region_box import RegionBox
from ..forms.task_widget import TaskWidget
from ..layers.micrographs import KEY
from ..layers.pairs import belongs, is_denoised, raw_of
from ..layers.results import correction_of, region_of
from ..layers.view_state import frame_shown
from .agreement_widget import AgreementWidget
from .columns_widget import ColumnsWidget
from .gaintune_widget import GainTuneWidget
from .report_widget import ReportWidget

if TYPE_CHECKING:
    import napari

# name, widget, tooltip
_STEPS = (
    ("Denoise", DenoiseWidget, "Denoise the raw image with the trained network."),
    ("Tune", GainTuneWidget, "Adapt the network to this image; kept only if it helps."),
    ("Judge", AgreementWidget, "See where the raw counts disagree with the denoised image."),
    ("Columns", ColumnsWidget, "Find and measure the atomic columns."),
    ("Report", ReportWidget, "Write one page with all of it."),
)


class FlowWidget(QWidget):
    """The steps in a row, each a click that does it, with its settings below for another try.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.pages = QStackedWidget()
        self.buttons: list[QPushButton] = []
        self._ring = FocusRing(self)
        # by step: ids of the layers that it was done for
        self._done: dict[int, set[tuple[Any, ...]]] = {i: set() for i in range(len(_STEPS))}
        row = QHBoxLayout()
        row.setSpacing(2)
        for index, (name, _, tip) in enumerate(_STEPS):
            button = QPushButton(name)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.clicked.connect(lambda _checked, i=index: self.take(i))
            button.setStyleSheet("padding-left: 2px; padding-right: 2px")
            row.addWidget(button)
            self.buttons.append(button)
            button.installEventFilter(self._ring)
            self.pages.addWidget(QWidget())
        whole = QVBoxLayout(self)
        whole.addLayout(row)
        whole.addWidget(self.pages)
        # all the height of the dock is the page's, and not as much as it needed at first
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._open(0)

    def sizeHint(self) -> QSize:
        """As high as the step that is open needs it, not as the highest of all."""
        whole, every = super().sizeHint(), self.pages.sizeHint()
        page = self.pages.currentWidget()
        height = every.height() if page is None else page.sizeHint().height()
        return QSize(whole.width(), whole.height() - every.height() + height)

    def page(self, index: int) -> TaskWidget:
        """The settings of a step."""
        widget = self.pages.widget(index)
        kind = _STEPS[index][1]
        if not isinstance(widget, kind):
            self.pages.removeWidget(widget)
            widget = kind(self._viewer)
            self.pages.insertWidget(index, widget)
        return widget

    def take(self, index: int) -> None:
        """Open a step for the image in front, and do it unless that was done, of the image as it
        is calibrated now: its button does it again."""
        page = self._open(index)
        boxes = page.findChildren(LayerBox)
        if not page.running and (missing := self._not_denoised(page)):
            page.say(missing)
            return
        if not page.running:
            for box in boxes:
                if not (box.held or isinstance(box, RegionBox)):
                    box.choose(in_front(self._viewer, box.layers, box.layer))
        key = tuple(self._as_it_is(box.layer, index) for box in boxes)
        done = any(key) and key in self._done[index]  # without any layer the page says what lacks
        if done and (page.running or self._stands(index, boxes)):
            if not page.running:
                page.tell_again()
            return
        self._done[index].add(key)
        page.start.click()

    def _not_denoised(self, page: TaskWidget) -> str:
        """What to say where a step needs the denoised image of the one in front, and there is only
        that of another."""
        box, front = getattr(page, "denoised", None), front_image(self._viewer)
        if box is None or front is None or not box.layers:
            return ""
        every = list(self._viewer.layers)
        if any(belongs(one, front, every) for one in box.layers):
            return ""
        return (
            f"{front.name} is not denoised yet: click Denoise first. For {box.layer.name} click "
            f"{page.start.text()} below."
        )

    def _as_it_is(self, layer: Any, index: int) -> tuple[Any, ...]:
        """What a step depends on of a layer: which it is, how a region is drawn, and for what is
        counted and measured how it is calibrated and, of columns, which frame is shown; of tuning
        how *Denoise* takes it."""
        if layer is None:
            return ()
        key = [layer.unique_id]
        kind = _STEPS[index][1]
        if isinstance(layer, Shapes):
            key += [np.asarray(corners).tobytes() for corners in layer.data]
        if kind in (AgreementWidget, ColumnsWidget):
            known = layer.metadata.get(KEY, {})
            key += [known.get(name) for name in ("pixel_size", "gain", "offset")]
        if kind is GainTuneWidget and not isinstance(layer, Shapes):
            every = list(self._viewer.layers)
            key.append(str(correction_of(every, layer)))
            with suppress(SBDError):  # the page says what is wrong with the region
                key.append(region_of(every, layer))
        if kind is ColumnsWidget and layer.ndim == 3:
            key.append(frame_shown(self._viewer, layer))
        return tuple(key)

    def _stands(self, index: int, boxes: list[LayerBox]) -> bool:
        """Whether what a step gave is still there: a denoised image may have been removed."""
        every = list(self._viewer.layers)
        made = {raw_of(one, every) for one in every if is_denoised(one)}
        return index > 0 or any(box.layer in made for box in boxes if box.layer is not None)

    def _open(self, index: int) -> TaskWidget:
        page = self.page(index)
        self.pages.setCurrentIndex(index)
        for i, button in enumerate(self.buttons):
            button.setChecked(i == index)
        return page
