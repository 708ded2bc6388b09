"""A small plot in a dock widget, in the colours of its theme; drawn in a millisecond."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

_HEIGHT = 170  # pixels
_GAP = 4  # pixels between words and lines
_DOT = 2.0  # pixels, radius
_ROOM = 0.05  # of the range, around the points
_COLOUR = QColor("#ff7f0e")


class Curve(QWidget):
    """A falling curve that grows while the work goes on.

    Parameters
    ----------
    x_label, y_label
        Of the axes; that of x can be changed.
    """

    def __init__(self, x_label: str, y_label: str) -> None:
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self.x_label, self._y_label = x_label, y_label
        self._points: list[tuple[float, float]] = []
        self._level: float | None = None
        self.setVisible(False)

    def show_points(
        self, points: Sequence[tuple[float, float]], level: float | None = None
    ) -> None:
        """Draw (x, y) points, and a dashed line at ``level``."""
        self.setVisible(bool(points))
        if len(points) != len(self._points):
            self._points, self._level = list(points), level
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw axes, numbers, level and curve."""
        if not self._points:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        words = self.palette().color(QPalette.ColorRole.WindowText)
        painter.setPen(words)
        levels = [] if self._level is None else [self._level]
        x_range = _around([x for x, _ in self._points])
        y_range = _around([y for _, y in self._points] + levels)
        x_ticks, y_ticks = ticks(*x_range, 6), ticks(*y_range, 5)
        metrics = painter.fontMetrics()
        high = metrics.height()
        wide = max(metrics.horizontalAdvance(tick) for tick in y_ticks.values())
        left, bottom = high + wide + 3 * _GAP, 2 * high + 2 * _GAP
        box = QRectF(left, high / 2, self.width() - left - 3 * _GAP, self.height() - bottom - high)

        def place(x: float, y: float) -> QPointF:
            across = (x - x_range[0]) / (x_range[1] - x_range[0])
            up = (y - y_range[0]) / (y_range[1] - y_range[0])
            return QPointF(box.left() + across * box.width(), box.bottom() - up * box.height())

        painter.drawLine(box.topLeft(), box.bottomLeft())
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        centred = Qt.AlignmentFlag.AlignCenter
        for x, tick in x_ticks.items():
            at = place(x, y_range[0])
            painter.drawLine(at, at + QPointF(0, _GAP))
            painter.drawText(QRectF(at.x() - 50, at.y() + _GAP, 100, high), centred, tick)
        for y, tick in y_ticks.items():
            at = place(x_range[0], y)
            painter.drawLine(at, at - QPointF(_GAP, 0))
            corner = QRectF(at.x() - 2 * _GAP - wide, at.y() - high / 2, wide, high)
            painter.drawText(corner, Qt.AlignmentFlag.AlignRight, tick)
        below = QRectF(box.left(), self.height() - high - _GAP, box.width(), high)
        painter.drawText(below, centred, self.x_label)
        painter.save()
        painter.translate(0, box.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, box.height(), high), centred, self._y_label)
        painter.restore()
        if self._level is not None:
            painter.setPen(QPen(words, 1, Qt.PenStyle.DashLine))
            painter.drawLine(place(x_range[0], self._level), place(x_range[1], self._level))
        painter.setPen(QPen(_COLOUR, 1.5))
        places = [place(*point) for point in self._points]
        painter.drawPolyline(QPolygonF(places))
        painter.setBrush(_COLOUR)
        for at in places:
            painter.drawEllipse(at, _DOT, _DOT)


def ticks(low: float, high: float, count: int) -> dict[float, str]:
    """Round numbers from ``low`` to ``high``, about ``count`` or fewer, with how they are written.

    Parameters
    ----------
    low, high
        Finite, ``low`` below ``high``.
    count
        At most, and one more.
    """
    least = (high - low) / count
    power = math.floor(math.log10(least))
    step = next(s for f in (1, 2, 5, 10) if (s := f * 10.0**power) >= least * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return {k * step: f"{k * step:.{digits}f}" for k in range(first, last + 1)}


def _around(values: list[float]) -> tuple[float, float]:
    """A range that holds values with some room."""
    low, high = min(values), max(values)
    room = _ROOM * (high - low) or _ROOM * abs(low) or _ROOM
    return low - room, high + room
