"""One denoising in the viewer: its run, its job, and the layer in which it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.events import disconnect_events
from qtpy.QtCore import QObject, Signal
from superqt.utils import create_worker

from ..forms.task_widget import sentence
from ..jobs.queue import Job, queue
from ..jobs.run import Run
from ..layers import micrographs as layers
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    import napari


class Denoising(QObject):
    """Denoise a layer into a new one as soon as the queue allows.

    Parameters
    ----------
    viewer
        The viewer.
    source
        The layer.
    run
        The work.
    parent
        The widget to which it belongs.

    Attributes
    ----------
    result
        The new layer, once its first frame is done.
    ended
        Signal: itself, a sentence about what has come of it, and whether that is an error.
    """

    ended = Signal(object, str, bool)

    def __init__(
        self, viewer: napari.viewer.Viewer, source: Image, run: Run, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self.run = viewer, run
        self._source: Image | None = source
        self.result: Image | None = None
        self._look = {**layers.look_of(source), "name": f"{source.name} denoised"}
        worker = create_worker(run.work, _ignore_errors=True, _start_thread=False)
        worker.yielded.connect(self._frame_done)
        worker.returned.connect(self._done)
        worker.errored.connect(self._failed)
        self.job = Job(
            f"Denoise {source.name} ({run.settings.model}, {run.settings.quality})",
            worker,
            share=lambda: run.share,
            stop=run.cancel,
            dropped=self._dropped,
        )
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.current_step.connect(self._scrolled)
        # a lambda, since slots of this object are gone by then
        self.destroyed.connect(lambda: self._let_go(viewer))
        queue().add(self.job)

    @property
    def words(self) -> str:
        """How far it is."""
        if self.job.begun is None or self.run.cancelled:
            return self.job.words
        return self.run.progress

    def _frame_done(self, index: int) -> None:
        run, source = self.run, self._source
        if run.result is None or source is None:
            return
        if self.result is None:
            limits = layers.readable_limits(tuple(source.contrast_limits), run.limits)
            metadata = {**run.metadata, layers.KEY: layers.calibration(run.source)}
            metadata |= layers.made_from(source)
            self.result = Image(run.result, contrast_limits=limits, metadata=metadata, **self._look)
            self._viewer.add_layer(self.result)
        elif self._viewer.dims.ndisplay == 3 or index == frame_shown(self._viewer, self.result):
            self.result.refresh()

    def _done(self, _nothing: None) -> None:
        self._end(self.run.outcome)

    def _failed(self, error: Exception) -> None:
        self._end(sentence(error), is_error=True)

    def _dropped(self) -> None:
        self._end("Cancelled.")

    def _end(self, words: str, is_error: bool = False) -> None:
        self._disconnect(self._viewer)
        if self.result is not None:
            self.result.metadata = {**self.result.metadata, **self.run.metadata}
        self.ended.emit(self, words, is_error)
        self.deleteLater()

    def _scrolled(self) -> None:
        if self._source is not None:
            self.run.look_at(frame_shown(self._viewer, self._source))

    def _removed(self, event: Any) -> None:
        if event.value is self._source or event.value is self.result:
            self._source = None  # nothing more is shown of this run
            self.job.cancel()

    def _disconnect(self, viewer: napari.viewer.Viewer) -> None:
        disconnect_events(viewer.layers.events, self)
        disconnect_events(viewer.dims.events, self)

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        self.job.abandon()
        self._disconnect(viewer)
