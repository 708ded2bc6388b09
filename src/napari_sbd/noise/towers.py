"""Hot and dead pixels so many that they hide in the statistics from which few are told.

Where one pixel in a thousand is hot, so is a part of every fifteenth tile, and what is rare in the
frame is no longer known from its tiles. Such pixels are told from their own eight neighbours first.
Without these *towers* noise and detail are known again, and each must stand out of these as any hot
pixel must.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .neighbours import AROUND, shifted, take_down
from .screen import DIFFERENCE, TILE, Screen, differences, rows_of_tiles, screen
from .spikes import CONTINUED, SHARP, Event, continued, find_spikes, limits

_CROWDED = 0.995  # of the tiles, beyond which extreme ones tell what is rare in all
_USUAL = 0.25  # of the tiles, which hot pixels do not reach
_RISE = 4.0, 2.5  # spreads of the values that noise does not reach up and down in so many tiles
_PEELS = 3
_MOST = 0.05  # of the pixels; more are the scene's
_STEEP = 0.08  # of an extreme, which half its neighbours do not reach
_LATTICE = 20  # towers, from which their order is told
_REGULAR = 1.3  # of the mean distance that chance gives
_BLOCK = 32  # px along a side, over which detail is taken to be even
_BESIDE = [(-1, 0), (1, 0), (0, -1), (0, 1)]

Scene = tuple[np.ndarray, np.ndarray]
"""(n,) median of the pixels at two from each tower, and how much higher than at three."""


@dataclass(frozen=True, eq=False)
class Towers:
    """What rises above its neighbours, and the frame without it.

    Parameters
    ----------
    at
        (n, 2) pixels y, x.
    sign
        (n,) 1 for what is too high, -1 for what is too low.
    alone
        (n,) bool, whether at most one neighbour rises with it.
    plain
        (Y, X) float64, the frame with the median of the neighbours in their place; NaN without
        data.
    seen
        What ``screen`` tells of that.
    """

    at: np.ndarray
    sign: np.ndarray
    alone: np.ndarray
    plain: np.ndarray
    seen: Screen


def find_crowd(frame: np.ndarray, missing: np.ndarray | None, seen: Screen) -> list[Event]:
    """Find pixels that are no part of the image, where they are so frequent that they matter.

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
    "hot", "dead", "cluster" and "streak"; none where what rises is the scene's.
    """
    towers = _towers(frame, missing, seen)
    if towers is None:
        return []
    # what chance raises belongs to the noise, beyond which the others are judged
    beyond = _beyond_chance(frame, towers, _scene(towers))
    plain = towers.plain.copy()
    back = tuple(towers.at[~beyond].T)
    plain[back] = frame[back]
    usual = screen(plain, missing)
    rest = Towers(towers.at[beyond], towers.sign[beyond], towers.alone[beyond], plain, usual)
    scene = _scene(rest)
    sure = rest.alone & _beyond_chance(frame, rest, scene) & _are_sharp(frame, rest, scene)
    single = [
        (pixel[None], "hot" if sign > 0 else "dead")
        for pixel, sign in zip(rest.at[sure], rest.sign[sure], strict=True)
    ]
    others = frame.astype(np.float64)
    gone = tuple(rest.at[sure].T)
    others[gone] = plain[gone]
    return single + find_spikes(others, missing, screen(others, missing), (plain, usual))


def is_crowded(seen: Screen) -> bool:
    """Whether so many tiles hold an extreme that it is no longer known what is rare."""
    for extreme, spreads in ((seen.highest, _RISE[0]), (-seen.lowest, _RISE[1])):
        usual, often = np.quantile(extreme, (_USUAL, _CROWDED))
        if often > spreads * max(float(usual), seen.spread):
            return True
    return False


def are_steep(frame: np.ndarray, missing: np.ndarray | None, seen: Screen) -> bool:
    """Whether most extremes of a crowded frame rise from their surroundings as no lens draws.

    Half the neighbours of a pixel, or of one in a cluster, are of the background; those of an
    atom share its light.

    Parameters
    ----------
    frame, missing, seen
        As in ``find_crowd``.
    """
    values = _values(frame, missing)
    at = _suspects(frame, missing, seen, _RISE[1])
    at = at[np.abs(values[tuple(at.T)] - seen.level) > _RISE[1] * seen.spread]
    if not len(at):
        return False
    height = values[tuple(at.T)]
    near = np.sort(np.stack([shifted(values, at, step) for step in AROUND]), 0)
    high = height > seen.level
    half, end = np.where(high, near[[3, 0]], near[[4, 7]])
    with np.errstate(divide="ignore", invalid="ignore"):  # of plateaus
        slope = (half - end) / (height - end)
    return bool(np.median(slope[np.isfinite(slope)]) < _STEEP)


def _towers(frame: np.ndarray, missing: np.ndarray | None, seen: Screen) -> Towers | None:
    """Those of a frame; None without any, and where they are the scene's."""
    values = _values(frame, missing)
    suspects, least = _suspects(frame, missing, seen, 1.0), seen.spread / 2
    found = [take_down(values, suspects, least)]
    for _ in range(_PEELS):  # what stands beside one of them rises alone when that is gone
        taken = np.zeros(frame.shape, bool)
        taken[tuple(np.concatenate([at for at, _ in found]).T)] = True
        suspects = suspects[~taken[tuple(suspects.T)]]
        found.append(take_down(values, suspects, least, beside=3))
    at, sign = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not 0 < len(at) <= _MOST * frame.size or _are_regular(at, frame.size):
        return None
    alone = np.arange(len(at)) < len(found[0][0])
    return Towers(at, sign, alone, values, screen(values, missing))


