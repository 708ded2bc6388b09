"""What kind of contrast a file's metadata tell, by the name of the detector."""

from __future__ import annotations

import re
from typing import Any, Literal

_PLACES = (
    ("velox", "BinaryResult", "Detector"),
    ("dm", "ImageTags", "DataBar", "Signal Name"),
    ("dm", "ImageTags", "QuickSaved", "Temp-Tags", "Detector"),
    ("dm", "Name"),
    ("mrc", "detector"),
    ("hyperspy", "metadata", "General", "title"),
)
_DARK = re.compile(r"((HA|MA|LA)?ADF\d*|DF\d+)\b", re.IGNORECASE)
_BRIGHT = re.compile(r"A?BF\d*\b", re.IGNORECASE)


def contrast_told(
    metadata: dict[str, Any],
) -> tuple[Literal["phase contrast", "dark field"], str] | None:
    """The contrast that the name of a scanning detector tells, and that name.

    Annular detectors give dark field; bright-field ones phase contrast, as reciprocity has it.

    Parameters
    ----------
    metadata
        Of a micrograph, as its reader kept them.

    Returns
    -------
    None where no detector is named, or one of another kind.
    """
    for place in _PLACES:
        value: Any = metadata
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, str):
            continue
        name = value.strip()
        if found := _DARK.match(name):
            return "dark field", found.group()
        if found := _BRIGHT.match(name):
            return "phase contrast", found.group()
    return None
