"""Memory that a training step gives back is kept for the next one."""

from __future__ import annotations

import ctypes
import sys

# parameters of glibc's mallopt, see its manual page
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER, _AHEAD = 2**31 - 1, 2**28


def keep_freed() -> None:
    """Let this process keep the memory that it frees.

    Otherwise the C library hands every large tensor back to the system, which clears its pages
    anew for the next one: up to a tenth of a training step. Where the C library is not glibc
    nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _AHEAD)):
        mallopt(parameter, value)