def _values(frame: np.ndarray, missing: np.ndarray | None) -> np.ndarray:
    """(Y, X) float64, NaN without data."""
    values = frame.astype(np.float64)
    if missing is not None:
        values[missing] = np.nan
    return values


def _are_regular(at: np.ndarray, size: int) -> bool:
    """Whether pixels keep a distance, as the atoms of a lattice do and defects do not.

    The mean distance to the nearest other is half the root of the area for each, where chance put
    them (Clark and Evans, Ecology 35, 445, 1954).
    """
    from scipy.spatial import cKDTree

    if len(at) < _LATTICE:
        return False
    distance = cKDTree(at).query(at, 2)[0][:, 1].mean()
    return bool(distance > _REGULAR * 0.5 * np.sqrt(size / len(at)))


def _suspects(
    frame: np.ndarray, missing: np.ndarray | None, seen: Screen, spreads: float
) -> np.ndarray:
    """(n, 2) pixels that differ from their neighbours by more than some spreads."""
    least = spreads * seen.spread
    rows = np.flatnonzero(((seen.highest > least) | (-seen.lowest > least)).any(1))
    found = [np.zeros((0, 2), int)]
    for top, d in rows_of_tiles(frame, missing, seen.level, rows):
        found.append(np.argwhere(np.abs(d) > least) + np.array([top, 0]))
    return np.concatenate(found)


def _beyond_chance(frame: np.ndarray, towers: Towers, scene: Scene) -> np.ndarray:
    """(n,) bool, whether a tower exceeds the scene by more than chance does."""
    base, slope = scene
    excess = frame[tuple(towers.at.T)] - (base + CONTINUED[0] * slope)
    high, low = (limit[tuple(towers.at.T // TILE)] for limit in limits(towers.seen))
    beyond: np.ndarray = np.where(towers.sign > 0, excess > 0.9 * high, -excess > 0.9 * low)
    return beyond


def _are_sharp(frame: np.ndarray, towers: Towers, scene: Scene) -> np.ndarray:
    """(n,) bool, whether a tower is sharper than a lens draws, and than the detail around it."""
    at, sign, (base, slope) = towers.at, towers.sign, scene
    values = frame[tuple(at.T)].astype(np.float64)
    beside = _middle(towers.plain, at, _BESIDE)
    noise = np.sqrt(towers.seen.variance[tuple(at.T // TILE)] / DIFFERENCE)
    allowed = SHARP * sign * (values - base) + noise / 2
    soft = sign * (beside - (base + CONTINUED[1] * slope)) > allowed
    sharp: np.ndarray = ~soft & (np.abs(values - beside) > _detail(towers.plain, at))
    return sharp


def _scene(towers: Towers) -> Scene:
    near, far = (_middle(towers.plain, towers.at, _ring(radius)) for radius in (2, 3))
    return near, near - far


def _ring(radius: int) -> list[tuple[int, int]]:
    steps = range(-radius, radius + 1)
    return [(y, x) for y in steps for x in steps if max(abs(y), abs(x)) == radius]


def _middle(values: np.ndarray, at: np.ndarray, steps: list[tuple[int, int]]) -> np.ndarray:
    """(n,) median of the pixels some steps from each place; NaN where none holds data."""
    around = np.stack([shifted(values, at, step) for step in steps])
    held = np.isfinite(around).any(0)
    middle: np.ndarray = np.nanmedian(np.where(held, around, 0), 0)
    return np.where(held, middle, np.nan)


def _detail(plain: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n,) what differences in the block of each place hardly ever exceed."""
    padded = np.pad(plain, 1, mode="reflect")
    d, _ = differences(padded, ~np.isfinite(padded))
    size = np.where(np.isfinite(plain), np.abs(d), np.nan)
    rows, columns = (range(0, n, _BLOCK) for n in plain.shape)
    usual = [[_of_block(size[y : y + _BLOCK, x : x + _BLOCK]) for x in columns] for y in rows]
    return np.asarray(np.array(usual)[tuple(at.T // _BLOCK)])


def _of_block(size: np.ndarray) -> float:
    return continued(size[np.isfinite(size)])
