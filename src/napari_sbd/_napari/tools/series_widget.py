"""The Along the stack dock widget: learn signals from one stack, denoise another with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QCheckBox

from ...errors import SBDError
from ...series.denoise import denoise_series
from ...series.model import SeriesModel, load_series_model, model_path
from ...series.noises import Kind
from ...series.stack import Series
from ...series.train import STEPS, train_series
from ..forms.fields import beside, choices, field
from ..forms.layer_box import LayerBox
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..layers import micrographs as layers
from ..layers.series import series_of, values_of

if TYPE_CHECKING:
    import napari

_AUTO = "auto"
_STEPS = STEPS
_TRAINING_SHARE = 0.9  # of the time, as the bar shows it
_NO_STACK = "There is no stack; open a NIfTI file, or a stack of images (N, Y, X)."


@dataclass(frozen=True)
class _Job:
    """What the fields say."""

    stack: Series
    stack_mask: np.ndarray | None
    reference: Series | None
    reference_mask: np.ndarray | None
    file: Path | None
    options: dict[str, Any]


class SeriesWidget(TaskWidget):
    """Train on a low-noise stack and denoise a noisy one of the same protocol.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer,
            "Denoise along the stack",
            "Learn from the low-noise stack what signals look like, then add the denoised stack.",
        )
        self.stack = LayerBox(viewer, "The noisy stack: N images or volumes.", _is_stack)
        self.reference = LayerBox(
            viewer, "A stack of the same protocol with less noise, of anything.", _is_stack
        )
        self.reference.held = True
        for layer in viewer.layers:
            if layer is not self.stack.layer:
                self.reference.choose(layer)
        self.masks = [LayerBox(viewer, "What is labelled is used.", _is_labels) for _ in range(2)]
        self.masked = [QCheckBox("only labelled") for _ in range(2)]
        for box in self.masked:
            box.setToolTip("Leave out all pixels that a labels layer does not mark.")
        self.noise = choices(
            [_AUTO, *get_args(Kind)],
            "rician: magnitudes of one coil. chi: root of the sum of squares of several. "
            "poisson: counts. auto: from the data.",
        )
        self.coils = field("1", "Coils of the sum of squares.")
        self.kind = choices(
            [_AUTO, "protocol", "any-length", "paper"],
            "protocol: for this sequence of volumes. any-length: where neighbours along the stack "
            "resemble each other. paper: the network of Cheng et al.",
        )
        self.file = field(
            "none", "NAME.safetensors: used where it is there, else written after the training."
        )
        self.add_row("Noisy", self.stack)
        self.add_row("", beside(self.masked[0], self.masks[0]))
        self.add_row("Low noise", self.reference)
        self.add_row("", beside(self.masked[1], self.masks[1]))
        self.add_row("Noise", beside(self.noise, self.coils))
        self.add_row("Network", self.kind)
        self.add_row("Model file", self.file)
        self._source: Image | None = None

    def prepare(self) -> Task:
        """Read the fields."""
        self._source = layers.needed(self.stack.layer, _NO_STACK)
        name = self.file.text().strip()
        file = model_path(name) if name else None
        trained = file is not None and file.is_file()
        if not trained and layers.needed(self.reference.layer, _NO_STACK) is self._source:
            raise SBDError(
                "The noisy and the low-noise stack are the same layer; open the low-noise stack, "
                "or give a trained model."
            )
        masks = [self._mask(i) for i in range(2)]
        options = {
            "noise": self.noise.currentText(),
            "coils": _whole(self.coils.text() or "1"),
            "architecture": self.kind.currentText(),
        }
        reference = None if trained else series_of(self.reference.layer)
        return partial(
            _run, _Job(series_of(self._source), masks[0], reference, masks[1], file, options)
        )

    def show_result(self, result: tuple[Series, SeriesModel]) -> str:
        """Add the denoised stack on its source."""
        denoised, model = result
        source = self._source
        if source is not None and source in self.viewer.layers:
            data, metadata = values_of(denoised)
            self.viewer.add_layer(
                Image(
                    data,
                    name=f"{source.name} denoised",
                    contrast_limits=source.contrast_limits,
                    metadata=metadata,
                    **layers.look_of(source),
                )
            )
        card = model.card
        after, before = card.figures.values()
        return (
            f"{card.noise} noise of level {card.level:.4g}. On held-out voxels of the low-noise "
            f"stack the error fell from {before:.2f} to {after:.2f} of the noise."
        )

    def _mask(self, which: int) -> np.ndarray | None:
        if not self.masked[which].isChecked():
            return None
        layer = self.masks[which].layer
        if layer is None:
            raise SBDError("There is no labels layer; add one, or clear 'only labelled'.")
        labelled: np.ndarray = np.asarray(layer.data) != 0
        return labelled


def _run(job: _Job, progress: Progress, should_stop: ShouldStop) -> tuple[Series, SeriesModel]:
    share = 0.0
    if job.reference is None:
        assert job.file is not None
        model = load_series_model(job.file)
    else:
        share = _TRAINING_SHARE
        model = train_series(
            job.reference,
            mask=job.reference_mask,
            target=job.stack,
            target_mask=job.stack_mask,
            progress=lambda done, total: progress(done / total * share, 1.0),
            should_stop=should_stop,
            steps=_STEPS,
            **job.options,
        )
        if job.file is not None:
            model = load_series_model(model.save(job.file))
    result = denoise_series(
        job.stack,
        model,
        job.stack_mask,
        progress=lambda done, total: progress(share + (1 - share) * done / total, 1.0),
        should_stop=should_stop,
    )
    return result, model


def _is_stack(layer: Any) -> bool:
    return isinstance(layer, Image) and layer.ndim in (3, 4) and not layer.rgb


def _is_labels(layer: Any) -> bool:
    return isinstance(layer, Labels)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SBDError(f"The number of coils is a whole number, not {text!r}.") from None
