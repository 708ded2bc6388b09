"""Frames as the numbers that a network can use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BlankImage, SBDError
from . import FRAME, Micrograph, PixelSize, unmasked
from .foreign import micrograph_of

# Beyond these, sums of pixels or the digits of small values are lost in float32.
_SMALLEST, _LARGEST = 1e-35, 1e35

# Part of its standard deviation below which the mean of a frame may be that of no beam.
_AS_DARK = 0.5
# Part of the brightest frame's mean that a frame with beam has at least.
_LIT = 0.1
_SAMPLED = 16
# Where the brightest frame's mean is less than so many of its standard errors, or another lies
# below the offset by as much of it, the offset is not that of no electrons: the mean was taken off.
_SEEN, _BELOW = 5.0, 0.3

# Share of the pixels that hold one and the same value in a frame that shows nothing but a few hot
# or unwritten ones; counts of few electrons look like that as well, but then in all frames.
_EVEN = 0.999
_LOOKED_AT = 1001  # pixels whose median is that value, where there is one


def reference_frame(source: Micrograph) -> np.ndarray:
    """The first frame (Y, X) that shows something; it decides for the whole movie.

    Raises
    ------
    BlankImage
        If there is none.
    """
    return finite_or_nan(frame_of(source, reference_number(source)))


def frame_told(image: Micrograph, name: str = "frame") -> dict[str, int]:
    """Which frame of a movie an image is, under a name; nothing of other images and of movies."""
    is_frame = not image.is_movie and FRAME in image.metadata
    return {name: int(image.metadata[FRAME])} if is_frame else {}


def reference_number(source: Micrograph) -> int:
    """Number of the first frame that shows something; 0 where none does.

    A frame without beam need not be constant: its noise lies around zero electrons, or just beside
    where the dark image was taken at another time. Where the first frame is as dark as its noise,
    others tell how bright the movie is, and frames of less than a tenth of that are passed over. So
    are those that are constant but for a few pixels, where others are not.
    """
    if not source.is_movie:
        return 0
    count = len(source.data)
    first = next((t for t in range(count) if _level(source, t) is not None), 0)
    level = _level(source, first)
    if level is None or not (level.may_be_dark or level.is_even):
        return first
    levels = _sampled(source, first)
    levels = [seen for seen in levels if not seen.is_even] or levels
    for t in range(first, count):
        if (seen := _level(source, t)) and seen.is_lit(levels):
            return t
    return first


def beam_of(source: Micrograph, reference: Level) -> float | None:
    """Mean above the offset that frames with beam are held against; None where nothing tells it.

    Values whose mean was taken off lie about zero in every frame, and none is without beam.

    Parameters
    ----------
    source
        An image or a movie.
    reference
        Of its reference frame.
    """
    if source.is_movie and reference.may_be_dark and _beam(_sampled(source)) is None:
        return None
    return reference.mean


def lit_frames(source: Micrograph) -> list[int]:
    """Numbers of the frames of a movie that are neither blank nor without beam."""
    seen = [_level(source, t) for t in range(len(source.data))]
    reference = seen[reference_number(source)]
    if reference is None:
        return []
    beam, even = beam_of(source, reference), reference.is_even
    return [t for t, level in enumerate(seen) if level and level.shows(beam, even)]


def frame_of(source: Micrograph, number: int) -> Any:
    """A frame (Y, X) of a movie as it is stored, or the image itself."""
    return source.data[number] if source.is_movie else source.data


@dataclass(frozen=True)
class Level:
    """How bright a frame is: mean above the offset, and standard deviation [file units]; whether it
    is constant but for a few pixels; and the standard error of the mean."""

    mean: float
    spread: float
    is_even: bool = False
    error: float = 0.0

    @classmethod
    def of(cls, values: np.ndarray, offset: float) -> Level:
        """That of a frame (Y, X), NaN for pixels without data."""
        mean, std = (np.nanmean, np.nanstd) if np.isnan(values).any() else (np.mean, np.std)
        some = np.median(values.ravel()[:: max(1, values.size // _LOOKED_AT)])
        even = bool(np.mean(values == some) > _EVEN)
        spread = float(std(values, dtype=np.float64))  # single precision ends at squares of 1e19
        error = spread / np.sqrt(values.size)
        return cls(float(mean(values, dtype=np.float64)) - offset, spread, even, error)

    @property
    def may_be_dark(self) -> bool:
        """Whether it is as dark as its noise, as frames of few electrons and without beam are."""
        return self.mean < _AS_DARK * self.spread

    def is_lit(self, others: list[Level]) -> bool:
        """Whether a frame shows as much as others do: neither without beam nor all but constant."""
        return self.shows(_beam(others), any(other.is_even for other in others))

    def shows(self, beam: float | None, even: bool) -> bool:
        """The same, where others have that beam and some of them are all but constant, or not."""
        return not ((self.is_even and not even) or self.is_dark(beam))

    def is_dark(self, lit: float | None) -> bool:
        """Whether a frame has no beam, where the mean of others is ``lit``; no where that is not
        known."""
        return lit is not None and self.may_be_dark and self.mean < _LIT * lit


def _beam(levels: list[Level]) -> float | None:
    """Mean of the brightest of some frames; None where the offset is not that of no electrons."""
    brightest = max(levels, key=lambda level: level.mean)
    lowest = min(level.mean for level in levels)
    told = brightest.mean > _SEEN * brightest.error and lowest > -_BELOW * brightest.mean
    return brightest.mean if told else None


def _sampled(source: Micrograph, first: int = 0) -> list[Level]:
    """Levels of some frames of a movie, spread over it from the first that is wanted on."""
    sample = np.unique(np.linspace(first, len(source.data) - 1, _SAMPLED).astype(int))
    return [seen for t in sample if (seen := _level(source, t))]


def readable(source: Micrograph, number: int) -> np.ndarray | None:
    """A frame (Y, X) as ``finite_or_nan`` gives it; None where it is blank or cannot be read."""
    try:
        return finite_or_nan(frame_of(source, number))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a library says of damaged frames
        return None


def some_readable(movie: Micrograph, count: int) -> list[np.ndarray]:
    """Those of at most so many frames, spread over a movie, that are not blank and can be read."""
    chosen = np.unique(np.linspace(0, len(movie.data) - 1, count).astype(int))
    return [frame for i in chosen if (frame := readable(movie, int(i))) is not None]


def _level(source: Micrograph, number: int) -> Level | None:
    """That of a frame; None where it is blank or cannot be read."""
    values = readable(source, number)
    return None if values is None else Level.of(values, source.offset)


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
        A micrograph, an image of another program (``foreign``), or an array, in which masked
        pixels hold no data.
    pixel_size, gain, offset
        As ``Micrograph`` takes them; None leaves what the micrograph has.
    """
    known = image if isinstance(image, Micrograph) else micrograph_of(image)
    source = Micrograph(image) if known is None else known
    told = {"pixel_size": pixel_size, "gain": gain, "offset": offset}
    given = {k: v for k, v in told.items() if v is not None}
    return source.replace(**given) if given else source


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
    low, high, valid = values.min(initial=np.inf), values.max(initial=-np.inf), None
    if not np.isfinite([low, high]).all():
        valid = np.isfinite(values)
        if not valid.any():
            raise BlankImage("The image holds no finite pixel.")
        low, high = values[valid].min(), values[valid].max()
    if low == high:
        raise BlankImage(f"The image is constant ({low:g} everywhere): nothing to denoise.")
    largest = max(abs(low), abs(high))
    if not _SMALLEST <= largest <= _LARGEST:
        raise SBDError(
            f"The largest value is {largest:.3g}, outside what single precision can compute with; "
            f"divide the values by {largest:.0e}."
        )
    return values if valid is None else np.where(valid, values, np.nan)


def mean_filled(image: np.ndarray) -> np.ndarray:
    """An image with its mean where it is NaN."""
    empty = np.isnan(image)
    return np.where(empty, np.nanmean(image), image) if empty.any() else image
