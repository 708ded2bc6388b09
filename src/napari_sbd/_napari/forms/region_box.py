"""A box that limits a step to a part of the image, drawn as a shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QPushButton, QSizePolicy

from ..layers.shapes import add_box, lay_on, region_on
from .layer_box import LayerBox

if TYPE_CHECKING:
    import napari

WHOLE = "whole image"
_TIP = (
    "The part of the image to which this step and its numbers are limited: a rectangle, polygon or "
    "ellipse of a shapes layer, the selected one or else the last. Of a polygon or ellipse the "
    "rectangle around it is denoised, and what lies inside is judged and measured."
)
_WAIT = 200  # ms, in which changes of a shape are one


class RegionBox(LayerBox):
    """Choose the whole image or a shapes layer.

    Parameters
    ----------
    viewer
        Whose layers are listed.
    image
        Returns the image that is meant, or None.

    Attributes
    ----------
    changed
        Signal: another region is meant, or its shape was changed.
    draw
        A button that draws a rectangle and chooses it.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, image: Callable[[], Image | None]) -> None:
        self._shapes: Shapes | None = None
        super().__init__(viewer, _TIP, lambda layer: isinstance(layer, Shapes))
        self._image = image
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("Add a rectangle to the image and limit this step to it; drag it.")
        self.draw.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.draw.clicked.connect(self._draw)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT)
        self._soon.timeout.connect(self.changed)
        self.chosen.connect(self._follow)

    def region(self) -> str | None:
        """The region in pixels of the image, as settings have it; None for all of it.

        Raises
        ------
        SBDError
            If the layer holds no region of the image.
        """
        image = self._image()
        if self.layer is None or image is None:
            return None
        found = region_on(image, self.layer)
        found.on(image.data.shape)
        return str(found)

    def _list(self, _wanted: Any) -> None:
        """A new layer of shapes does not become the region by itself."""
        before = self.layer
        self.clear()
        self.addItem(WHOLE, None)
        for layer in self._viewer.layers:
            if self._accepts(layer):
                self.addItem(layer.name, layer)
        index = next((i for i in range(1, self.count()) if self.itemData(i) is before), 0)
        self.setCurrentIndex(index)
        if self.layer is not before:
            self.chosen.emit()

    def _renamed(self) -> None:
        for index in range(1, self.count()):
            self.setItemText(index, self.itemData(index).name)

    def _draw(self) -> None:
        image = self._image()
        if image is None:
            return
        self.choose(add_box(self._viewer, image, "region"))

    def _follow(self) -> None:
        self._leave()
        self._shapes = self.layer
        if self._shapes is not None:
            self._shapes.events.data.connect(self._moved)
            lay_on(self._image(), self._shapes)
        self.changed.emit()

    def _leave(self) -> None:
        if self._shapes is not None:
            self._shapes.events.data.disconnect(self._moved)
        self._shapes = None

    def _moved(self) -> None:
        self._soon.start()

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        self._leave()
        super()._let_go(viewer)
