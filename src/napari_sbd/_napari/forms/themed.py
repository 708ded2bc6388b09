"""matplotlib figures in the colours of napari's theme, also of one that is chosen later."""

from __future__ import annotations

from typing import Any

from matplotlib.artist import Artist, getp
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from qtpy.QtCore import QEvent
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QWidget

_COLOURS = "color", "facecolor", "edgecolor", "markeredgecolor", "markerfacecolor"
_CHANGES = QEvent.Type.StyleChange, QEvent.Type.PaletteChange


class ThemedCanvas(FigureCanvasQTAgg):
    """A figure whose ground and ink go with the theme.

    Parameters
    ----------
    figure
        An empty one by default.
    colours
        Of ground and ink, in which it was drawn.
    """

    def __init__(
        self, figure: Figure | None = None, colours: tuple[str, str] | None = None
    ) -> None:
        # before Qt tells of the first change
        self._worn = colours or ("", "")
        super().__init__(figure or Figure(layout="constrained"))

    @property
    def ground(self) -> str:
        """Of the background in the theme."""
        return colours_of(self)[0]

    @property
    def ink(self) -> str:
        """Of words and lines in the theme."""
        return colours_of(self)[1]

    def begin_figure(self) -> None:
        """Empty the figure, in the colours of the theme."""
        self._worn = self.ground, self.ink
        self.figure.clear()
        self.figure.set_facecolor(self.ground)

    def changeEvent(self, event: QEvent | None) -> None:
        """Change colours with the theme."""
        super().changeEvent(event)
        wanted = self.ground, self.ink
        if event is not None and event.type() in _CHANGES and wanted != self._worn:
            recolour(self.figure, dict(zip(self._worn, wanted, strict=True)))
            self._worn = wanted
            self.draw_idle()


def colours_of(widget: QWidget) -> tuple[str, str]:
    """Of ground and ink of a widget in its theme, as ``"#rrggbb"``."""
    palette = widget.palette()
    roles = QPalette.ColorRole.Window, QPalette.ColorRole.WindowText
    ground, ink = (str(palette.color(role).name()) for role in roles)
    return ground, ink


def recolour(figure: Figure, colours: dict[str, str]) -> None:
    """Put other colours in the place of some.

    Parameters
    ----------
    figure
        The figure.
    colours
        ``"#rrggbb"``, the new by the old ones.
    """
    for artist in figure.findobj():
        for name in _COLOURS:
            old = _colour_of(artist, name)
            if old in colours:
                artist.set(**{name: colours[old]})
    for axes in figure.axes:  # ticks that come later
        for axis in (axes.xaxis, axes.yaxis):
            known: dict[str, Any] = axis.get_tick_params()
            worn = {name: value for name, value in known.items() if isinstance(value, str)}
            changed: dict[str, Any] = {n: colours[c] for n, c in worn.items() if c in colours}
            axis.set_tick_params(**changed)


def _colour_of(artist: Artist, name: str) -> str | None:
    """A colour of an artist; None where it has none of that name, or several."""
    try:
        value: Any = getp(artist, name)
        return to_hex(value if not hasattr(value, "ndim") or value.ndim < 2 else value[0])
    except (AttributeError, ValueError, TypeError, IndexError):
        return None
