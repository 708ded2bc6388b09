"""Rows and columns that are hot, dead or were never written."""

from __future__ import annotations

import numpy as np

from . import chance
from .screen import DIFFERENCE, TILE, Screen

_FAINTEST = 0.6  # noise of a pixel, by which the mean along a line must differ from its neighbours
_SHARES = 0.75, 0.95  # of all lines, whose means are continued as an exponential tail
_LENT = 0.6  # of the difference of a line, up to which those beside it may have theirs from it
_RARE = 1e-5  # share of the lines up to which they are
_REACH = 6  # lines on each side that a line is compared with
_WIDEST = 4  # lines
_EVEN = 0.6  # of the farthest of lines that stand out together, which all reach
_SHARP = 0.2  # of the excess of a line, which those beside it do not reach
_TRIM = 0.2  # of the pixels along a line, the highest and the lowest, that do not count
_BLANK = 3  # constant lines together, beyond which that part was not written
_EXPECTED = 30  # pixels with counts, by the nearest lines, that a blank part would have had
_GROUPS, _NEAR, _ALIVE = 8, 8, 5  # parts of a line, lines, and pixels with counts in each part
_BESIDE, _FARTHER = 2, 24  # lines, within which a specimen does not fade into vacuum
_CUT = 0.1  # of the brightness farther away, which is there beside a part never written


def find_lines(
    frame: np.ndarray, missing: np.ndarray | None, seen: Screen
) -> list[np.ndarray | None]:
    """Find rows and columns, or quarters of them, that stand out from those beside them.

    Parameters
    ----------
    frame
        (Y, X).
    missing
        (Y, X) bool, pixels without data; None where all hold data.
    seen
        What ``screen`` found.

    Returns
    -------
    Two masks (Y, X) bool: of rows and of columns; None where there are none.
    """
    masks: list[np.ndarray | None] = []
    for means, turned, gaps, variance, event in (
        (seen.rows, frame.T, missing, seen.variance.T, seen.event.T),
        (seen.columns, frame, missing, seen.variance, seen.event),
    ):
        if gaps is not None and turned is not frame:
            gaps = gaps.T
        found = _stand_out(means, turned, gaps, variance, event)
        masks.append(found.T if found is not None and turned is not frame else found)
    return masks


