"""Frames that tell nothing new: of damaged files, and such as were written twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import listening, reason_unread, warn
from . import Micrograph, unmasked
from .frames import frame_of, readable


def repeated_frames(source: Micrograph, numbers: Iterable[int] | None = None) -> list[int]:
    """Numbers of the frames of a movie that hold the very values of the one before.

    A camera that is slower than the program beside it gives such. They tell nothing new, so they
    are not to judge each other. Blank frames are none.

    Parameters
    ----------
    source
        An image, which has none, or a movie.
    numbers
        Of the frames to look at, in their order; all by default.
    """
    found, before = [], None
    every = range(len(source.data) if source.is_movie else 0)
    for t in every if numbers is None else numbers:
        values = readable(source, t)
        if values is not None and before is not None:
            found += [t] if np.array_equal(values, before, equal_nan=True) else []
        before = values
    return found


def frame_or_nan(source: Micrograph, number: int) -> np.ndarray:
    """A frame (Y, X) of a movie as it is stored, NaN for pixels without data.

    Warns
    -----
    In words, if it cannot be read; all of it is NaN then.
    """
    try:
        return np.asarray(unmasked(frame_of(source, number)))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library says of damaged frames
        reason = reason_unread(error)
        warn(f"Frame {number} could not be read and counts as without data ({reason}).")
        return np.full(source.shape[-2:], np.nan, np.float32)


def holds_data(source: Micrograph, number: int) -> bool:
    """Whether a frame can be read and has a finite pixel."""
    with listening():
        return bool(np.isfinite(frame_or_nan(source, number)).any())


def told_of_repeated(again: Sequence[int], count: int) -> str:
    """What ``repeated_frames`` found among so many frames, as the beginning of a sentence."""
    which = (
        f"Frame {again[0]} holds"
        if len(again) == 1
        else (f"{len(again)} of {count} frames, the first is {again[0]}, hold")
    )
    return f"{which} the very values of the frame before, which tells nothing new"
