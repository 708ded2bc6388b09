"""What was made of an image before it was calibrated anew, or a region or columns were changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari.layers import Image, Layer, Points, Shapes

from ...errors import SBDError
from ...micrograph import Micrograph
from .micrographs import KEY, MADE_FROM

_COUNTED = "napari_sbd_counted"  # in the metadata of what counts electrons: with gain, offset
_EARLIER = "napari_sbd_earlier"  # there, where these are others now
_OF_EARLIER = " (of the earlier gain)"


def counted_with(m: Micrograph) -> dict[str, tuple[float, float]]:
    """What the metadata of a layer say that holds electrons of a raw image, or judges by them."""
    return {_COUNTED: _told(m)}


def note_gain(layer: Layer, m: Micrograph) -> None:
    """Say in its name whether a layer holds electrons by another gain or offset than an image."""
    counted = layer.metadata.get(_COUNTED)
    if counted is None:
        return
    earlier = counted != _told(m)
    layer.metadata = {**layer.metadata, _EARLIER: earlier}
    layer.name = layer.name.removesuffix(_OF_EARLIER) + (_OF_EARLIER if earlier else "")


def refuse_earlier(layer: Layer | None) -> None:
    """Refuse columns whose intensities and verdicts are those of an earlier gain.

    Raises
    ------
    SBDError
        If they are.
    """
    if layer is not None and layer.metadata.get(_EARLIER):
        raise SBDError(
            "The gain or offset was changed since these columns were measured, so their "
            "intensities and verdicts are of the earlier one; click Find columns again."
        )


def made_of(layer: Layer, others: Iterable[Any]) -> list[Any]:
    """What was made from a layer, and from what was made from it."""
    found: list[Any] = []
    ids, left = {str(layer.unique_id)}, list(others)
    while new := [one for one in left if one.metadata.get(MADE_FROM) in ids]:
        found += new
        ids |= {str(one.unique_id) for one in new}
        left = [one for one in left if one not in new]
    return found


def as_it_is(layer: Layer) -> tuple[Any, ...]:
    """What results depend on of a layer and a person can change: its calibration, what is drawn,
    and which values it shows."""
    known = layer.metadata.get(KEY, {})
    state = [known.get(name) for name in ("pixel_size", "gain", "offset")]
    state += [tuple(layer.scale[-2:]), tuple(map(str, layer.units[-2:]))]
    if isinstance(layer, Shapes):
        state += [corners.tobytes() for corners in layer.data]
    if isinstance(layer, Image):
        state.append(id(layer.data))
    if isinstance(layer, Points):
        state.append(layer.data.tobytes())
    return tuple(state)


def _told(m: Micrograph) -> tuple[float, float]:
    return m.gain or 1.0, m.offset  # single electrons have a gain of 1
