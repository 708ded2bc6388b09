"""Heights of docks one below the other: Qt leaves the first one next to nothing."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

TO_COME = "napari_sbd_to_come"  # property of plots that are hidden at first: their height
_SHARED = "napari_sbd_shared"  # property of docks that have had their share: hands may change it
_TITLE = 30  # pixels


def dock_of(part: QWidget) -> QDockWidget | None:
    """The dock in which a widget stands."""
    above: QWidget | None = part
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above


def share_height(part: QWidget, kind: type[QWidget]) -> None:
    """Give the docks of a column heights as their contents need them, once a dock has come.

    Parameters
    ----------
    part
        In the dock that has come.
    kind
        Of which there is one in each of our docks; others are left alone.
    """
    dock = dock_of(part)
    window = None if dock is None else dock.parentWidget()
    if dock is None or not isinstance(window, QMainWindow) or dock.property(_SHARED):
        return
    dock.setProperty(_SHARED, True)
    area, place = window.dockWidgetArea(dock), dock.geometry()
    column = [
        one
        for one in window.findChildren(QDockWidget)
        if one.isVisible()
        and not one.isFloating()
        and window.dockWidgetArea(one) == area
        and one.geometry().left() < place.right()
        and place.left() < one.geometry().right()
        and one.findChild(kind) is not None
    ]
    if len(column) > 1:
        window.resizeDocks(column, [_needed(one) for one in column], Qt.Orientation.Vertical)


def _needed(dock: QDockWidget) -> int:
    """Height of a dock whose contents are not cut, with the plots that it will show."""
    inside = dock.widget()
    if inside is None:
        return 0
    parts = inside.findChildren(QWidget)
    plots = [one.property(TO_COME) or 0 for one in parts if one.isHidden()]
    return _TITLE + inside.sizeHint().height() + sum(plots)
