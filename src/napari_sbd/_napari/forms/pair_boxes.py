"""Two boxes for a denoised image and its raw one, which find each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from napari.layers import Image, Layer

from ...errors import SBDError
from ...recipe import history, is_result
from ..layers.micrographs import AIDS, MADE_FROM, NO_IMAGE, NO_RAW, NO_RESULT, RAW_GONE
from ..layers.micrographs import KEY as CALIBRATION
from .layer_box import LayerBox

if TYPE_CHECKING:
    import napari


def is_image(layer: Layer) -> bool:
    """Whether a layer is an image, and not a map or a difference that we drew of one."""
    return isinstance(layer, Image) and AIDS not in layer.metadata


def is_denoised(layer: Layer) -> bool:
    """Whether a layer is an image that this program made of another."""
    return is_image(layer) and (is_result(layer.metadata) or MADE_FROM in layer.metadata)


def is_raw(layer: Layer) -> bool:
    """Whether a layer is an image that came from elsewhere."""
    return is_image(layer) and not is_denoised(layer)


def raw_of(result: Layer, layers: Iterable[Layer]) -> Layer | None:
    """The layer that a result was made from: never by its name, which a person may change.

    The layer whose id the result carries; else the one from the file that its recipe names; else
    the only raw one of its shape, or the only one. None where several could be it.
    """
    raw = [layer for layer in layers if is_raw(layer)]
    made_from = result.metadata.get(MADE_FROM)
    names = {s.get("source", {}).get("path") for s in history(result.metadata)} - {None}
    tests: tuple[Callable[[Layer], bool], ...] = (
        lambda layer: str(layer.unique_id) == made_from,
        lambda layer: str(layer.metadata.get(CALIBRATION, {}).get("source")) in names,
        lambda layer: layer.data.shape == result.data.shape,
        lambda layer: True,
    )
    for test in tests:
        fitting = [layer for layer in raw if test(layer)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return None


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


def pair_boxes(viewer: napari.viewer.Viewer) -> tuple[LayerBox, LayerBox]:
    """Boxes for the raw and the denoised image.

    The raw one changes with the denoised one, and stays empty where nothing tells which it is.
    """
    raw = LayerBox(viewer, "The raw image.", is_raw)
    raw.setPlaceholderText("choose the raw image")
    denoised = LayerBox(viewer, "The denoised image.", is_denoised)
    raw.held = True

    def find_raw() -> None:
        if denoised.layer is not None:
            raw.choose(raw_of(denoised.layer, viewer.layers))

    denoised.chosen.connect(find_raw)
    find_raw()
    return raw, denoised
