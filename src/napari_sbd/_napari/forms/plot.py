"""A matplotlib picture in a dock widget, in the colours of its theme."""

from __future__ import annotations

from typing import Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import QSize
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QWidget

from ...errors import SBDError
from .fields import FIGURES, file_to_write

RESOLUTION = 200  # dots per inch of files


class Plot(FigureCanvasQTAgg):
    """A figure with one axes.

    Parameters
    ----------
    height
        Pixels at least.
    tip
        What can be done with it.
    """

    def __init__(self, height: int, tip: str) -> None:
        super().__init__(Figure(layout="constrained"))
        self.setMinimumHeight(height)
        self.setToolTip(tip)
        self.axes: Any = None
        self.setVisible(False)

    def sizeHint(self) -> QSize:
        """As high as it must be: a form that scrolls would else give it what the figure wants."""
        return QSize(0, self.minimumHeight())

    @property
    def colour(self) -> str:
        """Of words and lines in the theme."""
        return str(self.palette().color(QPalette.ColorRole.WindowText).name())

    def begin(self) -> Any:
        """Empty the figure; return new axes in the colours of the theme."""
        self.figure.clear()
        background = self.palette().color(QPalette.ColorRole.Window).name()
        self.figure.set_facecolor(background)
        self.axes = self.figure.subplots()
        self.axes.set_facecolor(background)
        self.axes.tick_params(colors=self.colour, labelsize="small")
        for side in self.axes.spines.values():
            side.set_color(self.colour)
        return self.axes

    def end(self) -> None:
        """Show what was drawn."""
        for label in (self.axes.xaxis.label, self.axes.yaxis.label, self.axes.title):
            label.set_color(self.colour)
        self.setVisible(True)
        self.draw_idle()

    def ask_and_save(self, parent: QWidget, name: str) -> str:
        """Ask for a file and write the picture; return what to say.

        Raises
        ------
        SBDError
            If it cannot be written.
        """
        path = file_to_write(parent, "Save picture", name, FIGURES)
        if not path:
            return ""
        try:
            self.figure.savefig(path, dpi=RESOLUTION)
        except (OSError, ValueError) as error:
            raise SBDError(f"The picture cannot be written to {path}: {error}.") from error
        return f"Wrote {path}."
