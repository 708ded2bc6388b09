"""Before and after, side by side: the raw image left of a line that can be dragged.

The left part is a layer of its own, a view into the raw data, that lies on top of all others; the
line is the right edge of its frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.events import disconnect_events
from qtpy.QtCore import QObject, Signal

from ..forms.viewers import bare
from ..jobs.when_gone import when_gone
from ..layers import micrographs as layers

if TYPE_CHECKING:
    import napari

_REACH = 8.0  # canvas pixels from the line within which it is grasped

_LINKED = "contrast_limits", "gamma", "colormap"


class Swipe(QObject):
    """A line to drag, with the raw image to its left.

    Parameters
    ----------
    viewer
        The viewer.
    parent
        The widget to which it belongs.

    Attributes
    ----------
    ended
        Signal: the user deleted the layer.
    """

    ended = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._source: Image | None = None
        self._left: Image | None = None
        viewer.layers.events.removed.connect(self._removed)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.mouse_drag_callbacks.append(self._drag)
        when_gone(self, self._let_go, bare(viewer))

    @property
    def column(self) -> int:
        """How many columns of the raw image are shown."""
        return 0 if self._left is None else int(self._left.data.shape[-1])

    def show(self, source: Image | None) -> None:
        """Show the left half of an image, or of none."""
        if source is self._source:
            return
        left, self._left, self._source = self._left, None, source
        if left is not None and left in self._viewer.layers:
            self._viewer.layers.unlink_layers([left])
            self._viewer.layers.remove(left)
        if source is not None and not source.rgb:
            self._add(source)

    def move(self, column: float) -> None:
        """Put the line at a column of the image [pixels]."""
        if self._left is not None and self._source is not None:
            raw = _data(self._source)
            wanted = clipped(column, raw.shape[-1])
            if wanted != self.column:
                self._left.data = raw[..., :wanted]

    def _add(self, source: Image) -> None:
        raw = _data(source)
        left = Image(
            raw[..., : raw.shape[-1] // 2],
            name=f"{source.name} [raw | result]",
            contrast_limits=source.contrast_limits,
            metadata={layers.AIDS: True, **layers.made_from(source)},
            **layers.look_of(source),
        )
        box = left.bounding_box
        box.visible, box.points, box.line_color, box.line_thickness = True, False, "yellow", 2
        self._left = left
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(left)
        self._viewer.layers.selection.active = active
        self._viewer.layers.link_layers([source, left], _LINKED)

    def _drag(self, viewer: Any, event: Any) -> Iterator[None]:
        if self._left is None or not self._grasps(event.position):
            return
        camera = viewer.scene.camera
        before, camera.mouse_pan = camera.mouse_pan, False
        try:
            yield
            while event.type == "mouse_move":
                self.move(self._column_at(event.position))
                yield
        finally:
            camera.mouse_pan = before

    def _grasps(self, position: Any) -> bool:
        assert self._left is not None
        per_canvas_pixel = 1 / (self._viewer.scene.camera.zoom * abs(float(self._left.scale[-1])))
        return bool(abs(self._column_at(position) - self.column) < _REACH * per_canvas_pixel)

    def _column_at(self, position: Any) -> float:
        assert self._left is not None
        return float(self._left.world_to_data(position)[-1]) + 0.5

    def _inserted(self, event: Any) -> None:
        """Stay on top."""
        left, listed = self._left, self._viewer.layers
        if left is not None and event.value is not left and left in listed:
            listed.move(listed.index(left), len(listed))

    def _removed(self, event: Any) -> None:
        if self._left is not None and event.value is self._left:
            self._left = self._source = None
            self.ended.emit()

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        disconnect_events(viewer.layers.events, self)
        viewer.mouse_drag_callbacks.remove(self._drag)


def _data(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def clipped(column: float, width: int) -> int:
    """A column that leaves at least one on each side."""
    return int(np.clip(round(column), 1, width - 1))
