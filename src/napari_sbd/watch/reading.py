"""Files that a camera is still writing, read as is chosen: sums of frames, finer pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import SBDError
from ..io.sums import sum_of
from ..recipe import CHOSEN
from ..units import number_of
from . import stacks
from .stacks import Stack


def so_far(path: Path, before: Stack | None, settled: bool, chosen: Mapping[str, int]) -> Stack:
    """Open a file that may still grow.

    Parameters
    ----------
    path, before, settled
        As ``stacks.so_far`` takes them, and with its errors.
    chosen
        How it is read, as ``io.choices`` gives it.

    Raises
    ------
    SBDError
        If nobody writes it, and it has too few frames for a sum.
    """
    if not chosen:
        return stacks.so_far(path, before, settled)
    count, level = chosen.get("sum_frames", 1), chosen.get("super_resolution", 1)
    if level > 1:
        stack = stacks.complete(path, level)
    else:
        stack = stacks.so_far(path, before.parts if before and count > 1 else before, settled)
    stack = replace(stack, calibration={**stack.calibration, "metadata": {CHOSEN: dict(chosen)}})
    return stack if count == 1 else _sums(stack, count, settled)


def _sums(stack: Stack, count: int, settled: bool) -> Stack:
    """The stack of sums of so many frames each, as far as these are whole."""
    if settled and stack.count < count and not stack.more:
        few = number_of(stack.count, "frame")
        raise SBDError(f"it has {few}, too few for a sum of {count}; sum fewer.")
    told = stack.calibration
    of_sums = {"frame_time": told["frame_time"] and told["frame_time"] * count}
    of_sums["offset"] = told["offset"] * count
    return replace(
        stack,
        count=stack.count // count,
        frame=partial(sum_of, stack.frame, count),
        calibration={**told, **of_sums},
        stated=stack.stated and stack.stated // count,
        parts=stack,
        added=count,
    )
