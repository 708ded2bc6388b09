"""Errors of a gain and an offset that were estimated, kept with the micrograph that has them."""

from __future__ import annotations

from typing import Any

from . import Micrograph

KEY = "gain_errors"  # in the metadata of a micrograph


def with_gain_errors(m: Micrograph, errors: tuple[float, float]) -> Micrograph:
    """The micrograph with the errors of its gain and offset in the place of those it had.

    Parameters
    ----------
    m
        The micrograph.
    errors
        Standard errors [file units per electron; file units]; both 0 where these were told.
    """
    metadata = {key: value for key, value in m.metadata.items() if key != KEY}
    if m.gain is not None and any(errors):
        # with what they belong to, since another gain may take its place
        metadata[KEY] = {"of": [m.gain, m.offset], "are": [float(error) for error in errors]}
    return m.replace(metadata=metadata)


def gain_errors(m: Micrograph) -> tuple[float, float]:
    """Standard errors of gain and offset [file units per electron; file units]; 0 where told."""
    kept: Any = m.metadata.get(KEY)
    if not isinstance(kept, dict) or kept.get("of") != [m.gain, m.offset]:
        return 0.0, 0.0
    error, offset_error = kept["are"]
    return float(error), float(offset_error)
