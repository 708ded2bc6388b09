"""Power spectra of raw, denoised and removed, side by side; a spot in one is marked in all."""

from __future__ import annotations

from typing import Any

import numpy as np

from .themed import ThemedCanvas

_HEIGHT = 170  # pixels
_REACH = 6.0  # 1/nm or 1/px: what is shown at most
_PERCENTILES = 5, 99.8
_ZOOM = 1.3  # for one step of the wheel


class Spectra(ThemedCanvas):
    """Three pictures of Fourier space that share frequencies, colours, zoom and pointer."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self.setToolTip("Point at a peak to read its spacing in all three; turn the wheel to zoom.")
        self.setVisible(False)
        self._unit, self._widest = "nm", _REACH
        self._axes: list[Any] = []
        self._marks: list[Any] = []
        self.mpl_connect("motion_notify_event", self._point)
        self.mpl_connect("scroll_event", self._zoom)

    def show_spectra(
        self, spectra: dict[str, np.ndarray], fy: np.ndarray, fx: np.ndarray, unit: str
    ) -> None:
        """Draw logarithms of (h, w) power spectra, zero frequency in the middle.

        Parameters
        ----------
        spectra
            By title; the first one sets the colours.
        fy, fx
            Frequencies of the rows (h,) and columns (w,), rising [1/unit].
        unit
            ``"nm"`` or ``"px"``.
        """
        colour = self.ink
        self.begin_figure()
        logs = {title: np.log(power + 1e-9) for title, power in spectra.items()}
        low, high = np.percentile(next(iter(logs.values())), _PERCENTILES)
        self._unit, self._widest = unit, min(float(-fx[0]), _REACH)
        grid = self.figure.subplots(1, len(logs), squeeze=False, sharex=True, sharey=True)
        self._axes, self._marks = list(grid[0]), []
        for axes, (title, image) in zip(self._axes, logs.items(), strict=True):
            axes.imshow(image, cmap="magma", vmin=low, vmax=high, extent=edges(fy, fx))
            axes.set_title(title, color=colour, fontsize="small")
            axes.set(xticks=[], yticks=[])
            self._marks += axes.plot([], [], "o", ms=9, mfc="none", mec="cyan", ls="none")
        self._look(self._widest)
        self._words = self.figure.supxlabel(" ", color=colour, fontsize="small")
        self.setVisible(True)
        self.draw_idle()

    def _look(self, reach: float) -> None:
        self._axes[0].set(xlim=(-reach, reach), ylim=(reach, -reach))

    def _point(self, event: Any) -> None:
        if event.inaxes not in self._axes:
            return
        x, y = event.xdata, event.ydata
        for mark in self._marks:
            mark.set_data([x, -x], [y, -y])
        self._words.set_text(spacing_text(y, x, self._unit))
        self.draw_idle()

    def _zoom(self, event: Any) -> None:
        if self._axes:
            reach = self._axes[0].get_xlim()[1] * _ZOOM ** (-event.step)
            self._look(float(np.clip(reach, self._widest / 20, self._widest)))
            self.draw_idle()


def edges(fy: np.ndarray, fx: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, bottom and top edge of the samples at these frequencies."""
    half = (fy[1] - fy[0]) / 2, (fx[1] - fx[0]) / 2
    return fx[0] - half[1], fx[-1] + half[1], fy[-1] + half[0], fy[0] - half[0]


def spacing_text(y: float, x: float, unit: str) -> str:
    """A place in Fourier space in words: spacing, frequency and direction.

    Parameters
    ----------
    y, x
        Frequency [1/unit].
    unit
        ``"nm"`` or ``"px"``.
    """
    frequency = float(np.hypot(y, x))
    if frequency == 0:
        return " "
    angle = float(np.degrees(np.arctan2(-y, x))) % 180
    return f"{1 / frequency:.3g} {unit}, {frequency:.3g} /{unit}, {angle:.0f}°"
