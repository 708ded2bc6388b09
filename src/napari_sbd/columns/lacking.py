"""Displacements of columns that data show in a pattern and the denoised image does not.

A network that expects a lattice follows slow bends of it, and hardly waves of a few spacings. In a
single column that is less than the noise, in many together it is not: of places in the image less
those in the data, the noise is independent from column to column, or less than that where the
network draws on others, so its periodogram is at most exponential.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SHORTEST = 2.5  # spacings of a wave
_MOST = 48  # waves along a side of the field
_CHANCE = 1e-3  # that noise shows a wave anywhere
_FEWEST = 40  # columns
_SMALL = 0.5  # of a typical error of a place, below which a wave is not told
_FAR = 5.0  # median absolute deviations, beyond which a column counts as that much


@dataclass(frozen=True)
class Wave:
    """The strongest wave of the displacements that an image lacks.

    Parameters
    ----------
    period
        [px]
    amplitude
        Along y or x [px].
    together
        Root mean square of all such waves, along y or x [px].
    """

    period: float
    amplitude: float
    together: float


def lacking(points: np.ndarray, raw: np.ndarray, error: np.ndarray) -> Wave | None:
    """Find waves in what places in an image differ from those in the data.

    Parameters
    ----------
    points, raw
        (N, 2) y, x of the columns in the image and in the data [px]; NaN where these do not tell.
    error
        (N, 2) of the places in the image [px].

    Returns
    -------
    None where noise alone may look like that, or the strongest wave is small beside the errors.
    """
    from ..spots import spacing as nearest

    told = np.isfinite(points + raw + error).all(1)
    points, error = points[told], error[told]
    count = len(points)
    if count < _FEWEST:
        return None
    off, spacing = _within(points - raw[told]), nearest(points)
    field = np.ptp(points, axis=0) + spacing
    most = np.minimum(field / (_SHORTEST * spacing), _MOST).astype(int)
    y, x = np.arange(most[0] + 1) / field[0], np.arange(-most[1], most[1] + 1) / field[1]
    waves = (
        np.exp(-2j * np.pi * np.outer(y, points[:, 0])),
        np.exp(-2j * np.pi * np.outer(points[:, 1], x)),
    )
    frequency = np.hypot(y[:, None], x[None])
    # one of each pair of opposite waves; the mean is none
    seen = (frequency > 0) & (frequency < 1 / (_SHORTEST * spacing))
    seen[0, : most[1] + 1] = False
    amplitude = np.array([2 / count * np.abs((waves[0] * o) @ waves[1]) for o in off.T])
    variance = off.var(0)[:, None, None]
    noise = 4 * variance / count  # of the squared amplitude
    clear = seen & (amplitude**2 > noise * np.log(2 * max(seen.sum(), 1) / _CHANCE))
    place = np.unravel_index(np.argmax(np.where(clear, amplitude, 0)), amplitude.shape)
    if not clear.any() or amplitude[place] < _SMALL * np.median(error):
        return None
    power = float(np.where(clear, amplitude**2 - noise, 0).sum()) / 2
    return Wave(
        float(1 / frequency[place[1:]]),
        float(amplitude[place]),
        float(np.sqrt(power / off.shape[1])),
    )


def _within(off: np.ndarray) -> np.ndarray:
    """Differences (N, 2) about their median, those far from it brought nearer."""
    off = off - np.median(off, 0)
    most = _FAR * np.median(np.abs(off), 0)
    result: np.ndarray = np.clip(off, -most, most)
    return result
