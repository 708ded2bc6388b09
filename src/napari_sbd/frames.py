"""Frames as the numbers that a network can use."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import BlankImage, SBDError
from .micrograph import Micrograph, PixelSize, unmasked

# Beyond these, sums of pixels or the digits of small values are lost in float32.
_SMALLEST, _LARGEST = 1e-35, 1e35

# Part of its standard deviation below which the mean of a frame may be that of no beam.
_AS_DARK = 0.5
# Part of the brightest frame's mean that a frame with beam has at least.
_LIT = 0.1
_SAMPLED = 16


def reference_frame(source: Micrograph) -> np.ndarray:
    """The first frame (Y, X) that shows something; it decides for the whole movie.

    Raises
    ------
    BlankImage
        If there is none.
    """
    return finite_or_nan(frame_of(source, reference_number(source)))


def reference_number(source: Micrograph) -> int:
    """Number of the first frame that shows something; 0 where none does.

    A frame without beam need not be constant: its noise lies around zero electrons, or just beside
    where the dark image was taken at another time. Where the first frame is as dark as its noise,
    others tell how bright the movie is, and frames of less than a tenth of that are passed over.
    """
    if not source.is_movie:
        return 0
    count = len(source.data)
    first = next((t for t in range(count) if _level(source, t) is not None), 0)
    level, spread = _level(source, first) or (0.0, 0.0)
    if level >= _AS_DARK * spread:
        return first
    sample = np.unique(np.linspace(first, count - 1, _SAMPLED).astype(int))
    brightest = max((seen[0] for seen in (_level(source, t) for t in sample) if seen), default=0.0)
    if brightest <= 0:
        return first
    for t in range(first, count):
        seen = _level(source, t)
        if seen and seen[0] >= _LIT * brightest:
            return t
    return first


def frame_of(source: Micrograph, number: int) -> Any:
    """A frame (Y, X) of a movie as it is stored, or the image itself."""
    return source.data[number] if source.is_movie else source.data


def _level(source: Micrograph, number: int) -> tuple[float, float] | None:
    """Mean above the offset, and standard deviation, of a frame; None where it has no values."""
    try:
        frame = finite_or_nan(frame_of(source, number))
    except (SBDError, OSError, RuntimeError):  # blank, or it cannot be read
        return None
    return float(np.nanmean(frame, dtype=np.float64)) - source.offset, float(np.nanstd(frame))


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
