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
from ...recipe import history
from ...series.classic import Method, methods_for, pca_series
from ...series.comparing import compare_series
from ...series.denoise import FEW, denoise_series
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

_AUTO, _NETWORK, _BEST = "auto", "network", "best"
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
    method: str
    noise: dict[str, Any]
    kind: str


@dataclass(frozen=True)
class _Result:
    """The denoised stack, where the network was not followed, and what is said of it."""

    denoised: Series
    doubted: np.ndarray
    words: str


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
            "Add the denoised stack; a network first learns from the low-noise stack.",
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
        self.method = choices(
            [_NETWORK, *get_args(Method), _BEST],
            "network: learns from a low-noise stack. The PCAs need none; those of DIPY must be "
            "installed. best: what comes closest to volumes put aside; takes nine times as long.",
        )
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
        self.add_row("Method", self.method)
        self.add_row("Low noise", self.reference)
        self.add_row("", beside(self.masked[1], self.masks[1]))
        self.add_row("Noise", beside(self.noise, self.coils))
        self.add_row("Network", self.kind)
        self.add_row("Model file", self.file)
        self._source: Image | None = None

    def prepare(self) -> Task:
        """Read the fields."""
        self._source = layers.needed(self.stack.layer, _NO_STACK)
        method = self.method.currentText()
        name = self.file.text().strip() if method in (_NETWORK, _BEST) else ""
        file = model_path(name) if name else None
        known = method in get_args(Method) or (file is not None and file.is_file())
        if not known and layers.needed(self.reference.layer, _NO_STACK) is self._source:
            raise SBDError(
                "The noisy and the low-noise stack are the same layer; open the low-noise stack, "
                "or give a trained model."
            )
        masks = [self._mask(i) for i in range(2)]
        noise = {"noise": self.noise.currentText(), "coils": _whole(self.coils.text() or "1")}
        reference = None if known else series_of(self.reference.layer)
        kind = self.kind.currentText()
        stack = series_of(self._source)
        return partial(_run, _Job(stack, masks[0], reference, masks[1], file, method, noise, kind))

    def show_result(self, result: _Result) -> str:
        """Add the denoised stack on its source, and a map of the voxels in doubt."""
        source = layers.still_there(self.viewer, self._source)
        data, metadata = values_of(result.denoised)
        self.viewer.add_layer(
            Image(
                data,
                name=f"{source.name} denoised",
                contrast_limits=source.contrast_limits,
                metadata=metadata,
                **layers.look_of(source),
            )
        )
        if result.doubted.mean() > FEW:
            self.viewer.add_layer(layers.labels_over(source, result.doubted, "doubted"))
        return result.words

    def _mask(self, which: int) -> np.ndarray | None:
        if not self.masked[which].isChecked():
            return None
        layer = self.masks[which].layer
        if layer is None:
            raise SBDError("There is no labels layer; add one, or clear 'only labelled'.")
        labelled: np.ndarray = np.asarray(layer.data) != 0
        return labelled


def _run(job: _Job, progress: Progress, should_stop: ShouldStop) -> _Result:
    tools: dict[str, Any] = {"should_stop": should_stop}
    words, method, share, model = "", job.method, 0.0, None
    if method in (_NETWORK, _BEST):
        share = 0.0 if job.reference is None else _TRAINING_SHARE
        model = _model(job, lambda done, total: progress(share * done / total, 1.0), should_stop)
        words = _told(model)
    if model is not None and method == _BEST:
        rivals: dict[str, Any] = {
            _NETWORK: model,
            **{name: name for name in methods_for(job.stack)},
        }
        ranked = compare_series(job.stack, rivals, job.stack_mask, **job.noise, **tools)
        found = ", ".join(f"{name} {error:.3f}" for name, error in ranked.items())
        words += f" Errors of volumes put aside, in units of the noise: {found}."
        method = next(name for name in ranked if name in rivals)
    tools["progress"] = lambda done, total: progress(share + (1 - share) * done / total, 1.0)
    doubted = np.zeros(job.stack.grid, bool)
    if model is not None and method == _NETWORK:
        denoised = denoise_series(job.stack, model, job.stack_mask, doubted=doubted, **tools)
    else:
        denoised = pca_series(job.stack, job.stack_mask, method=method, **job.noise, **tools)
        words += f" Denoised by {method}, with {_noise_of(denoised)}."
    return _Result(denoised, doubted, words.strip())


def _model(job: _Job, progress: Progress, should_stop: ShouldStop) -> SeriesModel:
    """The model of the file, or one that is trained now."""
    if job.reference is None:
        assert job.file is not None
        return load_series_model(job.file)
    model = train_series(
        job.reference,
        mask=job.reference_mask,
        target=job.stack,
        target_mask=job.stack_mask,
        architecture=job.kind,
        progress=progress,
        should_stop=should_stop,
        steps=_STEPS,
        **job.noise,
    )
    return model if job.file is None else load_series_model(model.save(job.file))


def _told(model: SeriesModel) -> str:
    card = model.card
    after, before = card.figures.values()
    return (
        f"{card.noise} noise of level {card.level:.4g}. On held-out voxels of the low-noise stack "
        f"the error fell from {before:.2f} to {after:.2f} of the noise."
    )


def _noise_of(result: Series) -> str:
    settings = history(result.metadata)[-1]["settings"]
    return f"{settings['noise']} noise of level {settings['level']:.4g}"


def _is_stack(layer: Any) -> bool:
    return isinstance(layer, Image) and layer.ndim in (3, 4) and not layer.rgb


def _is_labels(layer: Any) -> bool:
    return isinstance(layer, Labels)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SBDError(f"The number of coils is a whole number, not {text!r}.") from None
