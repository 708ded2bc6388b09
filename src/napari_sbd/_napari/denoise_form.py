"""The fields and texts of the Denoise dock widget, without what they do."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..networks import models
from .understanding import Understanding, pixel_size_text

_WIDTH = 300  # pixels, so that the dock's title is not cut
_STEPS = 1000
_OWN_MODEL = "your own…"


class DenoiseForm(QWidget):
    """The form; ``show_understanding``, ``show_progress`` and ``say`` fill it."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(_WIDTH)
        self.layer = _choices([], "The image or movie to denoise.")
        self.pixel_size = _field(
            "unknown", "nm per pixel; two numbers, y x x, where the axes differ. Edit to correct."
        )
        self.gain = _field(
            "unknown",
            "Values of the image per electron; 1 for electron counts. Leave it empty if you do "
            "not know: the result hardly depends on it.",
        )
        self.offset = _field("0", "Value of the image where no electron arrived.")
        self.dose = _text(
            "Mean dose of the first frame, from the gain or estimated from the noise."
        )
        self.model = _choices(
            ["auto", *(card.name for card in models()), _OWN_MODEL],
            "The network; your own is a .safetensors file with its card beside it.",
        )
        self.model.activated.connect(self._browse)
        self.about = _text("The model, and the pixels that it will see.")
        self.quality = _choices(
            ["fast", "best"],
            "fast: one pass. best: the average over flips, turns and shifts; slower, better.",
        )
        self.device = _choices(
            ["auto", "cpu", "cuda", "mps"],
            "Where to compute; auto takes a graphics card if it can.",
        )
        self.warning = _text("What may go wrong.")
        self.denoise = QPushButton("Denoise")
        self.denoise.setToolTip("Add the denoised image as a new layer.")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop now; finished frames are kept.")
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.message = _text("What has come of it.")
        self._lay_out()
        self.show_understanding(None)
        self.set_running(False)

    def show_understanding(self, found: Understanding | None) -> None:
        """Show the texts of an image, or none while they are not known."""
        self.dose.setText(found.dose if found else "")
        self.about.setText(f"{found.model}\n{found.sampling}" if found else "")
        estimate = found.estimated_gain if found else None
        self.gain.setPlaceholderText("unknown" if estimate is None else f"about {estimate:.3g}")
        self._show_or_hide(self.warning, "\n".join(found.warnings) if found else "")

    def show_calibration(
        self, pixel_size: float | tuple[float, float] | None, gain: float | None, offset: float
    ) -> None:
        """Fill the fields with an image's own values."""
        self.pixel_size.setText(pixel_size_text(pixel_size))
        self.gain.setText("" if gain is None else f"{gain:.6g}")
        self.offset.setText(f"{offset:.6g}")

    def set_running(self, running: bool) -> None:
        """Allow either editing and starting, or cancelling."""
        fields: list[QWidget] = [self.layer, self.pixel_size, self.gain, self.offset]
        choices: list[QWidget] = [self.model, self.quality, self.device, self.denoise]
        for part in fields + choices:
            part.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.bar.setVisible(running)

    def show_progress(self, share: float, text: str) -> None:
        """Move the progress bar to a share between 0 and 1."""
        self.bar.setValue(round(share * _STEPS))
        self.bar.setFormat(text)

    def say(self, text: str) -> None:
        """Show one sentence below the buttons."""
        self._show_or_hide(self.message, text)

    def _lay_out(self) -> None:
        rows = QGridLayout()  # unlike a form layout, it gives wrapped texts their height
        rows.setColumnStretch(1, 1)
        for name, part in {
            "Image": self.layer,
            "Pixel size": _beside(self.pixel_size, QLabel("nm")),
            "Gain": _beside(self.gain, QLabel("offset"), self.offset),
            "Dose": self.dose,
            "Model": self.model,
            "": self.about,
            "Quality": _beside(self.quality, QLabel("device"), self.device),
        }.items():
            row = rows.rowCount()
            rows.addWidget(QLabel(name), row, 0)
            rows.addWidget(part, row, 1)
        whole = QVBoxLayout(self)
        whole.addLayout(rows)
        for part in (self.warning, _beside(self.denoise, self.cancel), self.bar, self.message):
            whole.addWidget(part)
        whole.addStretch()

    def _show_or_hide(self, label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))

    def _browse(self) -> None:
        if self.model.currentText() != _OWN_MODEL:
            return
        path, _ = QFileDialog.getOpenFileName(self, "Choose a model", "", "Models (*.safetensors)")
        if path:
            self.model.insertItem(self.model.count() - 1, path)
        self.model.setCurrentIndex(self.model.findText(path or "auto"))


def _choices(names: list[str], tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems(names)
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _field(placeholder: str, tip: str) -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setToolTip(tip)
    return field


def _text(tip: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setToolTip(tip)
    return label


def _beside(*parts: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part, 0 if isinstance(part, QLabel) else 1)
    return row
