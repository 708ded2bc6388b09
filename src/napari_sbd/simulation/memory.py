"""Refuse what cannot fit into the machine's memory before it is begun."""

from __future__ import annotations

import os

from ..errors import SBDError


def require(needed: float, what: str, remedy: str) -> None:
    """Refuse work that needs more memory than the machine has.

    Parameters
    ----------
    needed
        Bytes, estimated.
    what
        Subject of the sentence, such as "A field of 80 nm".
    remedy
        What to do, such as "lower the size".

    Raises
    ------
    SBDError
        With both numbers.
    """
    installed = physical_memory()
    if installed is not None and needed > installed:
        raise SBDError(
            f"{what} needs about {needed / 1e9:.1f} GB of memory and this machine has "
            f"{installed / 1e9:.1f} GB; {remedy}."
        )


def physical_memory() -> int | None:
    """Bytes of memory of this machine, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
