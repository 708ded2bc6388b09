"""One fast look over a frame: how each pixel differs from its four neighbours, tile by tile.

The difference hides smooth signal, so its variance is 1.25 times that of the noise, plus what
detail an image has at the scale of its pixels. The frame is read in strips that fit the
processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

TILE = 8  # px along a side
DIFFERENCE = 1.25  # variance of a pixel less the mean of four neighbours, over that of a pixel
_STRIP = 8 * TILE  # rows
_PIECES = 4  # of each line, so that defects of a part of a row or column are seen
_AREA = 5  # tiles along a side over which the noise is taken to be even
_RANGE = 100.0  # spreads of the values beyond which they are clipped, lest one spoil all sums
_CLIP = 3.0  # spreads, beyond which a difference adds no more to the variance
_SAMPLE = 2**14  # pixels from which level and spread are taken
_ELECTRONS = 30.0  # in a tile, for which its own brightness counts half
_FOLLOWED = 0.5, 3.0  # times the variance of the area, between which that of a tile is
_UNLIKE = 4.0  # times what an electron adds in the lit half, beyond which it does nowhere
_CAP = 2.0  # of what the highest tiles but 3 % reach, beyond which a pixel does not count as noise


@dataclass(frozen=True, eq=False)
class Screen:
    """What the tiles (h, w) of a frame and the pieces of its lines tell.

    Parameters
    ----------
    highest, lowest
        (h, w) extreme differences of a pixel from its neighbours.
    variance
        (h, w) of these differences over an area of 5 x 5 tiles.
    event
        (h, w) most that one electron adds to a pixel: the variance over the mean above the floor.
    columns, rows
        (4, X) and (4, Y) mean differences along the four pieces of each line.
    level, spread
        Median of the values, and how far they scatter about it.
    """

    highest: np.ndarray
    lowest: np.ndarray
    variance: np.ndarray
    event: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    level: float
    spread: float


def screen(frame: np.ndarray, missing: np.ndarray | None) -> Screen:
    """Look over a frame.

    Parameters
    ----------
    frame
        (Y, X) of any type, at least 16 x 16.
    missing
        (Y, X) bool, pixels without data; None where all hold data.
    """
    low, level, spread = _sampled(frame, missing)
    top, bottom = level + _RANGE * spread, level - _RANGE * spread
    height, width = frame.shape
    padded_width = width + -width % TILE
    tiles = -(-height // TILE), padded_width // TILE
    highest, lowest, squares, sums, held = (np.zeros(tiles, np.float32) for _ in range(5))
    columns, counts = (np.zeros((_PIECES, padded_width), np.float32) for _ in range(2))
    rows, row_counts = (np.zeros((_PIECES, height + -height % TILE)) for _ in range(2))
    cuts = [width * i // _PIECES for i in range(_PIECES)]
    across = np.diff([*cuts, padded_width])[:, None]
    for start in range(0, height, _STRIP):
        x = strip(frame, start, min(_STRIP, height - start), level, bottom, top)
        gaps = None if missing is None else strip(missing, start, len(x) - 2, 0.0, 0.0, 1.0) > 0
        d, valid = differences(x, gaps)
        at = slice(start // TILE, start // TILE + len(d) // TILE)
        tiled = d.reshape(-1, TILE, d.shape[1])
        highest[at] = _across(tiled.max(1), np.maximum)
        lowest[at] = _across(tiled.min(1), np.minimum)
        inner = x[1:-1, 1:-1]
        pieces = _pieces(start, len(d), height)
        for piece, part in pieces:
            columns[piece] += d[part].sum(0)
            counts[piece] += len(d[part]) if valid is None else valid[part].sum(0)
        rows[:, start : start + len(d)] = np.add.reduceat(d, cuts, axis=1).T
        if valid is None:
            sums[at] = _across(inner.reshape(tiled.shape).sum(1), np.add)
            held[at] = TILE**2
            row_counts[:, start : start + len(d)] = across
        else:
            sums[at] = _across(np.where(valid, inner, 0).reshape(tiled.shape).sum(1), np.add)
            held[at] = _across(valid.reshape(tiled.shape).sum(1, dtype=np.float32), np.add)
            row_counts[:, start : start + len(d)] = np.add.reduceat(
                valid, cuts, axis=1, dtype=int
            ).T
        if max(highest[at].max(), -lowest[at].min()) > _CLIP * spread:
            np.clip(d, -_CLIP * spread, _CLIP * spread, out=d)
        d *= d
        squares[at] = _across(tiled.sum(1), np.add)
    extreme = np.minimum(np.maximum(highest, -lowest), _CLIP * spread)
    variance, event = _noise(extreme, squares, sums, held, low - level, spread)
    return Screen(
        highest,
        lowest,
        variance,
        event,
        (columns / np.maximum(counts, 1))[:, :width],
        (rows / np.maximum(row_counts, 1))[:, :height],
        level,
        spread,
    )


def strip(
    frame: np.ndarray, start: int, rows: int, level: float, bottom: float, top: float
) -> np.ndarray:
    """Rows of a frame less a level, clipped, with a margin of one pixel mirrored at the edges.

    Parameters
    ----------
    frame
        (Y, X).
    start, rows
        Which rows; rows and columns are continued by their mirror image to whole tiles.

    Returns
    -------
    (rows + 2, X + 2) float32, rows and X rounded up to whole tiles.
    """
    height, width = frame.shape
    rows += -rows % TILE
    y0, y1 = max(start - 1, 0), min(start + rows + 1, height)
    part = frame[y0:y1]
    if part.dtype.itemsize > (4 if part.dtype.kind == "f" else 2):
        part = part.astype(np.float64) - level  # single precision would lose digits
        bottom, top, level = bottom - level, top - level, 0.0
    result = np.empty((rows + 2, width + -width % TILE + 2), np.float32)
    inner = result[y0 - start + 1 : y1 - start + 1, 1 : width + 1]
    np.copyto(inner, part, casting="unsafe")
    if not (part.min() >= bottom and part.max() <= top):
        np.clip(inner, bottom, top, out=inner)
    if level:
        inner -= np.float32(level)
    if y0 == start:
        result[0] = result[2]
    for i in range(y1 - start + 1, rows + 2):
        mirrored = 2 * (y1 - start) - i
        result[i] = result[max(mirrored, 1)]
    result[:, 0] = result[:, 2]
    for i in range(width + 1, result.shape[1]):
        result[:, i] = result[:, max(2 * width - i, 1)]
    return result


def differences(x: np.ndarray, gaps: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Each pixel less the mean of its neighbours above, below, left and right that hold data.

    Parameters
    ----------
    x
        (h + 2, w + 2).
    gaps
        Same shape, bool, True where there are no data; None without gaps.

    Returns
    -------
    (h, w) differences, 0 where there are none, and which pixels hold data.
    """
    if gaps is None:
        d = x[:-2, 1:-1] + x[2:, 1:-1]
        d += x[1:-1, :-2]
        d += x[1:-1, 2:]
        d *= -0.25
        d += x[1:-1, 1:-1]
        return d, None
    valid = ~gaps
    x = np.where(valid, x, 0)
    total, count = (
        a[:-2, 1:-1] + a[2:, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:]
        for a in (x, valid.astype(np.float32))
    )
    centre = valid[1:-1, 1:-1] & (count > 0)
    d = np.where(centre, x[1:-1, 1:-1] - total / np.maximum(count, 1), 0)
    return d.astype(np.float32), valid[1:-1, 1:-1]


