"""Images and what was made of them find each other by what their metadata say; knows no viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from napari.layers import Image, Layer

from ...recipe import history, is_result
from .micrographs import AIDS, ITSELF, KEY, MADE_FROM


def is_image(layer: Layer) -> bool:
    """Whether a layer is an image, and not a map or a difference that we drew of one."""
    return isinstance(layer, Image) and AIDS not in layer.metadata


def is_denoised(layer: Layer) -> bool:
    """Whether a layer is an image that this program made of another."""
    return is_image(layer) and (is_result(layer.metadata) or MADE_FROM in layer.metadata)


def is_raw(layer: Layer) -> bool:
    """Whether a layer is an image that came from elsewhere."""
    return is_image(layer) and not is_denoised(layer)


def is_copy(layer: Layer) -> bool:
    """Whether a layer is a copy that a person made of a result, as *Duplicate Layer* does."""
    own = str(layer.unique_id)
    return bool(layer.metadata.get(ITSELF, own) != own)


def raw_of(result: Layer, layers: Iterable[Layer]) -> Layer | None:
    """The layer that a result was made from: never by its name, which a person may change.

    The layer whose id the result carries; else the one from the file that its recipe names; else,
    of a result that came from a file, the only raw one of its shape, or the only one. None where
    several could be it, or what is there comes from a file of another name.
    """
    made_from = result.metadata.get(MADE_FROM)
    names = {s.get("source", {}).get("path") for s in history(result.metadata)} - {None}
    files = {Path(name).name for name in names}
    raw = [layer for layer in layers if is_raw(layer)]
    tests: tuple[Callable[[Layer], bool], ...] = (
        lambda layer: str(layer.unique_id) == made_from,
        lambda layer: _source(layer) in names and layer.data.shape[-2:] == result.data.shape[-2:],
    )
    if made_from is None:
        # a file of the same name was moved; any other image is not the one
        raw = [one for one in raw if not files or Path(_source(one) or "").name in {*files, ""}]
        tests += (lambda layer: layer.data.shape == result.data.shape, lambda layer: True)
    for test in tests:
        fitting = [layer for layer in raw if test(layer)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return None


def image_of(layer: Layer | None, layers: Iterable[Layer]) -> Layer | None:
    """The image that a layer is, or that it was made from: maps, columns, tracks."""
    layers, seen = list(layers), set()
    while layer is not None and not is_image(layer) and layer not in seen:
        seen.add(layer)
        made_from = layer.metadata.get(MADE_FROM)
        layer = next((one for one in layers if str(one.unique_id) == made_from), None)
    return layer if layer is not None and is_image(layer) else None


def belongs(layer: Layer, front: Layer, layers: Iterable[Layer]) -> bool:
    """Whether a layer is an image, was made of it, or of the same raw image as that."""
    every = list(layers)
    raw = whole_of(front, every)
    return layer is front or (raw is not None and whole_of(layer, every) is raw)


def whole_of(layer: Layer, every: list[Layer]) -> Layer | None:
    """The raw image of an image or of what was made from one."""
    image = image_of(layer, every)
    return raw_of(image, every) if image is not None and is_denoised(image) else image


def _source(layer: Layer) -> str | None:
    """The file that a layer came from."""
    path = layer.metadata.get(KEY, {}).get("source")
    return None if path is None else str(path)
