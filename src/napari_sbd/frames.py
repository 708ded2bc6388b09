"""Frames as the numbers that a network can use."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .errors import BlankImage, SBDError
from .micrograph import Micrograph, PixelSize, unmasked

# Beyond these, sums of pixels or the digits of small values are lost in float32.
_SMALLEST, _LARGEST = 1e-35, 1e35


def reference_frame(source: Micrograph) -> np.ndarray:
    """The first frame (Y, X) that can be read and is not blank.

    Raises
    ------
    BlankImage
        If there is none.
    """
    nothing: Exception | None = None
    for frame in source.data if source.is_movie else source.data[None]:
        try:
            read = np.asanyarray(frame)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a library says of damaged frames
            nothing = nothing or error
            continue
        try:
            return finite_or_nan(read)
        except BlankImage as error:
            nothing = nothing or error
    raise nothing or BlankImage("The movie holds no frame.")


def range_text(frames: slice | int | str) -> str:
    """A range of frames as recipes and the command line have it: ``3:7``, ``3:``, ``5``.

    Raises
    ------
    SBDError
        If it is no range of frames without a step.
    """
    if isinstance(frames, slice):
        if frames.step not in (None, 1):
            raise SBDError("A range of frames has no step; give START:STOP.")
        return ":".join("" if n is None else str(int(n)) for n in (frames.start, frames.stop))
    text = str(frames)
    if not re.fullmatch(r"-?\d+|(-?\d+)?:(-?\d+)?", text):
        raise SBDError(f"A range of frames is START:STOP or one number, not {text!r}.")
    return text


def frame_range(text: str | None, source: Micrograph) -> range:
    """The numbers of the frames that a range chooses of an image or movie; None takes all.

    Raises
    ------
    SBDError
        If it chooses none, or this is a single image.
    """
    if text is None:
        return range(source.shape[0] if source.is_movie else 1)
    if not source.is_movie:
        raise SBDError(f"The range {text} chooses frames of a movie, and this is a single image.")
    first, colon, last = text.partition(":")
    start = int(first) if first else None
    stop = (int(last) if last else None) if colon else (start or 0) + 1 or None
    numbers = range(source.shape[0])[start:stop]
    if not numbers:
        raise SBDError(f"The range {text} chooses none of the {source.shape[0]} frames.")
    return numbers


def as_micrograph(
    image: Any,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
) -> Micrograph:
    """A micrograph of whatever a user gives, with the calibration that is given beside it.

    Parameters
    ----------
    image
        A micrograph, or an array, in which masked pixels hold no data.
    pixel_size, gain, offset
        As ``Micrograph`` takes them; None leaves what the micrograph has.
    """
    source = image if isinstance(image, Micrograph) else Micrograph(image)
    given = {"pixel_size": pixel_size, "gain": gain, "offset": offset}
    return source.replace(**{k: v for k, v in given.items() if v is not None})


def finite_or_nan(frame: Any) -> np.ndarray:
    """A frame as floating-point numpy, NaN for pixels without data.

    Raises
    ------
    BlankImage
        If it is constant or holds no finite pixel.
    SBDError
        If its values are larger or smaller than single precision can compute with.
    """
    read = np.asarray(unmasked(frame))
    single = read.dtype.itemsize < 4 or read.dtype == np.float32
    values = read.astype(np.float32 if single else np.float64)
    valid = np.isfinite(values)
    if not valid.any():
        raise BlankImage("The image holds no finite pixel.")
    inside = values[valid]
    low, high = inside.min(), inside.max()
    if low == high:
        raise BlankImage(f"The image is constant ({low:g} everywhere): nothing to denoise.")
    largest = max(abs(low), abs(high))
    if not _SMALLEST <= largest <= _LARGEST:
        raise SBDError(
            f"The largest value is {largest:.3g}, outside what single precision can compute with; "
            f"divide the values by {largest:.0e}."
        )
    return values if valid.all() else np.where(valid, values, np.nan)


def mean_filled(image: np.ndarray) -> np.ndarray:
    """An image with its mean where it is NaN."""
    return np.where(np.isnan(image), np.nanmean(image), image)
