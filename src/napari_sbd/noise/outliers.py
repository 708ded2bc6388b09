"""Pixels that say nothing about the specimen: defects of the camera, X-rays, annotations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import unmasked
from ..micrograph.frames import as_micrograph
from .data_bar import find_data_bar
from .lines import find_constant, find_lines
from .plateaus import find_corners, find_plateaus
from .repeats import find_repeats
from .screen import Screen, screen
from .spikes import Event, find_spikes
from .towers import are_steep, find_crowd, is_crowded

_SMALLEST = 16  # px along a side, below which there is nothing to compare with
_ROUNDS = 4  # what one outlier hid is found when that is gone
_FRAMES = 64  # of a movie, which tell its fixed pattern
_TRIMMED = 5  # frames from which two can be spared
_SCATTERED = 0.01  # of a frame, up to which pixels are filled rather than skipped
_MOST = 0.5  # of what was written of a frame
_LINES = "row", "column"
_NAMES = {
    "hot": ("hot pixel", "hot pixels"),
    "dead": ("dead pixel", "dead pixels"),
    "cluster": ("cluster (X-ray)", "clusters (X-rays)"),
    "streak": ("streak (cosmic ray)", "streaks (cosmic rays)"),
    "row": ("row", "rows"),
    "column": ("column", "columns"),
    "saturated": ("saturated spot", "saturated spots"),
    "annotation": ("burned-in mark", "burned-in marks"),
    "unwritten": ("part never written", "parts never written"),
    "repeated": ("border that repeats one line", "borders that repeat one line"),
}


@dataclass(frozen=True, eq=False)
class Outliers:
    """Pixels to be taken as without data.

    Parameters
    ----------
    mask
        (Y, X) bool.
    counts
        How many of each kind: "hot" and "dead" pixels, "cluster", "streak", "row", "column" (or a
        quarter of one and more), "saturated" spots, "annotation" and "unwritten" regions, and
        "repeated" borders. Kinds that were not found are absent.
    crowded
        Whether extremes are left that are too frequent to be told from the image.
    """

    mask: np.ndarray
    counts: dict[str, int]
    crowded: bool = False

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.counts)

    def __str__(self) -> str:
        """For people, such as "23 hot pixels and one column left out"; empty without any."""
        parts = [
            f"{'one' if n == 1 else n} {_NAMES[kind][n > 1]}"
            for kind, n in sorted(self.counts.items(), key=lambda item: list(_NAMES).index(item[0]))
        ]
        if not parts:
            return ""
        listed = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
        return f"{listed} left out"


def with_gaps(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Values with NaN where a mask of the same shape says so, as precise as they are."""
    single = values.dtype == np.float32
    return np.where(mask, np.float32(np.nan) if single else np.nan, values)


def find_outliers(frame: Any, *, lines: bool = True) -> Outliers:
    """Find pixels that no electrons from the specimen explain.

    A pixel is one if it differs from its neighbours by more than chance does once in 10^7 pixels,
    by more than the image's own detail does, and more sharply than a lens draws; so are lines,
    regions of one extreme value and parts that were never written. Noise, its dependence on
    brightness, and the detail are taken from the frame itself. Atoms, diffraction spots and single
    electrons are none, as long as they reach into their neighbours (full width of 1.5 px at half
    maximum).

    Parameters
    ----------
    frame
        (Y, X) of any real type, any unit. Pixels that are NaN, infinite or masked hold no data and
        are not among the outliers. Below 16 x 16 pixels nothing is found.
    lines
        Whether to look for rows and columns that stand out; those that hold one and the same value
        are found in any case.

    Returns
    -------
    The outliers; their mask is all False where there are none.

    Raises
    ------
    SBDError
        If it is no single frame.

    Examples
    --------
    >>> hot = noisy.data.copy()
    >>> hot[50, 60] = 10000
    >>> found = sbd.find_outliers(hot)
    >>> print(found)
    one hot pixel left out
    """
    values = np.asarray(unmasked(frame if hasattr(frame, "dtype") else np.asarray(frame)))
    if values.ndim != 2 or values.dtype.kind not in "buif":
        raise SBDError(
            f"Outliers are found in one frame (Y, X) of real numbers, not in {values.dtype} of "
            f"shape {values.shape}; give a movie frame by frame."
        )
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    elif values.dtype == np.float16:
        values = values.astype(np.float32)
    if min(values.shape) < _SMALLEST:
        return _nothing(values.shape)
    missing = _missing(values)
    if missing is not None and missing.mean() > 1 - 1e-3:
        return _nothing(values.shape)
    found = _Found(values, missing)
    found.regions()
    found.lines_and_spikes(lines)
    if any(found.counts.values()) and found.mask[~found.blank].mean() > _MOST:
        return _nothing(values.shape)
    return Outliers(found.mask, {kind: n for kind, n in found.counts.items() if n}, found.crowded)


