"""The GainTune dock widget: adapt the model to the image that is shown, with one click."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

from ...denoise import denoise
from ...denoising.settings import Settings
from ...errors import Cancelled, stopping
from ...gaintuning import Tuned, gain_tune
from ...micrograph import Micrograph
from ...noise.as_denoised import correction_told
from ...recipe import setting_of
from ...region import Region
from ...session.source import Source
from ...units import number_of
from ..forms.curve import Curve
from ..forms.fields import beside, choices
from ..forms.layer_box import LayerBox
from ..forms.modality import modality_for
from ..forms.model_box import ModelBox
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..layers import micrographs as layers
from ..layers.pairs import is_raw
from ..layers.results import AS_DENOISED, correction_of, earlier, put, region_of
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    import napari

_FAR = 3.0  # error in variances of the noise: what is predicted is not the image
_TUNING = 0.9  # share of the work that is tuning


class GainTuneWidget(TaskWidget):
    """Tune the gains of a model on an image layer and add the result as a layer.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer,
            "GainTune",
            "Adapt the model to this image, keep that only if it predicts electrons better that "
            "were put aside, and add the result as a layer.",
        )
        self.layer = LayerBox(viewer, "The raw image or movie.", is_raw)
        self.model = ModelBox("The network to adapt.")
        self.quality = choices(["fast", "best"], "How the tuned network is applied.")
        self.loss = choices(
            ["auto", "thinning", "sure", "blind-spot", "resampling"],
            "What is minimised; auto: thinning for counted electrons, SURE otherwise.",
        )
        self.frames = choices(
            ["frame shown", "all together", "each"],
            "Of a movie: one adaptation for all frames does not flicker.",
        )
        self.device = choices(["auto", "cpu", "cuda", "mps"], "Where to compute.")
        self.add_row("Image", self.layer)
        self.add_row("Model", beside(self.model, self.quality))
        self.add_row("Loss", self.loss)
        self.add_row("Frames", self.frames)
        self.add_row("Device", beside(self.device, self.keep))
        self.curve = Curve("step", "error, to stop by")
        self.below.addWidget(self.curve)
        self._points: list[tuple[float, float]] = []
        self._source: Image | None = None
        self._camera: dict[str, Any] = {}
        self._region: str | None = None

    def prepare(self) -> Task:
        """Read the fields."""
        layer = self.layer.layer
        m = layers.micrograph_of(layers.needed(layer))
        shown = frame_shown(self.viewer, layer)
        frames = {"frame shown": shown, "all together": "all", "each": "each"}
        self._source, self._points = layer, []
        self._camera = correction_of(self.viewer.layers, layer)
        self._region = region_of(self.viewer.layers, layer)
        self.curve.show_points([])
        return partial(
            _tune,
            m,
            self._points,
            {
                "model": self.model.chosen,
                "modality": modality_for(layer),
                "loss": self.loss.currentText(),
                "frames": frames[self.frames.currentText()],
                "device": self.device.currentText(),
            },
            {"quality": self.quality.currentText(), "region": self._region, **self._camera},
        )

    def watch(self) -> None:
        """Let the curve grow."""
        points = list(self._points)
        self.curve.show_points(points, points[0][1] if points else None)

    def show_result(self, result: tuple[Tuned, Micrograph]) -> str:
        """Add the denoised layer and tell the report."""
        tuned, denoised = result
        report = tuned.report
        words = [f"{report.reason[0].upper()}{report.reason[1:]}"]
        source = layers.still_there(self.viewer, self._source)
        if report.kept:
            layer = layers.result_layer(source, denoised, "GainTuned")
            put(self.viewer, layer, "tuned", keep=self.keep.isChecked())
        elif self._stands(earlier(self.viewer.layers, str(source.unique_id), "denoised")):
            words.append("The denoised image that is there stays as it is.")
        else:
            layer = layers.result_layer(source, denoised, "denoised (untuned)")
            put(self.viewer, layer, "denoised")
        if report.untuned is not None and report.tuned is not None:
            words.append(
                f"Its error: {report.untuned:.4g} untuned, {report.tuned:.4g} tuned, and 1 were it "
                "noise alone; the curve is that of a smaller part, which told when to stop."
            )
            if report.tuned > _FAR:
                words.append(
                    "That is far above 1: the model does not fit this image, or its noise is not "
                    "what it was taken for, as that of a filtered image."
                )
        if report.steps:
            words.append(f"{number_of(report.steps, 'step')} in {report.seconds:.1f} s.")
        if self._region is not None:
            words.append("Tuned on the region of Denoise, and denoised there.")
        if self._camera:
            words.append(AS_DENOISED)
        return " ".join(words)

    def _stands(self, made: list[Layer]) -> bool:
        """Whether an image was denoised before, in the part and with the camera that are meant."""
        how = [(setting_of(m.metadata, "region"), correction_told(m.metadata)) for m in made]
        return (self._region, self._camera) in how


def _tune(
    m: Micrograph,
    points: list[tuple[float, float]],
    settings: dict[str, Any],
    others: dict[str, Any],
    progress: Progress,
    should_stop: ShouldStop,
) -> tuple[Tuned, Micrograph]:
    """Tune and denoise; a tuning that was cancelled still gives its image, a movie does not."""
    with stopping(lambda: False):  # what was tuned until then is judged and applied
        chosen = Settings.of(**others)
        image = Source(m, chosen).image
        if chosen.region is not None:
            image = Region.of(chosen.region).on(image.shape).cut(image)
        tuned = gain_tune(
            image,
            **settings,
            on_step=lambda step, score: points.append((step, score)),
            progress=lambda done, total: progress(_TUNING * done, total),
            should_stop=should_stop,
        )
        if tuned.report.cancelled and m.is_movie:
            raise Cancelled("stopped")
        denoised = denoise(
            m,
            model=tuned.model,
            gain_tuning=tuned,
            **others,
            device=settings["device"],
            progress=lambda done, total: progress(_TUNING + (1 - _TUNING) * done / total, 1),
            should_stop=None if tuned.report.cancelled else should_stop,
        )
    return tuned, denoised
