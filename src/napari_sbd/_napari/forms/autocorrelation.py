"""The autocorrelation of what was removed: a dot in an empty field, if it was white noise."""

from __future__ import annotations

import numpy as np

from .themed import ThemedCanvas

_HEIGHT = 150  # pixels
_SHIFTS = 12  # working pixels to each side
_LIMIT = 0.2  # of the colours


class Autocorrelation(ThemedCanvas):
    """A picture of the correlation at small shifts, with fixed colours."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self.setToolTip(
            "What was removed, compared with itself shifted: white noise shows one dot in the "
            "middle. Rows of dots are a lattice, a wide spot is a blur."
        )
        self.setVisible(False)

    def show_image(self, image: np.ndarray, step: tuple[float, float], unit: str) -> None:
        """Draw the middle of an autocorrelation.

        Parameters
        ----------
        image
            (h, w), no shift at ``h // 2, w // 2``.
        step
            Of one shift along y and x [unit].
        unit
            ``"nm"`` or ``"px"``.
        """
        colour = self.ink
        self.begin_figure()
        reach = [min(_SHIFTS, (n - 1) // 2) for n in image.shape]
        middle = tuple(
            slice(n // 2 - r, n // 2 + r + 1) for n, r in zip(image.shape, reach, strict=True)
        )
        y, x = ((r + 0.5) * s for r, s in zip(reach, step, strict=True))
        axes = self.figure.subplots()
        drawn = axes.imshow(
            image[middle], cmap="coolwarm", vmin=-_LIMIT, vmax=_LIMIT, extent=(-x, x, y, -y)
        )
        axes.set_title("autocorrelation of removed", color=colour, fontsize="small")
        axes.set_xlabel(f"shift [{unit}]", color=colour, fontsize="small")
        axes.tick_params(colors=colour, labelsize="small")
        axes.set_xticks([-x, 0, x], [f"{v:.2g}" for v in (-x, 0, x)])
        axes.set_yticks([-y, 0, y], [f"{v:.2g}" for v in (-y, 0, y)])
        bar = self.figure.colorbar(drawn, ax=axes, ticks=[-_LIMIT, 0, _LIMIT])
        bar.ax.tick_params(colors=colour, labelsize="small")
        self.setVisible(True)
        self.draw_idle()
