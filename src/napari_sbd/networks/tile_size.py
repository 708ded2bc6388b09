"""How large the tiles of network passes are, in this process."""

from __future__ import annotations

from ..errors import SBDError

SMALLEST, LARGEST = 64, 8192
_AUTOMATIC = 1024

_chosen = 0


def tile_size() -> int:
    """Side of the cores of the tiles [working pixels]."""
    return _chosen or _AUTOMATIC


def set_tile_size(size: int) -> None:
    """Choose how large the tiles of later passes are; the results do not depend on it.

    Parameters
    ----------
    size
        Side of the cores [working pixels], 0 for automatic. Smaller tiles need less memory.

    Raises
    ------
    SBDError
        If a tile would be too small to be of use, or too large for any memory.
    """
    global _chosen
    if size and not SMALLEST <= size <= LARGEST:
        raise SBDError(
            f"A tile is {SMALLEST} to {LARGEST} working pixels wide, or 0 for automatic, "
            f"not {size}; correct it in the preferences."
        )
    _chosen = size
