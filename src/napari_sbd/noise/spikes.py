"""Hot and dead pixels, X-rays and cosmic rays: what is too high or low, and too sharp, for an image.

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
from .screen import DIFFERENCE, TILE, Screen, differences, strip

_BODY = 0.3  # of the excess of a pixel, which those of the same event exceed
_LEVEL = 5.0  # standard deviations that they exceed as well
_SHARP = 0.1  # of the excess of an event, which the pixels around it do not reach
_DETAIL = 3.0  # of the 97th percentile of differences in the surroundings, to be exceeded
_WINDOWS = 16, 48, 144  # px, half of the surroundings that are looked at, until an event fits
_LARGEST = 400  # pixels of an event; more is part of the scene
_STREAK = 6  # px, length from which a narrow event is a streak

Event = tuple[np.ndarray, str]
"""(n, 2) pixels y, x, and what they are."""


def find_spikes(frame: np.ndarray, missing: np.ndarray | None, seen: Screen) -> list[Event]:
    """Find pixels, clusters and streaks that are no part of the image.

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
    The events: "hot", "dead", "cluster" or "streak".
    """
    events: list[Event] = []
    taken: set[tuple[int, int]] = set()
    for y, x, sign in _candidates(frame, missing, seen):
        if (y, x) in taken:
            continue
        noise = float(np.sqrt(seen.variance[y // TILE, x // TILE] / DIFFERENCE))
        pixels, sharp = _event(frame, missing, y, x, sign, noise)
        taken.update(map(tuple, pixels.tolist()))
        if sharp:
            events.append((pixels, _kind(pixels, sign)))
    return events


def _candidates(
    frame: np.ndarray, missing: np.ndarray | None, seen: Screen
) -> Iterator[tuple[int, int, int]]:
    """y, x and sign of all pixels beyond the limits of their tiles, the farthest first."""
    sigma = np.sqrt(seen.variance)
    high = np.maximum(
        chance.excess(seen.variance, seen.event), sigma * _tail(seen.highest / sigma)
    )
    # chance takes away less than it adds, where electrons are few
    low = sigma * np.maximum(np.sqrt(2 * chance.RARITY), _tail(-seen.lowest / sigma))
    suspect = (seen.highest > high) | (seen.lowest < -low)
    found = []
    span = seen.level - 1e30, seen.level + 1e30
    for row in np.flatnonzero(suspect.any(1)):
        at = int(row) * TILE
        x = strip(frame, at, TILE, seen.level, *span)
        gaps = None if missing is None else strip(missing, at, TILE, 0.0, 0.0, 1.0) > 0
        d, _ = differences(x, gaps)
        for sign, limit in ((1, high), (-1, low)):
            ratio = sign * d / limit[row].repeat(TILE)
            ys, xs = np.nonzero(ratio > 1)
            inside = (ys + at < frame.shape[0]) & (xs < frame.shape[1])
            found += [
                (float(ratio[y, x]), y + at, x, sign)
                for y, x in zip(ys[inside].tolist(), xs[inside].tolist(), strict=True)
            ]
    for _, y, x, sign in sorted(found, reverse=True):
        yield y, x, sign


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
    return float(far + scale * (chance.np.log(1e7) - rarer[1]))


def _event(
    frame: np.ndarray, missing: np.ndarray | None, y: int, x: int, sign: int, noise: float
) -> tuple[np.ndarray, bool]:
    """Pixels (n, 2) that stand out together with one of them, and whether they are an outlier."""
    from scipy.ndimage import label

    for half in _WINDOWS:
        y0, x0 = max(y - half, 0), max(x - half, 0)
        here = np.s_[y0 : y + half + 1, x0 : x + half + 1]
        values = sign * frame[here].astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        if missing is not None:
            values[missing[here]] = np.nan
        at = y - y0, x - x0
        level = np.nanmedian(values)
        scatter = max(noise, 1.4826 * float(np.nanmedian(np.abs(values - level))))
        high = values - level > max(_LEVEL * scatter, _BODY * (values[at] - level))
        high[at] = True
        labels, _ = label(high, np.ones((3, 3)))
        body = labels == labels[at]
        ys, xs = np.nonzero(body)
        pixels = np.stack([ys + y0, xs + x0], 1)
        if len(pixels) > _LARGEST:
            return pixels, False
        edges = (ys == 0) & (y0 > 0), (ys == values.shape[0] - 1), (xs == 0) & (x0 > 0)
        if not any(e.any() for e in edges) and not (xs == values.shape[1] - 1).any():
            break
        if half == _WINDOWS[-1]:
            break
    return pixels, _is_outlier(values, body, at, noise)


def _is_outlier(values: np.ndarray, body: np.ndarray, at: tuple[int, int], noise: float) -> bool:
    """Whether an event has sharp edges and exceeds the detail around it."""
    from scipy.ndimage import binary_dilation

    beside = binary_dilation(body) & ~body & np.isfinite(values)
    near = binary_dilation(body, np.ones((3, 3)))
    around = binary_dilation(near, np.ones((3, 3))) & ~near & np.isfinite(values)
    if not around.any():
        return False
    base = np.median(values[around])
    peak = values[body].mean() - base
    allowed = _SHARP * peak + noise / np.sqrt(max(beside.sum(), 1))
    if beside.any() and np.median(values[beside]) - base > allowed:
        return False
    padded = np.pad(values, 1, mode="reflect")
    others = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    held = np.isfinite(others)
    mean = np.where(held, others, 0).sum(0) / np.maximum(held.sum(0), 1)
    detail = np.abs(values - mean)[~near & np.isfinite(values)]
    if not detail.size:
        return False
    return bool(values[at] - mean[at] > _DETAIL * np.quantile(detail, 0.97))


def _kind(pixels: np.ndarray, sign: int) -> str:
    if len(pixels) == 1:
        return "hot" if sign > 0 else "dead"
    span = int(np.ptp(pixels, axis=0).max()) + 1
    return "streak" if span >= _STREAK and len(pixels) < 3 * span else "cluster"
