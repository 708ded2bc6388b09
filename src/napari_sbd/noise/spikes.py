"""Hot and dead pixels, X-rays, cosmic rays: what is too high or low, and too sharp, for an image.

Three things must come together. A pixel differs from its neighbours by more than chance allows;
by more than the detail of this image does (the differences of all tiles, continued as an
exponential tail, and those in the surroundings); and its edge is sharper than what comes through a
lens: atoms, diffraction spots and the light of one electron in a scintillator reach into the
neighbouring pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import chance
from .neighbours import take_down
from .screen import DIFFERENCE, TILE, Screen, differences, rows_of_tiles

_BODY = 0.5  # of the highest pixel of an event, which its bright ones exceed
_LEVEL = 5.0  # standard deviations of the surroundings that all its pixels exceed
SHARP = 0.07  # of an event, which the pixels around its bright ones do not reach
_CLIFF = 0.03  # of a bright pixel, below which a neighbour leaves no doubt
_SHARES = 0.98, 0.995  # of the pixels around an event, whose detail is continued
_CROWD = 0.02  # of the pixels around, up to which others may be defects
_RARE = 1e-6  # share of the pixels up to which it is
_SQUARE = np.ones((3, 3), bool)
CONTINUED = 0.76, 0.63  # to a pixel and to its neighbours, from the mean squared distances
_WINDOWS = 16, 48, 144  # px, half of the surroundings that are looked at, until an event fits
_LARGEST = 400  # pixels of an event; more is part of the scene
_STREAK = 6  # px, length from which a narrow event is a streak

Event = tuple[np.ndarray, str]
"""(n, 2) pixels y, x, and what they are."""


def find_spikes(
    frame: np.ndarray,
    missing: np.ndarray | None,
    seen: Screen,
    usual: tuple[np.ndarray, Screen] | None = None,
) -> list[Event]:
    """Find pixels, clusters and streaks that are no part of the image.

    Parameters
    ----------
    frame
        (Y, X).
    missing
        (Y, X) bool, pixels without data; None where all hold data.
    seen
        What ``screen`` found.
    usual
        A frame that tells noise and detail, and what ``screen`` found in it; itself by default.

    Returns
    -------
    The events: "hot", "dead", "cluster" or "streak".
    """
    plain, normal = usual or (frame, seen)
    events: list[Event] = []
    taken: set[tuple[int, int]] = set()
    for y, x, sign, limit in _candidates(frame, missing, seen, normal):
        if (y, x) in taken:
            continue
        noise = float(np.sqrt(normal.variance[y // TILE, x // TILE] / DIFFERENCE))
        pixels, outlier = _event(frame, plain, missing, (y, x), sign, noise, limit)
        taken.update(map(tuple, pixels.tolist()))
        if outlier:
            events.append((pixels, _kind(pixels, sign)))
    return events


def _candidates(
    frame: np.ndarray, missing: np.ndarray | None, seen: Screen, normal: Screen
) -> Iterator[tuple[int, int, int, float]]:
    """y, x, sign and limit of all pixels beyond the limits of their tiles, the farthest first."""
    high, low = limits(normal)
    suspect = (seen.highest > high) | (seen.lowest < -low)
    found = []
    for top, d in rows_of_tiles(frame, missing, seen.level, np.flatnonzero(suspect.any(1))):
        for sign, limits_of in ((1, high), (-1, low)):
            ratio = sign * d / limits_of[top // TILE].repeat(TILE)[: frame.shape[1]]
            found += [
                (float(ratio[y, x]), int(y) + top, int(x), sign) for y, x in np.argwhere(ratio > 1)
            ]
    for _, y, x, sign in sorted(found, reverse=True):
        limit = float((high if sign > 0 else low)[y // TILE, x // TILE])
        near = frame[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        # most are neighbours of one that is out of the ordinary
        if sign * (float(frame[y, x]) - float(np.nanmedian(near.astype(np.float64)))) > limit / 2:
            yield y, x, sign, limit


def limits(seen: Screen) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) differences from its neighbours that a pixel of a tile hardly ever has, up and down.

    Parameters
    ----------
    seen
        What ``screen`` found.
    """
    sigma = np.sqrt(seen.variance)
    high = np.maximum(chance.excess(seen.variance, seen.event), sigma * _tail(seen.highest / sigma))
    # chance takes away less than it adds, where electrons are few
    low = sigma * np.maximum(np.sqrt(2 * chance.RARITY), _tail(-seen.lowest / sigma))
    return high, low


def _tail(highest: np.ndarray) -> float:
    """What one pixel in 10^7 exceeds, from the highest pixel of each tile.

    Continued from two quantiles as an exponential, which is what the electrons of a scintillator
    give, and more than Gaussian noise does.
    """
    few = highest.size < 400  # a single event must not reach the upper one
    shares = (0.5, 0.85) if few else (0.75, 0.97)
    near, far = np.quantile(highest, shares, method="lower")
    rarer = [-np.log(-np.log(share) / TILE**2) for share in shares]
    scale = max(0.0, float(far - near)) / (rarer[1] - rarer[0])
    return float(far + scale * (np.log(1e7) - rarer[1]))


