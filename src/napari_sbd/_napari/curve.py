"""A small plot in a dock widget, in the colours of its theme."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtGui import QPalette

_HEIGHT = 170  # pixels


class Curve(FigureCanvasQTAgg):
    """A falling curve that grows while the work goes on.

    Parameters
    ----------
    x_label, y_label
        Of the axes.
    """

    def __init__(self, x_label: str, y_label: str) -> None:
        super().__init__(Figure(layout="constrained"))
        self.setFixedHeight(_HEIGHT)
        self._labels = x_label, y_label
        self._shown = -1
        self.setVisible(False)

    def show_points(
        self, points: Sequence[tuple[float, float]], level: float | None = None
    ) -> None:
        """Draw (x, y) points, and a dashed line at ``level``."""
        self.setVisible(bool(points))
        if len(points) == self._shown or not points:
            return
        self._shown = len(points)
        colour = self.palette().color(QPalette.ColorRole.WindowText).name()
        self.figure.clear()
        self.figure.set_facecolor(self.palette().color(QPalette.ColorRole.Window).name())
        axes = self.figure.add_subplot(facecolor="none")
        axes.plot(*zip(*points, strict=True), ".-", color="tab:orange")
        if level is not None:
            axes.axhline(level, color=colour, linestyle="--", linewidth=0.8)
        axes.set_xlabel(self._labels[0], color=colour)
        axes.set_ylabel(self._labels[1], color=colour)
        axes.tick_params(colors=colour, labelsize="small")
        axes.ticklabel_format(useOffset=False)
        for spine in axes.spines.values():
            spine.set_color(colour)
        self.draw_idle()
