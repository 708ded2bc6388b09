"""Numbers with a Ripple header (.rpl) beside them, through RosettaSciIO: whether the two fit.

It reads as many bytes as the header describes, from whatever lies there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError, warn
from ..micrograph import Micrograph

_SIZES = ("width", "height", "depth", "data-length")
_SUFFIXES = (".raw", ".RAW")
_LONGEST = 2**16


def options(found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Of the package's reader, for a file of which that is found."""
    return {}


def completed(m: Micrograph, found: Mapping[str, np.ndarray]) -> Micrograph:
    """What the package gives; a warning if numbers are left over."""
    left = int(found["left"])
    if left:
        warn(
            f"The .raw file is {left} bytes longer than its Ripple header describes; check width, "
            "height, depth, data-length and offset there."
        )
    return m


def recorded(reader: Any, path: Path) -> dict[str, np.ndarray]:
    """Bytes that are left over where the numbers are more than the header describes.

    Parameters
    ----------
    reader
        ``rsciio.ripple``.
    path
        The header.

    Raises
    ------
    SBDError
        If the numbers are missing, or fewer.
    ValueError, LookupError
        If the header does not say how many there are.
    """
    fields = {}
    with path.open("rb") as file:
        for line in file.read(_LONGEST).decode("utf-8", "replace").splitlines():
            name, _, value = line.partition("\t")
            fields[name.strip().lower()] = value.strip()
    raw = next(filter(Path.is_file, map(path.with_suffix, _SUFFIXES)), None)
    if raw is None:
        raise SBDError(
            f"the numbers that it describes are missing; put {path.stem}.raw into the same folder."
        )
    wanted = int(fields.get("offset") or 0) + math.prod(int(fields[name]) for name in _SIZES)
    held = raw.stat().st_size
    if held < wanted:
        raise SBDError(
            f"it describes {wanted} bytes, and {raw.name} holds {held}; correct width, height, "
            "depth, data-length or offset, or copy that file again."
        )
    return {"left": np.array(held - wanted)}