def _event(
    frame: np.ndarray,
    plain: np.ndarray,
    missing: np.ndarray | None,
    seed: tuple[int, int],
    sign: int,
    noise: float,
    limit: float,
) -> tuple[np.ndarray, bool]:
    """Pixels (n, 2) that stand out together with one of them, and whether they are an outlier."""
    for half in _WINDOWS:
        # as many pixels at the border of a frame: of few, a second event would be one in a hundred
        side = 2 * half + 1
        corner = tuple(
            max(min(c - half, n - side), 0) for c, n in zip(seed, frame.shape, strict=True)
        )
        here = tuple(slice(c, c + side) for c in corner)
        values = sign * frame[here].astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        if missing is not None:
            values[missing[here]] = np.nan
        at = seed[0] - corner[0], seed[1] - corner[1]
        level = np.nanmedian(values)
        scatter = max(noise, 1.4826 * float(np.nanmedian(np.abs(values - level))))
        high = max(_LEVEL * noise, _BODY * (values[at] - level))
        body = _connected(values > level + min(_LEVEL * scatter, high), at)
        pixels = np.argwhere(body) + corner
        if len(pixels) > _LARGEST:
            return pixels, False
        if (np.abs(pixels - seed) < half).all():
            break
    detail = values if plain is frame else np.where(np.isfinite(values), plain[here], np.nan)
    return pixels, _is_outlier(values, body, at, noise, limit, detail)


def _connected(mask: np.ndarray, at: tuple[int, int]) -> np.ndarray:
    """The part of a mask that is connected with a pixel, this included."""
    from scipy.ndimage import label

    mask = mask.copy()
    mask[at] = True
    labels, _ = label(mask, _SQUARE)
    return np.asarray(labels == labels[at])


def _is_outlier(
    values: np.ndarray,
    body: np.ndarray,
    at: tuple[int, int],
    noise: float,
    limit: float,
    plain: np.ndarray,
) -> bool:
    """Whether an event stands out, has sharp edges and exceeds the detail around it."""
    from scipy.ndimage import binary_dilation

    held = np.isfinite(values)
    near = binary_dilation(body, _SQUARE)
    second = binary_dilation(near, _SQUARE)
    third = binary_dilation(second, _SQUARE) & ~second & held
    second &= ~near & held
    if not second.any() or not third.any():
        return False
    # the scene is continued to the event as a parabola, from pixels 2 and 3 away
    base = np.median(values[second])
    slope = base - np.median(values[third])
    if values[at] - (base + CONTINUED[0] * slope) < 0.9 * limit:
        return False  # the neighbours are out of the ordinary, not this one
    top = values[body].max() - base
    bright = _connected(body & (values - base > _BODY * top), at)
    beside = binary_dilation(bright) & ~bright & held
    mean = values[bright].mean() - base
    if beside.any() and not _has_cliff(values - base, bright, noise):
        allowed = SHARP * mean + noise / np.sqrt(beside.sum())
        if np.median(values[beside]) - (base + CONTINUED[1] * slope) > allowed:
            return False
    own = _difference(values)
    rise, d = own[at], np.abs(own if plain is values else _difference(plain))
    if rise > continued(d[~near & held]):
        return True
    # others of its kind beside it are no detail
    around = plain.copy()
    towers, _ = take_down(around, np.argwhere(d > _LEVEL * noise), 0.0)
    few = len(towers) <= _CROWD * values.size
    return bool(few and rise > continued(np.abs(_difference(around))[~near & held]))


def _has_cliff(excess: np.ndarray, bright: np.ndarray, noise: float) -> bool:
    """Whether a bright pixel stands beside one of the background: an X-ray's, ragged inside."""
    deep = np.pad(excess + 2 * noise, 1, constant_values=np.inf)
    beside = np.fmin.reduce([deep[:-2, 1:-1], deep[2:, 1:-1], deep[1:-1, :-2], deep[1:-1, 2:]])
    return bool((bright & (beside < _CLIFF * excess)).any())


def _difference(values: np.ndarray) -> np.ndarray:
    """Each pixel less the mean of its four neighbours, NaN without data."""
    padded = np.pad(values, 1, mode="reflect").astype(np.float64)
    d, _ = differences(padded, ~np.isfinite(padded))
    return np.where(np.isfinite(values), d, np.nan)


def continued(differences: np.ndarray) -> float:
    """What pixels in the surroundings hardly ever exceed, continued as in ``_tail``."""
    if not differences.size:
        return float("inf")
    near, far = np.quantile(differences, _SHARES)
    scale = (far - near) / np.log((1 - _SHARES[0]) / (1 - _SHARES[1]))
    return float(far + scale * np.log((1 - _SHARES[1]) / _RARE))


def _kind(pixels: np.ndarray, sign: int) -> str:
    if len(pixels) == 1:
        return "hot" if sign > 0 else "dead"
    span = int(np.ptp(pixels, axis=0).max()) + 1
    return "streak" if span >= _STREAK and len(pixels) < 3 * span else "cluster"
