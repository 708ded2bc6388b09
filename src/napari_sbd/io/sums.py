"""Consecutive frames of a movie added to one, when they are used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..errors import SBDError, warn
from ..micrograph import Micrograph
from ..micrograph.gain_errors import gain_errors, with_gain_errors
from ..units import number_of
from .acquisition import of_sums, without
from .arrays import stack_frames
from .raw_frames import frame_reader


def summed(m: Micrograph, count: int) -> Micrograph:
    """A movie whose frames are sums of ``count`` frames each.

    Frames at the end that make no whole sum are left out, since their sum would be darker. Frame
    time and offset are ``count`` times as large, the gain is that of a frame.

    Raises
    ------
    SBDError
        If this is no movie of that many frames.

    Warns
    -----
    UserWarning
        If frames are left out.
    """
    frames = len(m.data) if m.is_movie else 1
    if count > frames:
        raise SBDError(
            f"it has {number_of(frames, 'frame')}, too few for a sum of {count}; sum fewer."
        )
    number, rest = divmod(frames, count)
    if rest:
        warn(f"The last {rest} of {frames} frames make no whole sum of {count} and are left out.")
    dtype, (height, width) = _type(np.dtype(m.data.dtype)), m.shape[1:]
    read = partial(sum_of, frame_reader(m.data), count)
    total = m.replace(
        data=stack_frames(read, number, (height, width), dtype),
        frame_time=m.frame_time and m.frame_time * count,
        offset=m.offset * count,
        metadata={**without(m.metadata), **of_sums(m.metadata, count, number)},
    )
    error, offset_error = gain_errors(m)
    return with_gain_errors(total, (error, offset_error * count))


def sum_of(frame: Callable[[int], np.ndarray], count: int, index: int) -> np.ndarray:
    """Sum number ``index`` of ``count`` frames each, in a type that holds it."""
    first = frame(index * count)
    total: Any = first.astype(_type(first.dtype))
    for number in range(index * count + 1, (index + 1) * count):
        total += frame(number)
    return np.asarray(total)


def _type(dtype: np.dtype) -> np.dtype:
    """One that holds sums of millions of values."""
    if dtype.kind == "f":
        return np.result_type(dtype, np.float32)
    wide = {"b": np.uint32, "u": np.uint32, "i": np.int32}[dtype.kind]
    return np.dtype(wide) if dtype.itemsize < 4 else np.dtype(f"{dtype.kind}8")
