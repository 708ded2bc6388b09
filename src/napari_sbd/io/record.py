"""What the formats have no field for, as one line of JSON that travels inside the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from ..micrograph.gain_errors import gain_errors, with_gain_errors
from ..recipe import KEY as KEY

_LARGEST_LIST = 256


def dumps(m: Micrograph, **more: Any) -> str:
    """JSON of the shape, the frame time, the gain, the offset, their errors and the recipe.

    Raises
    ------
    SBDError
        If the recipe is not made of plain JSON values.
    """
    fields: dict[str, Any] = {"frame_time": m.frame_time}
    fields |= {"gain": m.gain, "offset": float(m.offset)}
    if any(gain_errors(m)):
        fields["gain_errors"] = gain_errors(m)
    try:
        return json.dumps({"shape": m.shape, **fields, **more, "recipe": m.metadata.get(KEY)})
    except (TypeError, ValueError) as err:
        raise SBDError(f'metadata["{KEY}"] must hold plain JSON values: {err}.') from err


def is_needed(m: Micrograph) -> bool:
    """Whether ``dumps`` would keep anything."""
    one_frame = m.is_movie and len(m.data) == 1
    return bool(one_frame or m.frame_time or m.gain or m.offset or KEY in m.metadata)


def restore(m: Micrograph, text: Any) -> Micrograph:
    """Add what ``dumps`` kept; pixel size and frame time of the format itself go first.

    A movie of one frame, which many formats hold as an image, is a movie again. Other text than
    ours, or None, leaves ``m`` unchanged.
    """
    fields = parse(text)
    one_frame = fields.get("shape") == [1, *m.shape]
    recipe = fields.get("recipe")
    restored = m.replace(
        data=m.data[None] if one_frame else m.data,
        pixel_size=m.pixel_size or fields.get("pixel_size"),
        frame_time=m.frame_time or fields.get("frame_time"),
        gain=fields.get("gain", m.gain),
        offset=fields.get("offset", m.offset),
        metadata=m.metadata if recipe is None else {**m.metadata, KEY: recipe},
    )
    errors = fields.get("gain_errors")
    return restored if errors is None else with_gain_errors(restored, tuple(errors))


def parse(text: Any) -> Mapping[str, Any]:
    """The fields of a record; none where ``text`` is no JSON object."""
    try:
        fields = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def plain(value: Any) -> Any:
    """Plain Python values of library objects; long arrays become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value] if len(value) <= _LARGEST_LIST else None
    if isinstance(value, np.ndarray):
        return plain(value.tolist()) if value.size <= _LARGEST_LIST else None
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0") if len(value) <= 65536 else None
    if isinstance(value, bool | int | float | str | None):
        return value
    return str(value)
