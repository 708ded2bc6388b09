"""Is the white part of a noise spectrum read-out noise, which brightness does not change?

A point spread damps the noise of the electrons, and the read-out adds noise that it does not damp.
Both make a spectrum that falls to a floor. Where the floor is of the read-out it takes no part in
how the noise grows with brightness; where it is of the electrons (a camera that spreads only some
of them) it does. So two filters, of which one passes hardly anything but the floor, are compared by
how much the noise behind each grows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .spectrum import Shape, fast_filter
from .tiles import tiles_of
from .variance_line import jackknifed

_FASTEST = 0.3  # cycles per pixel, which the faster filter passes half of
_ALIKE = 0.98  # ratio of two growths, above which they tell no noise apart
_FAINT = 1e-3  # of the slow noise: a floor that changes nothing


@dataclass(frozen=True)
class Floor:
    """What a white floor takes part in.

    Parameters
    ----------
    share, share_err
        Of the electrons' noise that passes the filter of the tiles, relative to white noise, and
        its relative standard error.
    read, read_err
        Variance of the noise that does not grow with brightness [file units^2].
    """

    share: float
    share_err: float
    read: float = 0.0
    read_err: float = 0.0


def white_floor(
    shape: Shape,
    power: float,
    kernel: np.ndarray,
    pairs: list[tuple[np.ndarray, np.ndarray]],
    tiles: tuple[np.ndarray, np.ndarray],
    read: float | None = None,
) -> Floor:
    """Tell it.

    Parameters
    ----------
    shape, power
        Of correlated noise, and its power at frequency zero.
    kernel
        Filter of the tiles.
    pairs
        Images and what their noise is taken from, (Y, X) each.
    tiles
        (h, w) mean and noise variance of tiles behind ``kernel``, NaN where unknown.
    read
        Variance of the read-out noise, where a dark region tells it.
    """
    floor, falls = shape.floor, 1 - shape.floor
    white = floor * power
    if floor < _FAINT:
        return Floor(shape.passed(kernel), 0.0)
    damped = replace(shape, floor=0.0).passed(kernel)

    def share(read: float) -> float:
        left = white - float(np.clip(read, 0, white))
        return (falls * power * damped + left) / (falls * power + left)

    if read is not None:
        return Floor(share(read), 0.0)
    mean, variance = tiles
    fast = fast_filter(_FASTEST)
    behind = np.mean([tiles_of(m, n, fast, white=False)[1] for m, n in pairs], 0)
    held = np.where(np.isfinite(variance), mean, np.nan)
    (found,), (error,) = jackknifed(_steady, held, variance + 1j * behind)
    low, likely, high = (share(found + s * error) for s in (-1, 0, 1))
    steady = float(np.clip(found, 0, white))
    unsure = max(abs(high - likely), abs(low - likely)) / likely
    return Floor(likely, unsure, steady, float(min(error, white)))


def _steady(mean: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """White noise that does not grow with brightness, from the noise of tiles behind a filter (real
    part) and a faster one (imaginary part), both of unit energy.

    The faster one passes less of the electrons' noise, by the ratio of how both grow; both pass all
    of the other, so its variance follows from the two without any shape of the spectrum.
    """
    slow, fast = behind.real, behind.imag
    grows = float(np.cov(mean, slow)[0, 1])
    ratio = float(np.cov(mean, fast)[0, 1]) / grows if grows > 0 else 0.0
    ratio = float(np.clip(ratio, 0.0, _ALIKE))
    return np.array([(fast.mean() - ratio * slow.mean()) / (1 - ratio)])
