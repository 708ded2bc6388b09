"""Do lines of pixels hang together, as an uneven read-out or scan makes them?"""

from __future__ import annotations

import numpy as np

from .covariance import Covariance

_LONG = 48  # px of a line, whose sums are compared with those of the lines beside
_SHORTEST = 16
_FEWEST = 30  # such sums
_CLIPPED = 6.0  # standard deviations, beyond which a sum adds no more
_EXCESS = 1.5  # times the expected variance, below which z and errors hardly change
_CHANCE = 8.0  # over the root of the number of sums
# pairs of lines against those beside: what changes from line to line alone cancels out of z, too
_BESIDE = np.array([-0.25, -0.25, 0.5, 0.5, -0.25, -0.25])
_LEAST_LINES = 64  # of an image, and pixels of each, that can show their offsets
_FAST = 0.7  # of the highest frequency across lines, beyond which hardly any signal is left
_TAPS = 15  # lines, over which that is told: an edge of the specimen along a line spoils so many
_WAVES = 8  # half waves along the lines, whose amplitudes have the noise of the lines' means
_CLEAR = 3.0  # times their variance, from which offsets are beyond doubt
_WITHIN = 0.6827  # share of normal deviates up to their standard deviation


def line_excess(off: np.ndarray, noise: Covariance | None) -> tuple[float | None, float | None]:
    """How much more sums along rows and along columns scatter than the noise of pixels lets expect.

    Each two are compared with those of the lines beside, so that hardly anything of the specimen is
    left, and nothing of slow drift.

    Parameters
    ----------
    off
        (Y, X) what was removed, in standard deviations of slow noise; NaN without data.
    noise
        How it hangs together; None where it is independent.

    Returns
    -------
    Variance over that expected, along x and along y; None where it is within chance or does no
    harm.
    """
    along_x, along_y = _excess(off, noise, False), _excess(off.T, noise, True)
    return along_x, along_y


def _excess(off: np.ndarray, noise: Covariance | None, turned: bool) -> float | None:
    long = min(_LONG, off.shape[1])
    number = off.shape[1] // long
    if long < _SHORTEST or len(off) < len(_BESIDE):
        return None
    sums = off[:, : number * long].reshape(len(off), number, long).sum(-1)
    lines = len(off) - len(_BESIDE) + 1
    beside = np.array([w * sums[i : i + lines] for i, w in enumerate(_BESIDE)]).sum(0)
    beside = beside[np.isfinite(beside)]
    if beside.size < _FEWEST:
        return None
    weights = np.outer(_BESIDE, np.ones(long))
    usual = (weights**2).sum()
    if noise is None:
        usual *= float(np.nanmean(off**2))
    else:
        usual *= noise.error_ratio(weights.T if turned else weights) ** 2
    if not usual > 0:
        return None
    excess = float(np.minimum(beside**2 / usual, _CLIPPED**2).mean())
    return excess if excess > max(_EXCESS, 1 + _CHANCE / np.sqrt(beside.size)) else None


def line_offsets(frame: np.ndarray) -> tuple[float, float]:
    """How far rows, and columns, are set off against each other by chance, as by an uneven read-out
    or a beam that flickers while it scans.

    Such offsets are in the means of lines alone, and of every frequency; what else an image holds
    is in waves along the lines as well, or is slow, or a lattice, of few frequencies.

    Parameters
    ----------
    frame
        (Y, X) finite, of at least 64 x 64 pixels.

    Returns
    -------
    Standard deviations of the offsets of rows and of columns; 0 where they are not beyond doubt.
    """
    values = np.asarray(frame, np.float64) - float(np.mean(frame))
    return _offsets(values), _offsets(values.T)


def _offsets(values: np.ndarray) -> float:
    """Those of rows (Y, X)."""
    if min(values.shape) < _LEAST_LINES:
        return 0.0
    from scipy.fft import dct
    from scipy.signal import firwin, oaconvolve

    lines, long = values.shape
    waves = np.cos(np.pi * np.outer(np.arange(long) + 0.5, np.arange(_WAVES + 1)) / long)
    along = values @ (waves / np.sqrt((waves**2).sum(0)))
    passed = firwin(_TAPS, _FAST, pass_zero=False)
    fast = oaconvolve(along, passed[:, None], "valid", axes=0)
    local = np.quantile(fast**2, _WITHIN, axis=0) / (passed**2).sum()
    power = dct(along, axis=0, norm="ortho")[int(_FAST * lines) :] ** 2
    bands = [np.median(band, axis=0) for band in np.array_split(power, 2)]
    lattice = min(band[0] for band in bands) < _CLEAR * np.mean([band[1:] for band in bands])
    if lattice or local[0] < _CLEAR * local[1:].mean():
        return 0.0
    return float(np.sqrt((local[0] - local[1:].mean()) / long))
