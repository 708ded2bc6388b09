"""A spectrum that changes several times a second: a plain picture, whose places are read."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QMouseEvent, QPixmap
from qtpy.QtWidgets import QLabel

from .spectra import spacing_text

_SIDE = 260  # pixels at least, along a side
_LEVELS = 255


class SpectrumView(QLabel):
    """A square picture of Fourier space; the pointer reads spacings.

    matplotlib would keep the window waiting at each frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumHeight(_SIDE)
        self.setMouseTracking(True)
        self._reach, self._unit = 0.0, "nm"
        self.setVisible(False)

    def show_spectrum(self, picture: np.ndarray, reach: float, unit: str) -> None:
        """Draw a picture (h, w), 0 to 1, whose edges lie at a frequency [1/unit]."""
        self._reach, self._unit = reach, unit
        height, width = picture.shape
        grey = np.rint(picture * _LEVELS).astype(np.uint8).tobytes()
        image = QImage(grey, width, height, width, QImage.Format.Format_Grayscale8)
        kind = Qt.TransformationMode.SmoothTransformation
        square = image.scaled(_SIDE, _SIDE, Qt.AspectRatioMode.IgnoreAspectRatio, kind)
        self.setPixmap(QPixmap.fromImage(square))
        self.setVisible(True)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Show the spacing of the place in the tooltip."""
        if event is None or not self._reach:
            return
        place = event.position()
        x = 2 * (place.x() - self.width() / 2) / _SIDE * self._reach
        y = 2 * (place.y() - self.height() / 2) / _SIDE * self._reach
        self.setToolTip(spacing_text(y, x, self._unit))
        super().mouseMoveEvent(event)
