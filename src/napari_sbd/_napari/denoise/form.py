"""The fields and texts of the Denoise dock widget, without what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton

from ...denoising.settings import Settings
from ...units import parse_number, parse_pixel_size
from ..forms.fields import beside, choices, field, show_or_hide, stacked, text
from ..forms.file_button import FileButton
from ..forms.layer_box import LayerBox
from ..forms.modality import modality_box
from ..forms.model_box import ModelBox
from ..forms.region_box import RegionBox
from ..forms.task_widget import TaskWidget
from ..jobs.gain import offer, short
from ..jobs.preferences import preference
from ..jobs.summary import Understanding, pixel_size_text
from ..layers.pairs import is_image

if TYPE_CHECKING:
    import napari

    from ...micrograph import Micrograph, PixelSize


_DOSE = "Mean dose of the first frame, from the gain or estimated from the noise."

_USE = "Take what the noise tells, for this image from now on, in all tools: gain"


class DenoiseForm(TaskWidget):
    """The form; ``show_understanding`` and ``show_calibration`` fill it.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer,
            "Denoise",
            "Add the denoised image as a new layer. Hold B over the image to see the raw one. "
            "Click again with another image or other settings to queue that as well (Shift-D).",
        )
        self.cancel.setToolTip("Stop now; finished frames are kept.")
        self.layer = LayerBox(viewer, "The image or movie to denoise.", is_image)
        self.region = RegionBox(viewer, lambda: self.layer.layer)
        self.pixel_size = field(
            "unknown",
            "nm per pixel, or with a unit as in 6.1 pm; two numbers, y x x, where the axes differ. "
            "Edit to correct.",
        )
        self.gain = field(
            "unknown",
            "Values of the image per electron; 1 for electron counts. Leave it empty if you do "
            "not know: the result hardly depends on it.",
        )
        self.gain_error = QLabel()
        self.gain_error.setToolTip("Standard error of the gain, which the noise told.")
        self.offset = field("0", "Value of the image where no electron arrived.")
        self.use = QPushButton()
        self.dose = text(_DOSE)
        self.model = ModelBox()
        self.modality = modality_box()
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
        self.fixed_pattern = QCheckBox("Fixed pattern")
        self.fixed_pattern.setToolTip(
            "Take out the pattern that all frames of a movie share, where there is no gain "
            "reference and the scene moves."
        )
        self.fixed_pattern.hide()
        self.warning = text("What may go wrong.")
        self.live = QCheckBox("Live")
        self.live.setToolTip(
            "Denoise what you look at while you scroll, zoom and change settings (Shift-L)."
        )
        self.swipe = QCheckBox("Swipe")
        self.swipe.setToolTip("Show the raw image left of a line that you can drag (Shift-S).")
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
        self._lay_out()
        self.show_understanding(None)

    @property
    def settings(self) -> Settings:
        """How to denoise; the calibration is the layer's."""
        return Settings.of(
            model=self.model.chosen,
            modality=self.modality.currentText(),
            quality=self.quality.currentText(),
            device=self.device.currentText(),
            dark=self.dark.path,
            gain_reference=self.gain_reference.path,
            noise=self.noise.path or "auto",
            sharpen=self.sharpen.isChecked(),
            fixed_pattern=self.fixed_pattern.isChecked() and not self.fixed_pattern.isHidden(),
        )

    def show_understanding(self, found: Understanding | None) -> None:
        """Show the texts of an image, or none while they are not known."""
        self.dose.setText(found.dose if found else "")
        self.about.setText(f"{found.model}\n{found.sampling}" if found else "")
        self.dose.setToolTip(_DOSE if found is None else f"{_DOSE} {found.gain.why}".strip())
        estimated = found is not None and found.gain.how == "estimated"
        self.use.setVisible(estimated)
        hint = "unknown"
        if found is not None and found.gain.how == "counted":
            hint = "1"
        elif found is not None and estimated:
            hint = f"about {short(found.gain.gain)}"
            self.use.setText(offer(found.gain))
            self.use.setToolTip(f"{_USE} {found.gain.in_words}. {found.gain.why}")
        self.gain.setPlaceholderText(hint)
        show_or_hide(self.warning, "\n".join(found.warnings) if found else "")

    def show_calibration(
        self,
        pixel_size: float | tuple[float, float] | None,
        gain: float | None,
        offset: float,
        gain_error: float = 0.0,
    ) -> None:
        """Fill the fields with an image's own values."""
        show_or_hide(self.gain_error, f"± {short(gain_error)}" if gain_error else "")
        self.pixel_size.setText(pixel_size_text(pixel_size))
        self.gain.setText("" if gain is None else f"{gain:.6g}")
        self.offset.setText(f"{offset:.6g}")

    def typed(self, m: Micrograph) -> tuple[PixelSize | None, float | None, float]:
        """Pixel size, gain and offset of an image: those typed, and else its own to the last digit.

        Raises
        ------
        SBDError
            If what was typed is no number.
        """
        size, gain, offset = m.pixel_size, m.gain, m.offset
        if self.pixel_size.isModified():
            size = parse_pixel_size(self.pixel_size.text())
        if self.gain.isModified():
            gain = parse_number(self.gain.text(), "gain")
        if self.offset.isModified():
            offset = parse_number(self.offset.text(), "offset") or 0.0
        return size, gain, offset

    def _lay_out(self) -> None:
        for name, part in {
            "Image": self.layer,
            "Region": beside(self.region, self.region.draw),
            "Pixel size": beside(self.pixel_size, QLabel("nm")),
            "Gain": beside(self.gain, self.gain_error, QLabel("offset"), self.offset),
            "Dose": stacked(self.dose, self.use),
            "Model": beside(self.model, self.modality),
            "": self.about,
            "Quality": beside(self.quality, QLabel("device"), self.device),
            "Camera": stacked(
                beside(self.dark, self.gain_reference, self.sharpen), self.fixed_pattern
            ),
            "Noise": beside(self.measure, self.noise),
            "View": beside(self.live, self.swipe, self.keep),
        }.items():
            self.add_row(name, part)
        self.add_whole_row(self.warning)
        self.below.addWidget(self.outliers)
        self.below.addWidget(self.copies)
