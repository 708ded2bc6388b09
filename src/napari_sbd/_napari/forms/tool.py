"""Dock widgets whose buttons work at once, and those that follow a shape on the image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget
from superqt.utils import qdebounced

from ...errors import SBDError
from ..jobs.when_gone import when_gone
from ..layers import micrographs as layers
from ..layers.shapes import take_up
from .fields import Form, show_or_hide, text
from .layer_box import LayerBox
from .viewers import bare

if TYPE_CHECKING:
    from napari.layers import Image, Shapes

    import napari

_WAIT = 20  # ms, in which moves are one
# of an image: what is read under a shape is another one then
_EVENTS = "scale", "metadata", "data", "set_data", "translate", "rotate", "shear", "affine"


class Tool(Form):
    """Rows of fields, what stands below them, and a message.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    tip
        Of the message.
    """

    def __init__(self, viewer: napari.viewer.Viewer, tip: str) -> None:
        super().__init__()
        self.viewer = viewer
        self.message = text(tip)

    def lay_out(
        self, rows: Iterable[tuple[str, QWidget]], plot: QWidget | None = None, *below: QWidget
    ) -> None:
        """Put the parts in their places: the plot takes the room that is left."""
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for row, (name, part) in enumerate(rows):
            grid.addWidget(QLabel(name), row, 0)
            grid.addWidget(part, row, 1)
        whole = QVBoxLayout(self.inner)
        whole.addLayout(grid)
        if plot is not None:
            whole.addWidget(plot, 1)
        for part in (*below, self.message):
            whole.addWidget(part)
        whole.addStretch()  # before there is something to plot, the room is left at the foot

    def say(self, words: str) -> None:
        """Show a message."""
        show_or_hide(self.message, words)

    def attempt(self, work: Callable[[], Any]) -> None:
        """Do something; say why if it cannot be done."""
        try:
            work()
        except SBDError as error:
            self.say(str(error))
            show_error(str(error))


class ShapeTool(Tool):
    """Reads what lies under a shape of the viewer, again while that is dragged.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    layer
        The box in which the image is chosen.
    tip
        Of the message.

    Attributes
    ----------
    shapes
        The layer of the shape; None before there is one.
    """

    def __init__(self, viewer: napari.viewer.Viewer, layer: LayerBox, tip: str) -> None:
        super().__init__(viewer, tip)
        self.layer = layer
        self.shapes: Shapes | None = None
        self._events: list[Any] = []
        self._watch(layer.layer)
        layer.chosen.connect(self._chosen)
        viewer.dims.events.current_step.connect(self._moved)
        viewer.layers.events.removed.connect(self._removed)
        when_gone(self, self._let_go, bare(viewer))

    def read(self) -> None:
        """Read what lies under the shape now.

        Raises
        ------
        SBDError
            If there is nothing to read.
        """
        raise NotImplementedError

    def forget(self) -> None:
        """Show nothing that was read before: it is not what lies under the shape any more."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Read again, where there is a shape."""
        if self.shapes is None or self.shapes not in self.viewer.layers:
            return
        if self.shapes.data:
            self._read()
        else:  # it was deleted in its layer
            self.forget()

    def _read(self) -> None:
        try:
            self.read()
        except SBDError as error:  # in the form alone: so it is while one drags or opens files
            self.forget()
            self.say(str(error))

    def put(self, add: Callable[[Any, Image, str], Shapes], name: str) -> None:
        """Add the shape to the chosen image, or take up the one that is there."""
        image, before = layers.needed(self.layer.layer), self.shapes
        self.shapes = take_up(self.viewer, add, image, name, before)
        if self.shapes is before:
            return
        self._leave(before)
        self.shapes.mouse_drag_callbacks.append(self._follow)
        self.shapes.events.data.connect(self._moved)
        self.refresh()

    def _follow(self, _layer: Shapes, event: Any) -> Any:
        """While the mouse drags the shape, what is read goes with it."""
        yield
        while event.type == "mouse_move":
            self._moved()
            yield
        self._moved()

    def _chosen(self) -> None:
        """Read the image that is chosen, and again when it is calibrated."""
        self._watch(self.layer.layer)
        self.refresh()

    def _watch(self, layer: Any) -> None:
        for event in self._events:
            event.disconnect(self._moved)
        self._events = [] if layer is None else [layer.events[name] for name in _EVENTS]
        for event in self._events:
            event.connect(self._moved)

    def _removed(self, event: Any) -> None:
        if event.value is self.shapes:
            self.shapes = None
            self.forget()

    def _leave(self, shapes: Shapes | None) -> None:
        """Follow a shape no more."""
        if shapes is not None and self._follow in shapes.mouse_drag_callbacks:
            shapes.mouse_drag_callbacks.remove(self._follow)
            shapes.events.data.disconnect(self._moved)

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        self._watch(None)
        self._leave(self.shapes)
        viewer.dims.events.current_step.disconnect(self._moved)
        viewer.layers.events.removed.disconnect(self._removed)

    @qdebounced(timeout=_WAIT)  # a calibration changes one layer after the other, the box as well
    def _moved(self, _event: Any = None) -> None:
        self.refresh()
