"""Gains as text, which recipes carry."""

from __future__ import annotations

import base64
import binascii
import json

from ..errors import SBDError
from .tuned import Tuned


def to_text(tuned: Tuned) -> str:
    """Gains as base64 of the safetensors file that ``Tuned.save`` writes."""
    from safetensors.numpy import save

    return base64.b64encode(save(tuned.changes, tuned.facts())).decode()


def from_text(text: str) -> Tuned:
    """The inverse of ``to_text``; nothing is unpickled.

    Raises
    ------
    SBDError
        If the text holds no gains.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = base64.b64decode(text, validate=True)
        changes = load(data)
        # the loader of bytes leaves the metadata out: an 8-byte length, then JSON
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return Tuned.from_facts(header["__metadata__"], changes)
    except (binascii.Error, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SBDError("The gains in the recipe are damaged; tune again.") from error
