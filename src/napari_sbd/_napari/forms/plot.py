"""A matplotlib picture in a dock widget, in the colours of its theme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QWidget

from ...files import writing
from .docks import TO_COME
from .fields import FIGURES, file_to_write
from .themed import ThemedCanvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESOLUTION = 200  # dots per inch of files


class Plot(ThemedCanvas):
    """A figure with one axes.

    Parameters
    ----------
    height
        Pixels that it should have.
    tip
        What can be done with it.
    least
        Pixels that it has in a low window, where its form lets it take the room that is left; by
        default as many.
    """

    def __init__(self, height: int, tip: str, least: int | None = None) -> None:
        super().__init__()
        self.setMinimumHeight(least or height)
        self.setProperty(TO_COME, height)
        self.setToolTip(tip)
        self.axes: Any = None
        self.setVisible(False)

    def sizeHint(self) -> QSize:
        """As high as it must be: a form that scrolls would else give it what the figure wants."""
        return QSize(0, self.minimumHeight())

    def begin(self) -> Any:
        """Empty the figure; return new axes in the colours of the theme."""
        self.begin_figure()
        self.axes = self.figure.subplots()
        self.axes.set_facecolor(self.ground)
        self.axes.tick_params(colors=self.ink, labelsize="small")
        for side in self.axes.spines.values():
            side.set_color(self.ink)
        return self.axes

    def end(self) -> None:
        """Show what was drawn."""
        for label in (self.axes.xaxis.label, self.axes.yaxis.label, self.axes.title):
            label.set_color(self.ink)
        self.setVisible(True)
        self.draw_idle()

    def ask_and_save(self, parent: QWidget, name: str) -> str:
        """Ask for a file and write the picture; return what to say.

        Raises
        ------
        SBDError
            If it cannot be written.
        """
        return ask_and_save(self.figure, parent, name)


def ask_and_save(figure: Figure, parent: QWidget, name: str) -> str:
    """Ask for a file and write a figure; return what to say.

    Raises
    ------
    SBDError
        If it cannot be written.
    """
    path = file_to_write(parent, "Save picture", name, FIGURES)
    if not path:
        return ""
    kind = Path(path).suffix[1:].lower()
    with writing(Path(path), "picture") as draft:
        figure.savefig(draft, dpi=RESOLUTION, format=kind)
    return f"Wrote {path}."
