"""How movies are read: sums of their frames, and the pixels of EER files."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSpinBox, QWidget

from ...io import SUPER_RESOLUTIONS
from .fields import choices

_MOST = 999  # frames of a sum


class ReadingBox(QWidget):
    """Choices of ``io.read`` for files that are not open yet.

    Attributes
    ----------
    sum
        Frames that are added to one.
    finer
        Pixels for one of the detector, of EER files.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sum = QSpinBox()
        self.sum.setRange(1, _MOST)
        self.sum.setToolTip(
            "Frames of a movie that are added to one as it is read; 1 takes each as it is. Single "
            "images make no sums and are told of."
        )
        self.finer = choices(
            list(map(str, SUPER_RESOLUTIONS)),
            "Super-resolution: pixels for one of the detector along each side, of EER files; "
            "others have 1 only.",
        )
        self.finer.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        row.addWidget(self.sum, 1)
        row.addWidget(QLabel("EER x"))
        row.addWidget(self.finer, 1)

    @property
    def chosen(self) -> dict[str, int]:
        """Settings of ``watch`` and ``batch``."""
        return {"sum_frames": self.sum.value(), "super_resolution": int(self.finer.currentText())}
