"""The fields and texts of the Denoise dock widget, without what they do."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
)

from ...denoising.settings import Settings
from ..forms.fields import BAR_STEPS, Form, beside, choices, field, show_or_hide, text
from ..forms.file_button import FileButton
from ..forms.job_list import JobList
from ..forms.layer_box import LayerBox
from ..forms.model_box import ModelBox
from ..forms.preferences import preference
from ..jobs.summary import Understanding, pixel_size_text


class DenoiseForm(Form):
    """The form; ``show_understanding``, ``show_progress`` and ``say`` fill it.

    Parameters
    ----------
    layer
        The box in which the image is chosen.
    """

    def __init__(self, layer: LayerBox) -> None:
        super().__init__()
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
        self.model = ModelBox()
        self.about = text("The model, and the pixels that it will see.")
        self.quality = choices(
            ["fast", "best"],
            "fast: one pass. best: the average over flips, turns and shifts; slower, better.",
        )
        self.device = choices(
            ["auto", "cpu", "cuda", "mps"],
            "Where to compute; auto takes a graphics card if it can.",
        )
        for box, name in ((self.quality, "quality"), (self.device, "device")):
            box.setCurrentText(preference(name))
        self.dark = FileButton("Dark...", "Image or movie recorded without beam; it is subtracted.")
        self.gain_reference = FileButton(
            "Gain reference...", "Image or movie of even light; the image is divided by it."
        )
        self.noise = FileButton(
            "Noise...", "Noise spectrum of the detector, as Measure noise keeps it."
        )
        self.measure = QPushButton("Measure noise")
        self.measure.setToolTip(
            "Take the noise spectrum of the detector from the rectangle that you have drawn in a "
            "shapes layer on vacuum; without one, from the whole image or from differences of a "
            "movie's frames. It is kept in a file and used from then on."
        )
        self.sharpen = QCheckBox("Sharpen")
        self.sharpen.setToolTip(
            "Correct the result for the point spread of a camera with correlated noise."
        )
        self.warning = text("What may go wrong.")
        self.live = QCheckBox("Live")
        self.live.setToolTip(
            "Denoise what you look at while you scroll, zoom and change settings (Shift-L)."
        )
        self.swipe = QCheckBox("Swipe")
        self.swipe.setToolTip("Show the raw image left of a line that you can drag (Shift-S).")
        self.denoise = QPushButton("Denoise")
        self.denoise.setToolTip(
            "Add the denoised image as a new layer. Hold B over the image to see the raw one. "
            "Click again with another image or other settings to queue that as well (Shift-D)."
        )
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop now; finished frames are kept.")
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.message = text("What has come of it.")
        self.python = QPushButton("Copy as Python")
        self.python.setToolTip("A script that makes the last result again.")
        self.command = QPushButton("Copy as command")
        self.command.setToolTip("A line for a terminal that makes the last result again.")
        self.copies = beside(self.python, self.command)
        self.copies.setVisible(False)
        self.outliers = QPushButton("Show pixels left out")
        self.outliers.setToolTip(
            "Add a layer of labels over the pixels that the last result was made without."
        )
        self.outliers.setVisible(False)
        self.jobs = JobList()
        self._lay_out()
        self.show_understanding(None)
        self.set_running(False)

    @property
    def settings(self) -> Settings:
        """How to denoise; the calibration is the layer's."""
        return Settings.of(
            model=self.model.chosen,
            quality=self.quality.currentText(),
            device=self.device.currentText(),
            dark=self.dark.path,
            gain_reference=self.gain_reference.path,
            noise=self.noise.path or "auto",
            sharpen=self.sharpen.isChecked(),
        )

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
        """Allow cancelling while something runs."""
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
            "Camera": beside(self.dark, self.gain_reference, self.sharpen),
            "Noise": beside(self.measure, self.noise),
        }.items():
            row = rows.rowCount()
            rows.addWidget(QLabel(name), row, 0)
            rows.addWidget(part, row, 1)
        whole = QVBoxLayout(self)
        whole.addLayout(rows)
        rows.addWidget(QLabel("View"), rows.rowCount(), 0)
        rows.addWidget(beside(self.live, self.swipe), rows.rowCount() - 1, 1)
        buttons = beside(self.denoise, self.cancel)
        for part in (self.warning, buttons, self.bar, self.message, self.outliers):
            whole.addWidget(part)
        for part in (self.copies, self.jobs):
            whole.addWidget(part)
        whole.addStretch()
