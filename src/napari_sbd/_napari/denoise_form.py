"""The fields and texts of the Denoise dock widget, without what they do."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..networks import models
from .fields import BAR_STEPS, WIDTH, beside, choices, field, show_or_hide, text
from .layer_box import LayerBox
from .understanding import Understanding, pixel_size_text

_OWN_MODEL = "your own…"


class DenoiseForm(QWidget):
    """The form; ``show_understanding``, ``show_progress`` and ``say`` fill it.

    Parameters
    ----------
    layer
        The box in which the image is chosen.
    """

    def __init__(self, layer: LayerBox) -> None:
        super().__init__()
        self.setMinimumWidth(WIDTH)
        self.layer = layer
        self.pixel_size = field(
            "unknown", "nm per pixel; two numbers, y x x, where the axes differ. Edit to correct."
        )
        self.gain = field(
            "unknown",
            "Values of the image per electron; 1 for electron counts. Leave it empty if you do "
            "not know: the result hardly depends on it.",
        )
        self.offset = field("0", "Value of the image where no electron arrived.")
        self.dose = text("Mean dose of the first frame, from the gain or estimated from the noise.")
        self.model = choices(
            ["auto", *(card.name for card in models()), _OWN_MODEL],
            "The network; your own is a .safetensors file with its card beside it.",
        )
        self.model.activated.connect(self._browse)
        self.about = text("The model, and the pixels that it will see.")
        self.quality = choices(
            ["fast", "best"],
            "fast: one pass. best: the average over flips, turns and shifts; slower, better.",
        )
        self.device = choices(
            ["auto", "cpu", "cuda", "mps"],
            "Where to compute; auto takes a graphics card if it can.",
        )
        self.warning = text("What may go wrong.")
        self.denoise = QPushButton("Denoise")
        self.denoise.setToolTip(
            "Add the denoised image as a new layer. Hold B over the image to see the raw one."
        )
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop now; finished frames are kept.")
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.message = text("What has come of it.")
        self._lay_out()
        self.show_understanding(None)
        self.set_running(False)

    def show_understanding(self, found: Understanding | None) -> None:
        """Show the texts of an image, or none while they are not known."""
        self.dose.setText(found.dose if found else "")
        self.about.setText(f"{found.model}\n{found.sampling}" if found else "")
        estimate = found.estimated_gain if found else None
        self.gain.setPlaceholderText("unknown" if estimate is None else f"about {estimate:.3g}")
        show_or_hide(self.warning, "\n".join(found.warnings) if found else "")

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

    def show_progress(self, share: float, words: str) -> None:
        """Move the progress bar to a share between 0 and 1."""
        self.bar.setValue(round(share * BAR_STEPS))
        self.bar.setFormat(words)

    def say(self, sentence: str) -> None:
        """Show one sentence below the buttons."""
        show_or_hide(self.message, sentence)

    def _lay_out(self) -> None:
        rows = QGridLayout()  # unlike a form layout, it gives wrapped texts their height
        rows.setColumnStretch(1, 1)
        for name, part in {
            "Image": self.layer,
            "Pixel size": beside(self.pixel_size, QLabel("nm")),
            "Gain": beside(self.gain, QLabel("offset"), self.offset),
            "Dose": self.dose,
            "Model": self.model,
            "": self.about,
            "Quality": beside(self.quality, QLabel("device"), self.device),
        }.items():
            row = rows.rowCount()
            rows.addWidget(QLabel(name), row, 0)
            rows.addWidget(part, row, 1)
        whole = QVBoxLayout(self)
        whole.addLayout(rows)
        for part in (self.warning, beside(self.denoise, self.cancel), self.bar, self.message):
            whole.addWidget(part)
        whole.addStretch()

    def _browse(self) -> None:
        if self.model.currentText() != _OWN_MODEL:
            return
        path, _ = QFileDialog.getOpenFileName(self, "Choose a model", "", "Models (*.safetensors)")
        if path:
            self.model.insertItem(self.model.count() - 1, path)
        self.model.setCurrentIndex(self.model.findText(path or "auto"))
