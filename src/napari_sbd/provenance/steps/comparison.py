"""What a recipe says, held against the repetition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_DIGITS = 1e-5  # relative; formats with single precision keep calibration to this
# what may be another on another machine, or is asked for in another way when repeated
_FREE = {"device", "precision", "model_path", "model_choice", "shape", "on_this_image", "file"}
_FREE |= {"looked_at"}  # its file may lie elsewhere
_FILES = {"dark", "gain_reference", "noise"}  # what is done with them is compared; told by name
_FREE |= {f"{name}_sha256" for name in _FILES}
_FREE |= {"mask", "gains"}  # of gains the checksum counts, their text varies


def with_repetition(settings: Any, repeated: Mapping[str, Any]) -> list[str]:
    """Where the settings of a recipe are not those that the repetition found.

    Parameters
    ----------
    settings
        Of a step, checked.
    repeated
        The settings in the recipe of the repetition.
    """
    said = settings.model_dump(include=settings.model_fields_set)
    return list(unlike(said, repeated))


def unlike(said: Mapping[str, Any], now: Mapping[str, Any], of: str = "") -> Iterable[str]:
    """Where two say something else under one key, in words.

    Parameters
    ----------
    said, now
        What a recipe says, and what the repetition gives.
    of
        Words for what both are part of.
    """
    free = _FREE if of else _FREE | _FILES
    for key in sorted(said.keys() & now.keys() - free):
        then, found = said[key], now[key]
        if isinstance(then, Mapping) and isinstance(found, Mapping):
            yield from unlike(then, found, f" of {words(key)}")
        elif not same(then, found):
            what = f"{words(key)}{of}"
            yield f"Its {what} is {short(then)}, and the repetition gives {short(found)}."


def same(then: Any, now: Any) -> bool:
    """Whether values are the same, to the digits that formats keep."""
    if then is None or now is None:
        return then is now
    pair = np.asarray(then), np.asarray(now)
    if not any(values.dtype.kind == "f" for values in pair):
        return bool(np.array_equal(*pair))
    try:
        return bool(np.allclose(*pair, rtol=_DIGITS, atol=0))
    except (TypeError, ValueError):
        return False


def words(key: str) -> str:
    """A setting in words."""
    return key.replace("_sha256", "'s checksum").replace("_", " ")


def short(value: Any) -> str:
    """A value in words."""
    if isinstance(value, tuple | list):
        return " x ".join(short(v) for v in value)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) < 40 else f"{text[:16]}..."
