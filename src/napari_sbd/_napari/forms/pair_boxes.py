"""Two boxes for a denoised image and its raw one, which find each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

from ...errors import SBDError
from ..layers.columns import is_columns
from ..layers.micrographs import MADE_FROM, NO_IMAGE, NO_RAW, NO_RESULT, RAW_GONE
from ..layers.pairs import image_of, is_denoised, is_raw, raw_of, whole_of
from .layer_box import LayerBox
from .viewers import bare

if TYPE_CHECKING:
    import napari


def in_front(viewer: napari.viewer.Viewer, listed: list[Layer], chosen: Any) -> Any:
    """Which of some layers a step means: that of the image in front.

    Parameters
    ----------
    viewer
        Whose active layer is the one in front.
    listed
        The layers that can be meant.
    chosen
        Which of them is meant now; it stays where it belongs to the image in front, and where none
        does.
    """
    front, every = front_image(viewer), list(viewer.layers)
    if front is None:
        return chosen
    raw = whole_of(front, every)
    made = [one for one in listed if raw is not None and whole_of(one, every) is raw]
    nearest = [one for one in (raw, front) if one is not None and one in listed]
    return next(iter([*nearest, *(one for one in made if one is chosen), *made[::-1]]), chosen)


def front_image(viewer: napari.viewer.Viewer) -> Layer | None:
    """The image in front: the active layer, or the image that it was made from."""
    return image_of(bare(viewer.layers.selection.active), viewer.layers)


def needed_pair(raw: LayerBox, denoised: LayerBox) -> tuple[Image, Image]:
    """The layers that are chosen in both boxes.

    Raises
    ------
    SBDError
        If there is none, with the sentence that says what to do.
    """
    if denoised.layer is None:
        raise SBDError(NO_RESULT if raw.count() else NO_IMAGE)
    if raw.layer is None:
        raise SBDError(NO_RAW if raw.count() else RAW_GONE)
    return raw.layer, denoised.layer


class RawBox(LayerBox):
    """The raw image of what another box holds; empty where nothing tells which it is.

    Parameters
    ----------
    viewer
        Whose layers are listed.
    denoised
        The other box.
    """

    def __init__(self, viewer: napari.viewer.Viewer, denoised: LayerBox) -> None:
        self._denoised = denoised
        super().__init__(viewer, "The raw image.", is_raw)
        self.setPlaceholderText("choose the raw image")
        self.held = True
        denoised.chosen.connect(self._find)

    def _find(self) -> None:
        if self._denoised.layer is not None:
            self.choose(raw_of(self._denoised.layer, self._viewer.layers))

    def _fitting(self, wanted: Any, before: Any, layers: list[Layer]) -> Any:
        """No other image takes the place of one that is gone."""
        result = self._denoised.layer
        if before in layers or result not in self._viewer.layers:
            return super()._fitting(wanted, before, layers)
        return raw_of(result, layers)


class ColumnsBox(LayerBox):
    """The columns that were found in what another box holds; empty where there are none.

    Parameters
    ----------
    viewer
        Whose layers are listed.
    image
        The other box.
    tip
        Tooltip.
    """

    def __init__(self, viewer: napari.viewer.Viewer, image: LayerBox, tip: str) -> None:
        self._image = image
        super().__init__(viewer, tip, is_columns)
        self.setPlaceholderText("none")
        self.held = True
        image.chosen.connect(self._find)
        self._find()

    def _find(self) -> None:
        self.choose(self._of_image(self.layers))

    def _fitting(self, wanted: Any, before: Any, layers: list[Layer]) -> Any:
        """Those of another image take no place."""
        return before if before in layers else self._of_image(layers)

    def _inserted(self, event: Any) -> None:
        """Those that were found last are meant, also beside earlier ones that stay."""
        super()._inserted(event)
        if self._is_ours(event.value):
            self.choose(event.value)

    def _of_image(self, layers: list[Layer]) -> Any:
        return next((one for one in reversed(layers) if self._is_ours(one)), None)

    def _is_ours(self, layer: Layer) -> bool:
        image = self._image.layer
        return (
            image is not None
            and is_columns(layer)
            and layer.metadata.get(MADE_FROM) == str(image.unique_id)
        )


def pair_boxes(viewer: napari.viewer.Viewer) -> tuple[LayerBox, LayerBox]:
    """Boxes for the raw and the denoised image; the raw one changes with the denoised one."""
    denoised = LayerBox(viewer, "The denoised image.", is_denoised)
    return RawBox(viewer, denoised), denoised
