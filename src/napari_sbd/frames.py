"""Frames as the numbers that a network can use."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from .errors import BlankImage, SBDError
from .micrograph import Micrograph, PixelSize, unmasked

# Beyond these, sums of pixels or the digits of small values are lost in float32.
_SMALLEST, _LARGEST = 1e-35, 1e35


def reference_frame(source: Micrograph) -> np.ndarray:
    """The first frame (Y, X) that is not blank.

    Raises
    ------
    BlankImage
        If there is none.
    """
    for frame in source.data if source.is_movie else source.data[None]:
        with contextlib.suppress(BlankImage):
            return finite_or_nan(frame)
    return finite_or_nan(source.data[0] if source.is_movie else source.data)


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
