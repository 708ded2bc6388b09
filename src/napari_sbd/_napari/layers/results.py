"""Layers that steps make of an image: one for each step and image, in the place of the last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image, Layer, Points

from ...noise.as_denoised import CORRECTIONS, correction_told
from ...recipe import setting_of
from .columns import KEY as COLUMNS
from .micrographs import ITSELF, MADE_FROM, STEP

_DIMMED = 0.25  # opacity of a map under columns
_MAP = "judged"
STRAIN = "strain"  # its colours are those of the faces of points; of columns, of the rims
AS_DENOISED = "The image was corrected for its camera first, as in Denoise."
_OF_EARLIER = " (of the earlier image)"
_in_form: WeakKeyDictionary[Layer, ref[Any]] = WeakKeyDictionary()  # the form that shows an image


def put(viewer: Any, layer: Layer, step: str, *, keep: bool = False) -> Layer:
    """Add a layer; the earlier one of the same step and image goes, unless it is to be kept.

    Columns that were edited by hand always stay, and copies that a person made.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        Made from another, as ``made_from`` in its metadata says.
    step
        What made it, such as ``"denoised"``.
    keep
        Whether earlier ones stay.
    """
    if not any(STEP in one.metadata for one in viewer.layers):
        show_scale_bar(viewer, layer)  # once, so that whoever hides it finds it hidden
    layer.metadata = {**layer.metadata, STEP: step, ITSELF: str(layer.unique_id)}
    old = [] if keep else earlier(viewer.layers, layer.metadata.get(MADE_FROM), step)
    index = min((viewer.layers.index(one) for one in old), default=len(viewer.layers))
    for one in old:
        viewer.layers.remove(one)
    viewer.layers.insert(min(index, len(viewer.layers)), layer)
    for one in old:
        _inherit(viewer.layers, str(one.unique_id), str(layer.unique_id))
    return layer


def show_scale_bar(viewer: Any, layer: Layer) -> None:
    """Show napari's scale bar where a layer knows nm."""
    if str(layer.units[-1]) == "nanometer":
        viewer.canvas.overlays.scale_bar.visible = True


def take_away(viewer: Any, source: Layer, step: str) -> None:
    """Remove what a step made of a layer."""
    for one in earlier(viewer.layers, str(source.unique_id), step):
        viewer.layers.remove(one)


def earlier(layers: Iterable[Layer], source: str | None, step: str) -> list[Layer]:
    """What a step made of the image with an id, but for copies and what was edited by hand."""
    return [
        layer
        for layer in layers
        if source is not None
        and (layer.metadata.get(MADE_FROM), layer.metadata.get(STEP)) == (source, step)
        and layer.metadata.get(ITSELF) == str(layer.unique_id)
        and not layer.metadata.get(COLUMNS, {}).get("attrs", {}).get("edited")
    ]


def show_in_form(layer: Layer | None, form: Any) -> None:
    """Let other steps treat an image, and no other one, as the Denoise form does that shows it.

    Parameters
    ----------
    layer
        The image.
    form
        Its ``settings`` and ``region`` tell how it would denoise.
    """
    for other in [one for one, known in _in_form.items() if known() in (form, None)]:
        del _in_form[other]
    if layer is not None:
        _in_form[layer] = ref(form)


def correction_of(layers: Iterable[Layer], source: Layer) -> dict[str, Any]:
    """The settings by which *Denoise* corrects an image for its camera: those in the form that
    shows it, else those of when it was last denoised."""
    form = _form_of(source)
    if form is not None:
        asked = form.settings.model_dump(include=set(CORRECTIONS))
        return {name: value for name, value in asked.items() if value}
    made = earlier(layers, str(source.unique_id), "denoised")
    return correction_told(made[-1].metadata) if made else {}


def region_of(layers: Iterable[Layer], source: Layer) -> str | None:
    """The part of an image to which *Denoise* is limited, known like ``correction_of``.

    Raises
    ------
    SBDError
        If the shape that is chosen in the form is no part of the image.
    """
    form = _form_of(source)
    if form is not None:
        drawn: str | None = form.region.region()
        return drawn
    made = earlier(layers, str(source.unique_id), "denoised")
    return setting_of(made[-1].metadata, "region") if made else None


def _form_of(source: Layer) -> Any:
    """The form that shows an image or what was made of it, which comes to the front by itself."""
    mine = [known() for one, known in _in_form.items() if one is source or _is_of(one, source)]
    return next((form for form in mine if form is not None), None)


def _is_of(layer: Layer, source: Layer) -> bool:
    return bool(layer.metadata.get(MADE_FROM) == str(source.unique_id))


def _inherit(layers: Iterable[Layer], old: str, new: str) -> None:
    """Columns and the like of an image that is gone: the next ones replace them."""
    for layer in layers:
        if layer.metadata.get(MADE_FROM) == old:
            layer.metadata = {**layer.metadata, MADE_FROM: new}
            if STEP not in layer.metadata:  # such as a box that was drawn
                continue
            layer.name = f"{layer.name.removesuffix(_OF_EARLIER)}{_OF_EARLIER}"


def put_map(viewer: Any, layer: Image, *, keep: bool = False) -> None:
    """Add a map of the judgement, with the only colour bar."""
    put(viewer, layer, _MAP, keep=keep)
    only_colour_bar(viewer, layer)


def dim_maps(viewer: Any) -> None:
    """Let maps of the judgement shine through what lies on them."""
    for layer in viewer.layers:
        if layer.metadata.get(STEP) == _MAP:
            layer.opacity = min(layer.opacity, _DIMMED)


def only_colour_bar(viewer: Any, layer: Layer | None) -> None:
    """Show the colour bar of a layer, and that of no other one of ours."""
    for other in viewer.layers:
        if STEP in other.metadata and isinstance(other, Image | Points):
            bar = other.border_colorbar if isinstance(other, Points) else other.colorbar
            bar = other.face_colorbar if other.metadata[STEP] == STRAIN else bar
            bar.visible = other is layer
