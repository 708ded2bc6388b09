"""The dock widget that shows what the network looked at for one pixel."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Points

from ...denoising.equivalent_filter import EquivalentFilter, equivalent_filter
from ...micrograph import Micrograph
from ...noise.as_denoised import camera_corrected
from ..forms.layer_box import LayerBox
from ..forms.modality import modality_for
from ..forms.model_box import ModelBox
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..forms.viewers import bare
from ..jobs.when_gone import when_gone
from ..layers import micrographs as layers
from ..layers.pairs import is_raw
from ..layers.results import AS_DENOISED, correction_of

if TYPE_CHECKING:
    import napari

_MOST = 0.9  # share of the weight whose reach is told
_MARK = 8  # pixels of the image across the mark on the pixel


class FilterWidget(TaskWidget):
    """Click a pixel: the weights of all raw pixels in its denoised value, as a layer.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer,
            "Pick a pixel",
            "Then click in the image: the weight of every raw pixel in the denoised value there.",
        )
        self.layer = LayerBox(viewer, "The raw image.", is_raw)
        self.model = ModelBox()
        self.add_row("Image", self.layer)
        self.add_row("Model", self.model)
        self._source: Image | None = None
        self._spot: tuple[float, ...] | None = None
        self._camera: dict[str, Any] = {}
        when_gone(self, self._let_go, bare(viewer))

    def prepare(self) -> Task:
        """Read the fields; of a movie, the frame that is shown."""
        layer = layers.needed(self.layer.layer)
        m = layers.micrograph_of(layer)
        spot = layer.world_to_data(self._spot)
        self._source = layer
        told = {"model": self.model.chosen, "modality": modality_for(layer)}
        self._camera = correction_of(self.viewer.layers, layer)
        return partial(_filter, m, round(float(spot[0])), spot[-2:], told, self._camera)

    def show_result(self, result: EquivalentFilter) -> str:
        """Add the weights as a layer, and a mark on the pixel."""
        source = layers.still_there(self.viewer, self._source)
        limit = float(np.abs(result.weights).max()) or 1.0
        place = layers.place_in_the_plane(source)
        self.viewer.add_layer(
            Image(
                result.weights,
                name=f"{source.name} weights for ({result.y}, {result.x})",
                colormap="coolwarm",
                contrast_limits=(-limit, limit),
                metadata={layers.AIDS: True, **layers.made_from(source)},
                **place,
            )
        )
        self.viewer.add_layer(
            Points(
                [[result.y, result.x]],
                name=f"{source.name} pixel",
                symbol="cross",
                face_color="black",
                size=_MARK,
                metadata=layers.made_from(source),
                **place,
            )
        )
        own = abs(result.bias) / max(abs(result.estimate), 1e-9)
        return (
            f"At y {result.y}, x {result.x} the network says {result.estimate:.3g}, of which "
            f"{own:.1%} is its own addition; {_MOST:.0%} of the weight lies within "
            f"{reach(result):.0f} pixels. {AS_DENOISED if self._camera else ''}"
        )

    def look_at(self, position: tuple[float, ...]) -> None:
        """Show the weights for the pixel at a position of the world."""
        self._spot = position
        self._start()

    def _start(self) -> None:
        if self.running:
            return
        if self._spot is None and self.layer.layer is not None:
            _forget(self.viewer, self._clicked)
            self.viewer.mouse_drag_callbacks.append(self._clicked)
            self.say("Click a pixel in the image.")
            return
        super()._start()
        self._spot = None

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        _forget(viewer, self._clicked)

    def _clicked(self, viewer: Any, event: Any) -> Iterator[None]:
        """A click without a drag picks; a drag still moves the view."""
        yield
        if event.type == "mouse_move":
            return
        _forget(viewer, self._clicked)
        self.look_at(event.position)


def reach(found: EquivalentFilter) -> float:
    """Radius [px] around the pixel that holds most of the weight, by absolute values."""
    y, x = np.indices(found.weights.shape)
    radius = np.hypot(y - found.y, x - found.x).ravel()
    order = np.argsort(radius)
    held = np.cumsum(np.abs(found.weights).ravel()[order])
    return float(radius[order][np.searchsorted(held, _MOST * held[-1])])


def _forget(viewer: Any, callback: Any) -> None:
    if callback in viewer.mouse_drag_callbacks:
        viewer.mouse_drag_callbacks.remove(callback)


def _filter(
    m: Micrograph,
    number: int,
    spot: np.ndarray,
    told: dict[str, Any],
    camera: dict[str, Any],
    progress: Progress,
    should_stop: ShouldStop,
) -> EquivalentFilter:
    return equivalent_filter(camera_corrected(m, **camera).frame(number), *spot, **told)
