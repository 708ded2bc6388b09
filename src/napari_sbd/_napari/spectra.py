"""Power spectra of raw, denoised and removed, side by side with one colour scale."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtGui import QPalette

_HEIGHT = 150  # pixels
_REACH = 6.0  # 1/nm or 1/px: what is shown at most
_PERCENTILES = 5, 99.8


class Spectra(FigureCanvasQTAgg):
    """Three pictures of Fourier space that share frequencies and colours."""

    def __init__(self) -> None:
        super().__init__(Figure(layout="constrained"))
        self.setFixedHeight(_HEIGHT)
        self.setVisible(False)

    def show_spectra(self, spectra: dict[str, np.ndarray], reach: float) -> None:
        """Draw logarithms of (h, w) power spectra, zero frequency in the middle.

        Parameters
        ----------
        spectra
            By title; the first one sets the colours.
        reach
            Largest frequency along an axis [1/nm, or 1/px].
        """
        colour = self.palette().color(QPalette.ColorRole.WindowText).name()
        self.figure.clear()
        self.figure.set_facecolor(self.palette().color(QPalette.ColorRole.Window).name())
        logs = {title: np.log(power + 1e-9) for title, power in spectra.items()}
        low, high = np.percentile(next(iter(logs.values())), _PERCENTILES)
        extent = (-reach, reach, reach, -reach)
        for axes, (title, image) in zip(
            self.figure.subplots(1, len(logs), squeeze=False)[0], logs.items(), strict=True
        ):
            axes.imshow(image, cmap="magma", vmin=low, vmax=high, extent=extent)
            axes.set_title(title, color=colour, fontsize="small")
            shown = min(reach, _REACH)
            axes.set(xlim=(-shown, shown), ylim=(shown, -shown), xticks=[], yticks=[])
        self.setVisible(True)
        self.draw_idle()