def rows_of_tiles(
    frame: np.ndarray, missing: np.ndarray | None, level: float, rows: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Differences from their neighbours of all pixels in some rows of tiles.

    Parameters
    ----------
    frame
        (Y, X).
    missing
        (Y, X) bool, pixels without data; None where all hold data.
    level
        That is taken off, lest single precision lose digits.
    rows
        Numbers of rows of tiles.

    Yields
    ------
    The first row of pixels, and the differences (up to 8, X), 0 where there are none.
    """
    height, width = frame.shape
    for row in rows:
        top = int(row) * TILE
        x = strip(frame, top, TILE, level, level - 1e30, level + 1e30)
        gaps = None if missing is None else strip(missing, top, TILE, 0.0, 0.0, 1.0) > 0
        yield top, differences(x, gaps)[0][: height - top, :width]


def _pieces(start: int, rows: int, height: int) -> list[tuple[int, slice]]:
    """Which rows of a strip are in which piece of the columns; those beyond the frame in none."""
    cuts = [height * i // _PIECES - start for i in range(_PIECES + 1)]
    parts = [slice(max(a, 0), min(b, rows)) for a, b in pairwise(cuts)]
    return [(i, part) for i, part in enumerate(parts) if part.start < part.stop]


def _sampled(frame: np.ndarray, missing: np.ndarray | None) -> tuple[float, float, float]:
    """Lowest value without the lowest few, median and spread, from pixels spread over the frame."""
    step = max(1, int(np.sqrt(frame.size / _SAMPLE)))
    # rows that are not multiples of tiles, lest a pattern of the camera be met in step
    some = frame[::step, step // 2 :: step].astype(np.float64)
    held = np.isfinite(some)
    if missing is not None:
        held &= ~missing[::step, step // 2 :: step]
    values = some[held]
    if not len(values):
        return 0.0, 0.0, 1.0
    values.sort()
    at = np.rint(np.array((0.001, 0.05, 0.5, 0.95)) * (len(values) - 1)).astype(int)
    low, first, median, last = values[at]
    spread = float(last - first)
    if not spread:
        # nearly all alike, as at very low dose: the step to the next value that occurs
        steps = np.abs(values - median)
        spread = float(steps[steps > 0].min()) if steps.any() else max(1.0, abs(median))
    return float(low), float(median), spread


def _across(rows: np.ndarray, ufunc: np.ufunc) -> np.ndarray:
    """(h, w) along the tiles of (h, w * TILE)."""
    # along the first axis of a copy, which is ten times as fast as along the short last one
    apart = np.ascontiguousarray(rows.reshape(len(rows), -1, TILE).transpose(2, 0, 1))
    result: np.ndarray = ufunc.reduce(apart, axis=0)
    return result


def _noise(
    extreme: np.ndarray,
    squares: np.ndarray,
    sums: np.ndarray,
    held: np.ndarray,
    floor: float,
    spread: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of the differences in each tile, and most that one electron adds.

    Both are taken over the area around a tile; within it the variance follows the brightness above
    the floor, as that of electrons does, as far as the electrons of a tile tell it.
    """
    from scipy.ndimage import uniform_filter

    cap = _CAP * np.quantile(extreme, 0.97)
    # a pixel that differs by d adds d^2, and (d / 4)^2 at each of its neighbours
    beyond = DIFFERENCE * np.maximum(extreme**2 - cap**2, 0)
    capped = np.maximum(squares - beyond, 0)
    total, light, count = (uniform_filter(a, _AREA, mode="nearest") for a in (capped, sums, held))
    count = np.maximum(count, 1 / TILE**2)
    variance = np.maximum(total, 0) / count
    quiet = variance[count > TILE**2 / 2]
    least = 1e-3 * float(np.median(quiet)) if quiet.size else 0.0
    variance = np.maximum(variance, max(least, 1e-12 * spread**2))
    above = np.maximum(light / count - floor, 1e-6 * spread)
    event = variance / DIFFERENCE / above
    # an electron adds no more where few come: there one fault is most of the variance
    lit = above >= np.median(above)
    event = np.minimum(event, _UNLIKE * float(np.median(event[lit])))
    own = np.where(held > 0, sums / np.maximum(held, 1) - floor, above) / above
    electrons = held * above / event
    share = electrons / (electrons + _ELECTRONS)
    return variance * np.clip(1 + share * (own - 1), *_FOLLOWED), event
