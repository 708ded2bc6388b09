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