def _stand_out(
    means: np.ndarray,
    frame: np.ndarray,
    missing: np.ndarray | None,
    variance: np.ndarray,
    event: np.ndarray,
) -> np.ndarray | None:
    """Mask of columns, of which ``means`` (4, X) are the differences from their neighbours."""
    result = None
    cuts = [len(frame) * i // len(means) for i in range(len(means) + 1)]
    for piece, start, stop in zip(means, cuts, cuts[1:], strict=False):
        tiles = np.s_[start // TILE : max(stop // TILE, start // TILE + 1)]
        v, b = (a[tiles].mean(0).repeat(TILE)[: len(piece)] for a in (variance, event))
        n = stop - start
        size = np.abs(piece)
        size[[0, -1]] = 0  # at the border one neighbour is missing
        # each hot line lends a half to those beside it, and many would pass for what is usual
        beside = np.maximum(np.r_[0, size[:-1]], np.r_[size[1:], 0])
        usual = np.where(size > _LENT * beside, size, 0)
        near, far = np.quantile(usual, _SHARES, method="lower")
        decades = np.log((1 - _SHARES[1]) / _RARE) / np.log((1 - _SHARES[0]) / (1 - _SHARES[1]))
        limit = np.maximum.reduce(
            [
                chance.excess(v / n, b / n),
                _FAINTEST * np.sqrt(v / DIFFERENCE),
                np.full(len(v), far + decades * (far - near)),
            ]
        )
        for x in np.flatnonzero(size > limit):
            noise = float(np.sqrt(v[x] / n))
            far = float(np.copysign(limit[x], piece[x]))
            lines = _width(frame, missing, (start, stop), int(x), far, noise)
            if lines.stop > lines.start:
                result = np.zeros(frame.shape, bool) if result is None else result
                result[start:stop, lines] = True
    return result


def _width(
    frame: np.ndarray,
    missing: np.ndarray | None,
    span: tuple[int, int],
    x: int,
    limit: float,
    noise: float,
) -> slice:
    """The columns around one that stand out together; none where they are part of the scene.

    ``limit`` has the sign of the difference of the one from its neighbours.
    """
    x0, x1 = max(x - _REACH, 0), min(x + _REACH + 1, frame.shape[1])
    part = frame[span[0] : span[1], x0:x1].astype(np.float64)
    if missing is not None:
        part[missing[span[0] : span[1], x0:x1]] = np.nan
    part = np.where(np.isfinite(part), part, np.nanmedian(part))
    excess, *halves = (_profile(p) for p in (part, part[: len(part) // 2], part[len(part) // 2 :]))
    at, nothing = x - x0, slice(0, 0)
    sign = np.sign(limit)
    excess = sign * excess
    body = excess > max(0.3 * excess[at], abs(limit))
    # a few bright spots on a line are no fault of the line
    if not body[at] or any(sign * half[at] < excess[at] / 2 for half in halves):
        return nothing
    first = last = at
    while first > 0 and body[first - 1]:
        first -= 1
    while last < len(body) - 1 and body[last + 1]:
        last += 1
    if first == 0 or last == len(body) - 1 or last - first + 1 > _WIDEST:
        return nothing
    inner, top = excess[first : last + 1].min(), excess[first : last + 1].max()
    beside = max(excess[first - 1], excess[last + 1])
    if inner < _EVEN * top or beside > _SHARP * top + noise:
        return nothing
    return slice(x0 + first, x0 + last + 1)


def _profile(part: np.ndarray) -> np.ndarray:
    """Mean along lines without the highest and lowest pixels, less the median over the lines."""
    cut = int(np.ceil(_TRIM * len(part)))
    means = np.sort(part, axis=0)[cut : len(part) - cut].mean(0)
    return np.asarray(means - np.median(means))


def find_constant(frame: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Find whole rows and columns that hold one and the same lowest, highest or zero value.

    Where counts are few, a row without electrons is nothing: the rows beside must show in each
    eighth that electrons would have come.

    Parameters
    ----------
    frame
        (Y, X).

    Returns
    -------
    Masks (Y, X) bool of single rows and of single columns, and a mask of parts never written.
    """
    unwritten = np.zeros(frame.shape, bool)
    lines = []
    for turned, blank in ((frame, unwritten), (frame.T, unwritten.T)):
        found = np.zeros(turned.shape, bool)
        constant = _constant_rows(turned)
        if constant.any() and not constant.all():
            extremes = (0, np.nanmin(frame), np.nanmax(frame))
            edges = np.flatnonzero(np.diff(np.r_[0, constant, 0]))
            for start, stop in zip(edges[::2], edges[1::2], strict=True):
                value = turned[start, 0]
                if (
                    value in extremes
                    and _alive_beside(turned, start, stop, value)
                    and _is_cut_off(turned, start, stop, value)
                ):
                    (found if stop - start <= _BLANK else blank)[start:stop] = True
                    if stop - start > _BLANK:
                        _add_rest(turned, blank, start, stop, value)
        lines.append(found)
    return [lines[0], lines[1].T], unwritten


def _constant_rows(frame: np.ndarray) -> np.ndarray:
    some = frame[:, :: max(1, frame.shape[1] // 16)]
    constant: np.ndarray = (some == some[:, :1]).all(1)
    rows = np.flatnonzero(constant)
    constant[rows] = (frame[rows] == frame[rows, :1]).all(1)
    return constant


def _alive_beside(frame: np.ndarray, start: int, stop: int, value: float) -> bool:
    """Whether the rows on each side of a blank part hold other values all along."""
    alive: list[bool] = []
    for rows in (frame[max(start - _NEAR, 0) : start], frame[stop : stop + _NEAR]):
        if len(rows):
            other = (rows != value).sum(0)
            parts = np.array_split(other, _GROUPS)
            nearest = rows[-2:] if len(alive) == 0 and start else rows[:2]
            expected = (nearest != value).sum(1).mean() * (stop - start)
            alive.append(min(int(p.sum()) for p in parts) >= _ALIVE and expected >= _EXPECTED)
    return bool(alive) and all(alive)


def _is_cut_off(frame: np.ndarray, start: int, stop: int, value: float) -> bool:
    """Whether the rows beside a blank part are as bright as those a little farther.

    A specimen fades into a vacuum that the detector shows as one value.
    """
    beside = frame[max(start - _FARTHER, 0) : start][::-1], frame[stop : stop + _FARTHER]
    return all(len(rows) <= _NEAR or begins_at_once(brightness(rows, value)) for rows in beside)


def brightness(rows: np.ndarray, value: float) -> np.ndarray:
    """(N,) mean distance of rows (N, X) from the value of a part without data."""
    result: np.ndarray = np.abs(
        np.nan_to_num(rows.astype(np.float64) - float(value), posinf=0.0, neginf=0.0)
    ).mean(1)
    return result


def begins_at_once(bright: np.ndarray) -> bool:
    """Whether rows of this brightness (N,) beside a part without data hold the image at once.

    Of the first row only the beginning may have been written, so the first two tell.
    """
    return bool(bright[:_BESIDE].max() >= _CUT * bright[_BESIDE:].max())


def _add_rest(frame: np.ndarray, blank: np.ndarray, start: int, stop: int, value: float) -> None:
    """Add the rest of the last row written, of which the beginning was."""
    for row, step in ((start - 1, -1), (stop, 1)):
        if 0 <= row < len(frame):
            other = np.flatnonzero(frame[row] != value)
            before = frame[row + step] if 0 <= row + step < len(frame) else None
            if len(other) and before is not None:
                rest = slice(int(other[-1]) + 1, None)
                share = float((before[rest] == value).mean()) if before[rest].size else 1.0
                # as many of one value in a row must be beyond chance
                if before[rest].size * -np.log(max(share, 1e-9)) > chance.RARITY:
                    blank[row, rest] = True
