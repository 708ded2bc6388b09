"""The spectrum of a box: click a spot to read its spacing; rings of a material, planes' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal

from .plot import Plot
from .spectra import edges

if TYPE_CHECKING:
    from ...measure.indexing import Ring
    from ...measure.spectrum import Spectrum, Spot

_HEIGHT, _LEAST = 330, 210  # pixels, and in a low window
_REACH = 8.0  # 1/nm that are shown at first
_PERCENTILES = 20, 99.9
_ZOOM = 1.3  # for one step of the wheel
_COLOURS = ("cyan", "lime", "orange")


class SpectrumPlot(Plot):
    """Power of a box, with what was clicked in it.

    Attributes
    ----------
    picked
        Signal: a place (y, x) was clicked [1/unit].
    """

    picked = Signal(float, float)

    def __init__(self) -> None:
        super().__init__(
            _HEIGHT,
            "Click a spot to read its spacing, a second one for the angle; the wheel zooms.",
            _LEAST,
        )
        self._reach: float | None = None  # share of the widest, as zoomed by hand
        self._widest = 1.0
        self.mpl_connect("button_press_event", self._press)
        self.mpl_connect("scroll_event", self._zoom)

    def show_spectrum(
        self,
        spectrum: Spectrum,
        spots: Sequence[Spot],
        rings: Sequence[Ring],
        names: Sequence[str],
    ) -> None:
        """Draw the power, rings with their planes, and spots with their names."""
        axes = self.begin()
        logs = np.log(spectrum.power + 1e-12 * spectrum.power.max() + 1e-300)
        low, high = np.percentile(logs, _PERCENTILES)
        axes.imshow(logs, cmap="magma", vmin=low, vmax=high, extent=edges(spectrum.fy, spectrum.fx))
        axes.set_anchor("N")
        self._widest = float(min(-spectrum.fy[0], -spectrum.fx[0]))
        if self._reach is None:
            self._reach = min(1.0, _REACH / self._widest) if spectrum.unit == "nm" else 1.0
        turn = np.linspace(0, 2 * np.pi, 181)
        for ring in rings:
            radius = 1 / ring.spacing
            axes.plot(radius * np.cos(turn), radius * np.sin(turn), "w:", lw=0.7)
            axes.text(
                0, -radius, plane_text(ring.plane), color="w", fontsize="x-small", ha="center",
                clip_on=True,
            )  # fmt: skip
        for spot, name, colour in zip(spots, names, _COLOURS, strict=False):
            style = {"ms": 11, "mfc": "none", "mec": colour, "ls": "none"}
            axes.plot([spot.x, -spot.x], [spot.y, -spot.y], "o", **style)
            axes.annotate(
                name, (spot.x, spot.y), (7, 5), textcoords="offset points", color=colour,
                fontsize="small",
            )  # fmt: skip
        axes.set_xlabel(f"1/{spectrum.unit}", fontsize="small")
        self._look()
        self.end()

    def _look(self) -> None:
        reach = self._widest * (self._reach or 1.0)
        self.axes.set(xlim=(-reach, reach), ylim=(reach, -reach))

    def _press(self, event: Any) -> None:
        if event.inaxes is self.axes and event.button == 1 and event.xdata is not None:
            self.picked.emit(float(event.ydata), float(event.xdata))

    def _zoom(self, event: Any) -> None:
        if self.axes is not None:
            share = (self._reach or 1.0) * _ZOOM ** (-event.step)
            self._reach = float(np.clip(share, 0.05, 1.0))
            self._look()
            self.draw_idle()


def plane_text(plane: tuple[int, int, int]) -> str:
    """(1, -1, 0) as crystallographers write it: a bar above what is negative."""
    return "(" + "".join(f"{abs(i)}\u0304" if i < 0 else str(i) for i in plane) + ")"