def find_fixed_outliers(movie: Any) -> Outliers:
    """Find pixels that are outliers in all frames of a movie.

    In the mean over frames far weaker ones stand out than in each. At every pixel the highest and
    the lowest frame do not count, so that a cosmic ray in one frame does no harm.

    Parameters
    ----------
    movie
        (T, Y, X) or a micrograph; at most 64 frames, spread over the movie, are read.

    Returns
    -------
    The outliers, for every frame.
    """
    source = as_micrograph(movie)
    if not source.is_movie:
        return find_outliers(source.data)
    chosen = np.unique(np.linspace(0, len(source.data) - 1, _FRAMES).round().astype(int))
    if len(chosen) >= _TRIMMED:
        return find_outliers(trimmed_mean(source.data[int(t)] for t in chosen))
    frames = [np.asarray(unmasked(source.data[int(t)])) for t in chosen]
    each = [find_outliers(frame).mask for frame in frames]
    mask = np.logical_and.reduce(each)
    if not mask.any():
        return _nothing(mask.shape)
    # those of the first frame alone do not count
    return Outliers(mask, find_outliers(with_gaps(frames[0], each[0] & ~mask)).counts)


def trimmed_mean(frames: Iterable[Any]) -> np.ndarray:
    """(Y, X) float64 mean over frames without the highest and the lowest at each pixel.

    Pixels that hold data in fewer than three frames are NaN.
    """
    total: Any = 0.0
    held: Any = 0
    high: Any = -np.inf
    low: Any = np.inf
    for frame in frames:
        values = np.asarray(unmasked(frame)).astype(np.float64)
        finite = np.isfinite(values)
        total = total + np.where(finite, values, 0)
        held = held + finite
        high = np.fmax(high, np.where(finite, values, -np.inf))
        low = np.fmin(low, np.where(finite, values, np.inf))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(held > 2, (total - high - low) / (held - 2), np.nan))


