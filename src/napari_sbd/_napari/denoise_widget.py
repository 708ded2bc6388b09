"""The Denoise dock widget: what its fields do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.events import disconnect_events
from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from superqt.utils import create_worker

from ..errors import SBDError
from ..micrograph import Micrograph
from . import layers
from .denoise_form import DenoiseForm
from .flip import bind_flip
from .layer_box import LayerBox
from .pair_boxes import is_image
from .run import Run
from .task_widget import sentence
from .understanding import Understanding, parse_number, parse_pixel_size, understand_or_say

if TYPE_CHECKING:
    import napari

_POLL = 200  # ms between looks at the progress


class DenoiseWidget(DenoiseForm):
    """Denoise an image layer into a new one.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(LayerBox(viewer, "The image or movie to denoise.", is_image))
        self._viewer = viewer
        self._run: Run | None = None
        self._look: dict[str, Any] = {}
        self._source: Image | None = None
        self._result: Image | None = None
        self._asked: object = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL)
        self._timer.timeout.connect(self._show_run)

        self.layer.chosen.connect(self._look_at_layer)
        self.model.activated.connect(self._look_at_layer)
        for field in (self.pixel_size, self.gain, self.offset):
            field.editingFinished.connect(self._edited)
        self.denoise.clicked.connect(self._start)
        self.cancel.clicked.connect(self._cancel)
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.current_step.connect(self._scrolled)
        # a lambda, since slots of this widget are gone by then
        self.destroyed.connect(lambda: self._let_go(viewer))
        bind_flip(viewer)
        self._look_at_layer()

    @property
    def running(self) -> bool:
        """Whether a denoising is under way."""
        return self._run is not None

    def _look_at_layer(self) -> None:
        """Ask, in the background, what is understood of the chosen layer."""
        self.say("")
        self.show_understanding(None)
        self._asked = None
        layer = self.layer.layer
        if layer is None:
            self.show_calibration(None, None, 0.0)
            return
        try:
            m = layers.micrograph_of(layer)
        except SBDError as error:
            self.show_calibration(None, None, 0.0)
            self.say(str(error))
            return
        self.show_calibration(m.pixel_size, m.gain, m.offset)
        self._asked = m
        worker = create_worker(understand_or_say, m, self.model.currentText(), _start_thread=False)
        worker.returned.connect(self._understood)
        worker.start()

    def _understood(self, answer: tuple[Micrograph, Understanding | str]) -> None:
        m, found = answer
        if m is not self._asked:
            return
        if isinstance(found, Understanding):
            self.show_understanding(found)
        elif not self.running and not self.message.text():
            self.say(found)

    def _edited(self) -> None:
        try:
            self._keep_typed()
        except SBDError as error:
            self.say(str(error))

    def _keep_typed(self) -> None:
        """Keep typed values on the layer, which is where all else looks them up."""
        fields = (self.pixel_size, self.gain, self.offset)
        layer = self.layer.layer
        if layer is None or not any(field.isModified() for field in fields):
            return
        layers.calibrate(
            layer,
            parse_pixel_size(self.pixel_size.text()),
            parse_number(self.gain.text(), "gain"),
            parse_number(self.offset.text(), "offset") or 0.0,
        )
        self._look_at_layer()

    def _start(self) -> None:
        layer = self.layer.layer
        if self.running:
            return
        try:
            self._keep_typed()
            run = Run(
                layers.micrograph_of(layers.needed(layer)),
                model=self.model.currentText(),
                quality=self.quality.currentText(),
                device=self.device.currentText(),
                frame=self._frame_shown(layer),
            )
        except SBDError as error:
            self._complain(str(error))
            return
        self._run, self._source, self._result = run, layer, None
        self._look = {**layers.look_of(layer), "name": f"{layer.name} denoised"}
        worker = create_worker(run.work, _ignore_errors=True, _start_thread=False)
        worker.yielded.connect(self._frame_done)
        worker.returned.connect(self._done)
        worker.errored.connect(self._failed)
        self.say("")
        self.layer.held = True
        self.set_running(True)
        self._show_run()
        self._timer.start()
        worker.start()

    def _cancel(self) -> None:
        if self._run is not None:
            self._run.cancel()
            self.cancel.setEnabled(False)
            self._show_run()

    def _show_run(self) -> None:
        if self._run is not None:
            text = "Cancelling" if self._run.cancelled else self._run.progress
            self.show_progress(self._run.share, text)

    def _frame_done(self, index: int) -> None:
        run, source = self._run, self._source
        if run is None or run.result is None or source is None:
            return
        if self._result is None:
            limits = layers.readable_limits(tuple(source.contrast_limits), run.limits)
            metadata = {**run.metadata, layers.KEY: layers.calibration(run.source)}
            self._result = Image(
                run.result, contrast_limits=limits, metadata=metadata, **self._look
            )
            self._viewer.add_layer(self._result)
        elif index == self._frame_shown(self._result) or self._viewer.dims.ndisplay == 3:
            self._result.refresh()

    def _done(self, _nothing: None) -> None:
        assert self._run is not None
        self.say(self._run.outcome)
        self._finish()

    def _failed(self, error: Exception) -> None:
        self._complain(sentence(error))
        self._finish()

    def _finish(self) -> None:
        self._timer.stop()
        if self._run is not None and self._result is not None:
            self._result.metadata = {**self._result.metadata, **self._run.metadata}
        self._run = self._source = self._result = None
        self.layer.held = False
        self.set_running(False)

    def _complain(self, sentence: str) -> None:
        self.say(sentence)
        show_error(sentence)

    def _frame_shown(self, layer: Image) -> int:
        if layer.ndim < 3:
            return 0
        return round(float(layer.world_to_data(self._viewer.dims.point)[0]))

    def _scrolled(self) -> None:
        if self._run is not None and self._source is not None:
            self._run.look_at(self._frame_shown(self._source))

    def _removed(self, event: Any) -> None:
        if self._run is not None and event.value in (self._source, self._result):
            self._source = None  # nothing more is shown of this run
            self._run.cancel()

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        if self._run is not None:
            self._run.cancel()
        disconnect_events(viewer.layers.events, self)
        disconnect_events(viewer.dims.events, self)
