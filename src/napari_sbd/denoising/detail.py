"""Detail that an image shows beyond doubt and that its estimate lacks, put back into it.

A network errs by a share of what it draws. Where there is hardly any noise, that is more than the
noise itself, and shows in what was taken off: as patterns of a few pixels that noise does not make.
Coefficients of small squares (discrete cosine transform) that stand out of the noise are kept, as
many as few of which are noise (false discovery rate: Benjamini and Hochberg, J. R. Stat. Soc. B 57
(1995) 289; as a threshold of coefficients: Abramovich et al., Ann. Statist. 34 (2006) 584).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..noise.level import noise_level, usual_level

_SIDE = 8  # working pixels of a square: two or three columns
_STEP = 2  # between squares that overlap, whose mean is taken
_FALSE = 0.3  # share of what is kept that noise may make
_FALSE_UNSURE = 0.05  # the same, where the noise is known less well
_CHANCE = 1e-3  # that noise alone puts anything back into an image
_FEW = 20  # coefficients, up to which that decides
_BESIDE = 4  # working pixels around what was filled
_ONE_WAY = 6.0  # times as surely as the columns, lines of a scan differ from each other
_LEAST = 0.01  # working pixels, or of the contrast: by less the errors of a network differ as well
_SLOW = 4.0  # lines, over which what changes is of the specimen or of its estimate
_MEDIAN = 0.455  # of the square of a standard normal value
_DARKEST = 1e-3  # quantile of an estimate that may be zero electrons


def put_back_detail(
    image: np.ndarray, estimate: np.ndarray, empty: np.ndarray | None = None, white: bool = True
) -> np.ndarray:
    """An estimate with the detail that it lacks beyond doubt.

    Parameters
    ----------
    image
        (H, W) finite, its noise independent from pixel to pixel.
    estimate
        (H, W) what a network made of it.
    empty
        (H, W) bool, where the image holds no data, or not all of them.
    white
        Whether its noise was so from the beginning; that of what was made white is known less well.

    Returns
    -------
    The estimate itself where nothing stands out, as at the doses of most images, or where the image
    has less than 16 pixels along a side.
    """
    if min(image.shape) < 2 * _SIDE:
        return estimate
    rest = np.asarray(image - estimate, np.float64)
    if empty is not None and empty.any():
        rest = np.where(empty if white else _near(empty), 0, rest)
    level = noise_level(rest)
    if not white:  # where a point spread let nothing pass, there is little noise
        level = max(level, usual_level(rest))
    if not level > 0:
        return estimate
    noise = level * np.sqrt(_brightness(estimate, level))
    false = _FALSE if white else _FALSE_UNSURE
    if _threshold(rest / noise, false) is None:
        return estimate
    rest = _without_scan(rest, estimate, noise) / noise
    least = _threshold(rest, false)
    if least is None:
        return estimate
    added: np.ndarray = (estimate + noise * _standing_out(rest, least)).astype(estimate.dtype)
    return added


def _without_scan(rest: np.ndarray, estimate: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """What was taken off (H, W), without what the lines of a scan explain.

    Lines beside their places leave as much of the slope of the image along them, lines of another
    beam or offset as much of its brightness, from line to line by chance: a network that knows
    scans has taken that off for good. Errors of a network change as much across the lines as along
    them. Columns are looked at too, since an image may be turned.
    """
    for pattern_of in (lambda image: np.gradient(image, axis=1), np.asarray, np.ones_like):
        rows = _line_by_line(rest, estimate, noise, pattern_of)
        columns = _line_by_line(rest.T, estimate.T, noise.T, pattern_of)
        if rows.sure > _ONE_WAY * columns.sure and rows.size > _LEAST:
            rest = rest - rows.explained
        elif columns.sure > _ONE_WAY * rows.sure and columns.size > _LEAST:
            rest = rest - columns.explained.T
    return rest


@dataclass(frozen=True)
class _Lines:
    """What a pattern of lines explains (H, W), how much it changes from line to line, and that as
    variance over that of the noise, at least 1/3."""

    explained: np.ndarray
    size: float
    sure: float


def _line_by_line(
    rest: np.ndarray,
    estimate: np.ndarray,
    noise: np.ndarray,
    pattern_of: Callable[[np.ndarray], np.ndarray],
) -> _Lines:
    """How much of a pattern each line holds beyond the lines around."""
    from scipy.ndimage import gaussian_filter1d

    pattern = pattern_of(estimate)
    weight = pattern / noise**2
    variance = 1 / np.maximum((weight * pattern).sum(1), 1e-30)
    shares = variance * (weight * rest).sum(1)
    apart = (shares[1:-1] - (shares[:-2] + shares[2:]) / 2) ** 2
    expected = variance[1:-1] + (variance[:-2] + variance[2:]) / 4
    explained = (shares - gaussian_filter1d(shares, _SLOW))[:, None] * pattern
    sure = float(np.median(apart / expected)) / _MEDIAN
    return _Lines(explained, float(np.sqrt(np.median(apart) / _MEDIAN)), max(sure, 1 / 3))


def _near(empty: np.ndarray) -> np.ndarray:
    """(H, W) bool, as far from what holds no data as an image that was made sharper shows it."""
    from scipy.ndimage import maximum_filter

    result: np.ndarray = maximum_filter(empty, 2 * _BESIDE + 1)
    return result


def _brightness(estimate: np.ndarray, level: float) -> np.ndarray:
    """At most the variance of noise of a level over its mean (H, W), at least 1.

    That of electrons grows with their number, at most so fast that there are none where it is
    darkest; other noise is the same everywhere.
    """
    mean = float(estimate.mean())
    depth = max(mean - float(np.quantile(estimate, _DARKEST)), level)
    result: np.ndarray = 1 + np.maximum(estimate - mean, 0) / depth
    return result


def _standing_out(rest: np.ndarray, least: float) -> np.ndarray:
    """What coefficients of at least that size make (H, W), the mean of overlapping squares."""
    from scipy.fft import idctn

    height, width = rest.shape
    padded = np.pad(rest, [(_SIDE, _SIDE + -n % _SIDE) for n in rest.shape], mode="symmetric")
    total = np.zeros_like(padded)
    starts = range(0, _SIDE, _STEP)
    for y, x in itertools.product(starts, starts):
        shifted = slice(y, len(padded) - _SIDE + y), slice(x, padded.shape[1] - _SIDE + x)
        squares = _coefficients(padded[shifted])
        squares[np.abs(squares) < least] = 0
        total[shifted] += idctn(squares, axes=(1, 3), norm="ortho").reshape(total[shifted].shape)
    inner = total[_SIDE : _SIDE + height, _SIDE : _SIDE + width]
    result: np.ndarray = inner / len(starts) ** 2
    return result


def _coefficients(image: np.ndarray) -> np.ndarray:
    """(n, side, m, side) of the whole squares of an image (H, W)."""
    from scipy.fft import dctn

    rows, columns = (n // _SIDE for n in image.shape)
    whole = image[: rows * _SIDE, : columns * _SIDE]
    squares = whole.reshape(rows, _SIDE, columns, _SIDE)
    result: np.ndarray = dctn(squares, axes=(1, 3), norm="ortho")
    return result


def _threshold(rest: np.ndarray, false: float) -> float | None:
    """The least size of a coefficient that stands out of noise of variance 1 (H, W), where a share
    of these may be false; None without any."""
    from scipy.special import ndtr

    sizes = np.sort(np.abs(_coefficients(rest)), axis=None)[::-1]
    rank = np.arange(1, len(sizes) + 1)
    allowed = np.maximum(_CHANCE, false * (rank - _FEW)) / len(sizes)
    found = np.flatnonzero(2 * ndtr(-sizes) <= allowed)
    return float(sizes[found[-1]]) if found.size else None