class _Found:
    """What was found so far in a frame."""

    def __init__(self, frame: np.ndarray, missing: np.ndarray | None) -> None:
        self.frame = frame
        self.missing = missing
        self.mask = np.zeros(frame.shape, bool)
        self.blank = self.mask
        self.filled = np.zeros(frame.shape, bool)
        self.counts = dict.fromkeys(_NAMES, 0)
        self.lines = {
            "row": np.zeros(frame.shape[0], bool),
            "column": np.zeros(frame.shape[1], bool),
        }
        self.crowded = False

    def regions(self) -> None:
        """What is told by equal values."""
        bar = find_data_bar(self.frame)
        if bar is not None:
            self._add("annotation", bar)
        repeated = find_repeats(self._remaining())
        self._add("repeated", repeated)
        image = self._remaining()
        (rows, columns), blank = find_constant(image)
        self._add_lines(rows, columns)
        self.blank = blank | find_corners(image)
        self._add("unwritten", self.blank)
        self.blank = self.blank | repeated
        for kind, mask in find_plateaus(self._remaining()).items():
            self._add(kind, mask)

    def lines_and_spikes(self, lines: bool) -> None:
        """What is told by the noise."""
        for _ in range(_ROUNDS):
            gaps = self._gaps()
            seen = screen(self.frame, gaps)
            crowded = is_crowded(seen)
            if crowded and self._take(find_crowd(self.frame, gaps, seen)):
                self.frame, self.filled = filled(self.frame, self.mask, self.filled)
                continue
            if not (lines and self._lines(gaps, seen)) and not self._spikes(gaps, seen):
                self.crowded = crowded and are_steep(self.frame, gaps, seen)
                break
            self.frame, self.filled = filled(self.frame, self.mask, self.filled)

    def _lines(self, gaps: np.ndarray | None, seen: Screen) -> bool:
        rows, columns = find_lines(self.frame, gaps, seen)
        self._add_lines(rows, columns)
        return rows is not None or columns is not None

    def _spikes(self, gaps: np.ndarray | None, seen: Screen) -> bool:
        return self._take(find_spikes(self.frame, gaps, seen))

    def _take(self, found: list[Event]) -> bool:
        for pixels, kind in found:
            self.mask[tuple(pixels.T)] = True
            self.counts[kind] += 1
        return bool(found)

    def _gaps(self) -> np.ndarray | None:
        """Pixels that hold no data, nor a value in their place."""
        if not any(self.counts.values()):
            return self.missing
        left = self.mask & ~self.filled
        if not left.any():
            return self.missing
        return left if self.missing is None else left | self.missing

    def _remaining(self) -> np.ndarray:
        """The frame with NaN for what was found."""
        if not any(self.counts.values()):
            return self.frame
        return np.where(self.mask, np.nan, self.frame)

    def _add(self, kind: str, mask: np.ndarray) -> None:
        if not mask.any():
            return
        from scipy.ndimage import label

        self.mask |= mask
        self.counts[kind] += int(label(mask, np.ones((3, 3)))[1])

    def _add_lines(self, rows: np.ndarray | None, columns: np.ndarray | None) -> None:
        for kind, mask, along in zip(_LINES, (rows, columns), (1, 0), strict=True):
            if mask is not None and mask.any():
                self.mask |= mask
                # of one line, quarters may be found one round after the other
                self.lines[kind] |= mask.any(along)
                self.counts[kind] = int(np.count_nonzero(self.lines[kind]))


def filled(
    frame: np.ndarray, mask: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A frame with the median of the pixels around in place of scattered pixels of a mask.

    Parameters
    ----------
    frame
        (Y, X).
    mask
        (Y, X) bool.
    before
        (Y, X) bool, pixels of the mask in which a value stands already.

    Returns
    -------
    The frame, and which pixels of the mask hold a value now: those with at least eight others in
    the 7 x 7 pixels around.
    """
    ys, xs = np.nonzero(mask & ~before)
    if not len(ys) or len(ys) > _SCATTERED * frame.size:
        return frame, before
    around = [
        (np.clip(ys + dy, 0, frame.shape[0] - 1), np.clip(xs + dx, 0, frame.shape[1] - 1))
        for dy in range(-3, 4)
        for dx in range(-3, 4)
    ]
    values = np.stack([np.where(mask[at], np.nan, frame[at]) for at in around])
    enough = np.isfinite(values).sum(0) >= 8
    result, done = frame.copy(), before.copy()
    at = ys[enough], xs[enough]
    result[at] = np.nanmedian(values[:, enough], 0).astype(frame.dtype)
    done[at] = True
    return result, done


def _missing(frame: np.ndarray) -> np.ndarray | None:
    """Pixels without data; None where all hold data."""
    if frame.dtype.kind != "f" or np.isfinite(frame.min() + frame.max()):
        return None
    gone = ~np.isfinite(frame)
    return gone if gone.any() else None


def _nothing(shape: tuple[int, ...]) -> Outliers:
    return Outliers(np.zeros(shape, bool), {})
