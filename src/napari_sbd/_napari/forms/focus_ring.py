"""A frame around what the Tab key reached: napari's themes do not show where the keys go."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QMargins, QObject, QPoint, QRect, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import QFrame, QWidget

_BY_KEYS = Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason
_ROOM = 2  # pixels around


class FocusRing(QFrame):
    """Frames one of the parts of a widget for which it is installed as a filter of events.

    Parameters
    ----------
    ground
        The widget.
    """

    def __init__(self, ground: QWidget) -> None:
        super().__init__(ground)
        self._ground = ground
        self.setStyleSheet("background: transparent; border: 1px solid palette(highlight);")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def eventFilter(self, part: QObject | None, event: QEvent | None) -> bool:
        """Show where the keys go from now on."""
        if isinstance(event, QFocusEvent):
            self.setVisible(event.gotFocus() and event.reason() in _BY_KEYS)
            self.lay()
        return super().eventFilter(part, event)

    def lay(self) -> None:
        """Lie around what the keys go to, which may have found another place."""
        part = self._ground.focusWidget()
        if part is not None and self._ground.isAncestorOf(part):
            room = QMargins(_ROOM, _ROOM, _ROOM, _ROOM)
            place = QRect(part.mapTo(self._ground, QPoint()), part.size())
            self.setGeometry(place.marginsAdded(room))
            self.raise_()
