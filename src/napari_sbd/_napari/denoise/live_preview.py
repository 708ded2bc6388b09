"""Live mode: a preview layer that follows the frame, the view and the controls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.events import disconnect_events
from napari.utils.transforms import Affine
from qtpy.QtCore import QObject, QTimer, Signal

from ...errors import Cancelled
from ..forms.task_widget import sentence
from ..forms.viewers import bare
from ..jobs.live import LiveDenoiser, Preview, Request
from ..jobs.when_gone import when_gone
from ..jobs.work import in_background
from ..layers import micrographs as layers

if TYPE_CHECKING:
    import napari

_WAIT = 60  # ms in which several changes count as one


class LivePreview(QObject):
    """Denoises what is looked at into the layer ``NAME [live]``; the latest wish wins.

    Parameters
    ----------
    viewer
        The viewer.
    wish
        Returns the source layer and what is to be seen of it, or None.
    parent
        The widget to which it belongs.

    Attributes
    ----------
    said
        Signal: a sentence about the preview.
    ended
        Signal: the user deleted the preview.
    """

    said = Signal(str)
    ended = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        wish: Callable[[], tuple[Image, Request] | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._wish = viewer, wish
        self._denoiser = LiveDenoiser()
        self._on = False
        self._working: tuple[Event, Image, Request] | None = None
        self._shown: tuple[Image, Request] | None = None
        self._whole = False
        self._preview: Image | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT)
        self._timer.timeout.connect(self._look)
        viewer.layers.events.removed.connect(self._removed)
        for watched in self._watched(viewer):
            watched.connect(self.ask)
        when_gone(self, self._let_go, bare(viewer))

    @property
    def busy(self) -> bool:
        """Whether a preview is being made."""
        return self._working is not None or self._timer.isActive()

    def switch(self, on: bool) -> None:
        """Begin, or end and remove the preview."""
        self._on = on
        if on:
            self.ask()
        else:
            self._timer.stop()
            self._stop()
            self._clear()

    def ask(self, _event: Any = None) -> None:
        """Look again, soon, at what is to be seen."""
        if self._on and not self._timer.isActive():
            self._timer.start()

    def _look(self) -> None:
        wish = self._wish() if self._on else None
        if wish is None:
            self._stop()
            self._clear()
            return
        source, request = wish
        if self._shown is not None and self._shown[0] is not source:
            self._clear()
        if self._shown is not None and _same(self._shown[1], request, anywhere=self._whole):
            return
        if self._working is not None:
            if not _same(self._working[2], request, anywhere=True):
                self._stop()
            return  # its end looks again
        self._begin(source, request)

    def _begin(self, source: Image, request: Request) -> None:
        stop = Event()

        self._working = stop, source, request
        work = partial(self._denoiser, request, stop.is_set)
        in_background(work, self._show, self._failed).start()

    def _show(self, preview: Preview) -> None:
        assert self._working is not None
        _, source, request = self._working
        self._working = None
        if not self._on or source not in self._viewer.layers:
            return
        self._shown, self._whole = (source, request), preview.is_whole
        self._draw(source, preview)
        part = "" if preview.is_whole else " for the part that you look at; Denoise does the whole"
        self.said.emit(f"Live: {preview.seconds:.2g} s{part}.")
        self.ask()

    def _draw(self, source: Image, preview: Preview) -> None:
        data, place = place_of(source, preview)
        if self._preview is None:
            limits = layers.readable_limits(tuple(source.contrast_limits), preview.limits)
            look = {**layers.look_of(source), **place}
            known = layers.calibration(preview.request.source)
            self._preview = Image(
                data,
                name=f"{source.name} [live]",
                contrast_limits=limits,
                metadata={layers.AIDS: True, layers.KEY: known, **layers.made_from(source)},
                **look,
            )
            active = self._viewer.layers.selection.active
            self._viewer.add_layer(self._preview)
            self._viewer.layers.selection.active = active
            return
        self._preview.data = data
        self._preview.translate = place["translate"]

    def _failed(self, error: Exception) -> None:
        working, self._working = self._working, None
        if not self._on:
            return
        if not isinstance(error, Cancelled):
            self._clear()
            if working is not None:
                self._shown = working[1:]  # not asked again until something changes
            self.said.emit(sentence(error))
        self.ask()

    def _stop(self) -> None:
        if self._working is not None:
            self._working[0].set()

    def _clear(self) -> None:
        preview, self._preview, self._shown = self._preview, None, None
        if preview is not None and preview in self._viewer.layers:
            self._viewer.layers.remove(preview)

    def _removed(self, event: Any) -> None:
        if self._preview is not None and event.value is self._preview:
            self._preview = self._shown = None
            self.ended.emit()
        elif self._on:
            self.ask()

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        self._stop()
        for events in (viewer.layers.events, viewer.dims.events, viewer.scene.camera.events):
            disconnect_events(events, self)

    @staticmethod
    def _watched(viewer: napari.viewer.Viewer) -> tuple[Any, ...]:
        dims, camera = viewer.dims.events, viewer.scene.camera.events
        return dims.current_step, dims.ndisplay, dims.order, camera.center, camera.zoom


def place_of(source: Image, preview: Preview) -> tuple[Any, dict[str, Any]]:
    """Data and translation of a preview, so that it lies on its pixels of its frame only."""
    corner: tuple[int, ...] = preview.corner
    data = preview.values
    if source.ndim == 3:
        corner, data = (preview.request.frame, *corner), data[None]
    turn = Affine(scale=source.scale, rotate=source.rotate, shear=source.shear).linear_matrix
    return data, {"translate": source.translate + turn @ corner}


def _same(one: Request, other: Request, anywhere: bool) -> bool:
    """Whether two requests ask for the same, wherever in the frame or in the same place."""
    place = anywhere or one.shown == other.shown
    return place and (one.asks, one.frame) == (other.asks, other.frame)
