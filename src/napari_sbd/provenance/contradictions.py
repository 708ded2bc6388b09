"""What a recipe says, held against the models, the result's own image and the repetition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from .. import sampling
from ..errors import BlankImage
from ..frames import reference_frame
from ..micrograph import Micrograph
from ..region import Region
from .steps import Denoise, Network, Step

_DIGITS = 1e-5  # relative; formats with single precision keep calibration to this
# The mean of a denoised frame stays within 2 % of that of the counts, see tests/provenance.
_MEAN = 0.1
# what may be another on another machine, or is asked for in another way when repeated
_FREE = {"device", "precision", "model_path", "model_choice", "shape", "on_this_image", "file"}
_FREE |= {"mask", "gains"}  # of gains the checksum counts, their text varies


def within(step: Step, result: Any = None) -> list[str]:
    """Where a step contradicts itself, the models that are here, or the image that it made.

    Parameters
    ----------
    step
        Checked, from ``steps``.
    result
        The image of the step, where there is one to be looked at.

    Returns
    -------
    Sentences, such as "Its dose is 123, and the image holds 0.45."
    """
    s = step.settings
    networks = [n for n in (s, getattr(s, "estimated", None)) if isinstance(n, Network)]
    found = [sentence for network in networks for sentence in _name(network)]
    if isinstance(s, Denoise):
        found += _block(s)
        if isinstance(result, Micrograph):
            found += _calibration(s, result) or _dose(s, result)
    return found


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
    return list(_unlike(said, repeated, ""))


def _unlike(said: Mapping[str, Any], now: Mapping[str, Any], of: str) -> Iterable[str]:
    for key in sorted(said.keys() & now.keys() - _FREE):
        then, found = said[key], now[key]
        if isinstance(then, Mapping) and isinstance(found, Mapping):
            yield from _unlike(then, found, f" of {_words(key)}")
        elif not _same(then, found):
            what = f"{_words(key)}{of}"
            yield f"Its {what} is {_short(then)}, and the repetition gives {_short(found)}."


def _name(network: Network) -> list[str]:
    """A bundled model is known by its checksum, whatever name stands beside it."""
    from ..networks import models

    names = [card.name for card in models() if card.sha256 == network.model_sha256]
    if not names or network.model in names:
        return []
    return [f"Its model is {network.model!r}, and its checksum is that of {names[0]!r}."]


def _block(s: Denoise) -> list[str]:
    if s.pixel_size is None or s.shape is None:
        return []
    size = s.pixel_size if isinstance(s.pixel_size, tuple) else (s.pixel_size,) * 2
    block = sampling.choose_bin(size)
    sides = Region.of(s.region).on(s.shape).size if s.region else s.shape[-2:]
    block = tuple(min(b, n // 8) for b, n in zip(block, sides, strict=True))  # type: ignore[assignment]
    if block == s.block:
        return []
    return [f"Its block is {_short(s.block)}, and its pixel size asks for {_short(block)}."]


def _calibration(s: Denoise, result: Micrograph) -> list[str]:
    """A result has the calibration that it was made with."""
    pairs = {"pixel_size": (s.pixel_size, result.pixel_size), "gain": (s.gain, result.gain)}
    if s.gain is not None and result.gain is not None:
        pairs["offset"] = s.offset, result.offset
    return [
        f"Its {_words(key)} is {_short(then)}, and the image's own is {_short(own)}."
        for key, (then, own) in pairs.items()
        if then is not None and own is not None and not _same(then, own)
    ]


def _dose(s: Denoise, result: Micrograph) -> list[str]:
    """The network keeps the mean, so the result tells the dose."""
    if s.dose is None or s.gain is None or isinstance(s.frames, list):
        return []
    with suppress(BlankImage):
        dose = (float(np.nanmean(reference_frame(result))) - s.offset) / s.gain
        if abs(dose - s.dose) > _MEAN * max(dose, s.dose):
            return [f"Its dose is {_short(s.dose)}, and the image holds {_short(dose)}."]
    return []


def _same(then: Any, now: Any) -> bool:
    if then is None or now is None:
        return then is now
    pair = np.asarray(then), np.asarray(now)
    if not any(values.dtype.kind == "f" for values in pair):
        return bool(np.array_equal(*pair))
    try:
        return bool(np.allclose(*pair, rtol=_DIGITS, atol=0))
    except (TypeError, ValueError):
        return False


def _words(key: str) -> str:
    return key.replace("_sha256", "'s checksum").replace("_", " ")


def _short(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " x ".join(_short(v) for v in value)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) < 40 else f"{text[:16]}..."
