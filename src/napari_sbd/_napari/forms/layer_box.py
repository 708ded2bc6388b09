"""A box that lists the viewer's layers and follows what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer
from napari.utils.events import disconnect_events
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPaintEvent, QPalette
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

from ..jobs.when_gone import when_gone
from ..layers.pairs import is_copy
from .viewers import bare

if TYPE_CHECKING:
    import napari


_MIDDLE = Qt.TextElideMode.ElideMiddle  # names of results differ at their ends
_INSIDE = 8  # pixels of the field that a theme leaves around the words


class LayerBox(QComboBox):
    """Choose one of the viewer's layers.

    Parameters
    ----------
    viewer
        Whose layers are listed.
    tip
        Shown as the tooltip.
    accepts
        Which layers are listed; images by default.

    Attributes
    ----------
    chosen
        Signal: another layer was chosen, by the user or because layers came and went.
    held
        While True, a new layer does not become the chosen one; one that is added hidden, or a copy
        of a result, never does in the place of another.
    """

    chosen = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        tip: str,
        accepts: Callable[[Layer], bool] = lambda layer: isinstance(layer, Image),
    ) -> None:
        super().__init__()
        self._viewer, self._accepts, self.held = viewer, accepts, False
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        if (listed := self.view()) is not None:
            listed.setTextElideMode(_MIDDLE)
        self.activated.connect(lambda _index: self.chosen.emit())
        for layer in viewer.layers:
            layer.events.name.connect(self._renamed)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        when_gone(self, self._let_go, bare(viewer))
        self._list(viewer.layers.selection.active)

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self.currentData()

    @property
    def layers(self) -> list[Any]:
        """Those that can be chosen."""
        return [self.itemData(i) for i in range(self.count())]

    def choose(self, layer: Layer | None) -> None:
        """Choose a layer, if it is listed, or none."""
        index = next((i for i in range(self.count()) if self.itemData(i) is layer), -1)
        if index != self.currentIndex() and (index != -1 or layer is None):
            self.setCurrentIndex(index)
            self.chosen.emit()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the name; of one that is too long both ends."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        style = self.style()
        if self.currentIndex() < 0:
            words, colours = self.placeholderText(), option.palette
            colours.setBrush(QPalette.ColorRole.ButtonText, colours.placeholderText())
            option.palette = colours
        else:
            words = self.currentText()
        if style is not None:
            part = QStyle.SubControl.SC_ComboBoxEditField
            room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self)
            words = self.fontMetrics().elidedText(words, _MIDDLE, room.width() - _INSIDE)
        option.currentText = words
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _list(self, wanted: Any) -> None:
        layers = [layer for layer in self._viewer.layers if self._accepts(layer)]
        before = self.layer
        self.clear()
        for layer in layers:
            self.addItem(layer.name, layer)
        found = self._fitting(wanted, before, layers)
        self.setCurrentIndex(-1 if found is None else layers.index(found))
        if found is not before or found is None:
            self.chosen.emit()

    def _fitting(self, wanted: Any, before: Any, layers: list[Layer]) -> Any:
        """Which of the listed layers is chosen, where some came or went."""
        candidates = (layer for layer in (wanted, before, *reversed(layers)) if layer in layers)
        return next(candidates, None)

    def _renamed(self) -> None:
        for index in range(self.count()):
            self.setItemText(index, self.itemData(index).name)

    def _inserted(self, event: Any) -> None:
        event.value.events.name.connect(self._renamed)
        new = event.value
        self._list(self.layer if self.held or not new.visible or is_copy(new) else new)

    def _removed(self, event: Any) -> None:
        event.value.events.name.disconnect(self._renamed)
        self._list(self.layer)

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        for layer in viewer.layers:
            layer.events.name.disconnect(self._renamed)
        disconnect_events(viewer.layers.events, self)
