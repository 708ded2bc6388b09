"""What columns are in the data, at the places and in the shape that a denoised image shows.

A fit to noisy data whose place is free goes to the highest noise nearby: its intensity is too large
by about its squared error, and of a column that is hardly above the noise it is twice as large as
it should be. Where the place is given, it is right in the mean.

A network that does not know places exactly shows columns too wide. How much narrower all of them
are in the data, one number, the data do tell: there the misfit is least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .fit import GaussianFit
from .fits import Fits
from .way import Way, spread

_USUAL = 0.2  # standard deviation of that number about 1 before the data are looked at
_STEP, _ROUNDS = 0.1, 4  # between widths that are tried; how often they are tried anew
_LEAST, _MOST = 0.5, 1.5  # of that number
_THERE = 3.0  # standard errors that the intensity of all has in the data, to be held against
_TOGETHER = 3  # spacings along the side of a group of columns


@dataclass(frozen=True)
class InData:
    """What all columns have in common in the data.

    Parameters
    ----------
    width, width_error
        Width there over that in the denoised image, and its standard error.
    amplitude_error, intensity_error
        Relative, which that makes of all amplitudes and intensities.
    """

    width: float
    width_error: float
    amplitude_error: float
    intensity_error: float

    def of(self, width: float, error: float) -> InData:
        """The same for another width over that in the image."""
        amplitude, intensity = (
            e * error / self.width_error for e in (self.amplitude_error, self.intensity_error)
        )
        return InData(width, error, amplitude, intensity)

    def narrowed(self, values: np.ndarray, block: int) -> np.ndarray:
        """Values (N, 5) in sums over blocks, as wide as in the data."""
        return _as_wide(values, self.width, block)


def in_data(
    way: Way,
    data: np.ndarray,
    shown: np.ndarray,
    variance: np.ndarray,
    block: int,
) -> InData:
    """Find how wide columns are in the data.

    Parameters
    ----------
    way
        How columns are fitted.
    data
        (Y, X) sums over blocks.
    shown
        (N, 5) of the columns as the denoised image shows them, in the unit of the sums.
    variance
        (Y, X) of the noise of a sum.
    block
        Pixels along the side of a block.
    """
    group = _groups(shown[: way.count, :2])
    middle, off = 1.0, 0.0
    tried: dict[float, tuple[np.ndarray, float, float]] = {}
    for _ in range(_ROUNDS):
        widths = middle + _STEP * np.arange(-1, 2)
        for width in widths:
            if width not in tried:
                tried[width] = _misfit(way, data, _as_wide(shown, width, block), variance)
        squares = np.array([tried[w][0] for w in widths])
        steep, bent = (squares[2] - squares[0]) / 2, squares[0] - 2 * squares[1] + squares[2]
        usual = 2 * (_STEP / _USUAL) ** 2
        slope, curve = steep.sum() + (middle - 1) / _STEP * usual, bent.sum() + usual
        off = float(-slope / curve) if curve > 0 else float(-2 * np.sign(slope))
        if abs(off) <= 1:
            break
        middle = float(np.clip(middle + _STEP * np.clip(off, -2, 2), _LEAST, _MOST))
    off = float(np.clip(off, -1, 1))
    width = float(np.clip(middle + _STEP * off, _LEAST, _MOST))
    # the scatter of what groups of columns want tells how well all together know it
    wanted = np.bincount(group, steep + off * bent)
    error = _STEP * float(np.sqrt((wanted**2).sum() + 2 * usual)) / max(curve, usual)
    error = min(error, _USUAL)
    by_amplitude, by_intensity = (
        abs(v[2] - v[0]) / (2 * _STEP) / max(abs(v[1]), 1e-300)
        for v in np.array([tried[w][1:] for w in widths]).T
    )
    return InData(width, error, by_amplitude * error, by_intensity * error)


def at_places(
    way: Way, data: np.ndarray, given: np.ndarray, variance: np.ndarray, errors: bool = True
) -> GaussianFit:
    """Fit amplitudes and backgrounds of columns of given places and widths.

    All of them count, however weak they are in the data: else the mean would be too large.

    Parameters
    ----------
    way, data, variance
        As of ``in_data``.
    given
        (N, 5) values.
    errors
        As of ``fit_gaussians``.
    """
    held = np.ones(len(given), bool)
    kept: dict[str, Any] = {"variance": variance, "hold_width": held, "hold_place": held}
    fit = way.fit(data, given, errors=errors, **kept)
    return replace(fit, converged=np.isfinite(fit.covariance).all((1, 2)))


def common(
    shown: Fits, data: Fits, known: InData | None = None, open_: np.ndarray | None = None
) -> tuple[float, float] | None:
    """Intensity of all columns in an image over that in the data, and its standard error.

    Parameters
    ----------
    shown, data
        Fits of the same columns.
    known
        What all have in common in the data.
    open_
        (N,) which are left out, since their shape leaves them open.

    Returns
    -------
    None where the data hardly show that there is any, or most columns are left out.
    """
    both = np.isfinite(shown.intensity + data.intensity + data.intensity_error)
    if open_ is not None:
        if 2 * open_[both].sum() > both.sum():
            return None
        both &= ~open_
    there, seen = (float(f.intensity[both].sum()) for f in (data, shown))
    of_all = 0.0 if known is None else known.intensity_error
    own = np.maximum(data.intensity_error**2 - (of_all * data.intensity) ** 2, 0)[both]
    error = float(np.hypot(np.sqrt(own.sum()), of_all * there))
    if not abs(there) > _THERE * error or there * seen <= 0:
        return None
    return seen / there, seen / there * error / abs(there)


def _misfit(
    way: Way, data: np.ndarray, given: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """(N,) squares of what is left over the variance; sums of amplitudes and of intensities.

    Columns beyond the frame, whose flanks alone are seen, do not count.
    """
    fit = at_places(way, data, given, variance, errors=False)
    amplitude, width = fit.values[: way.count, 2], given[: way.count, 3]
    squares = np.nan_to_num(fit.dispersion * fit.freedom)[: way.count]
    return squares, float(amplitude.sum()), float((amplitude * width**2).sum())


def _as_wide(values: np.ndarray, width: float, block: int) -> np.ndarray:
    """Values of columns in sums over blocks, whose own widths are multiplied."""
    more = spread(block)
    own = np.maximum(values[:, 3] ** 2 - more, 0.01)
    result = values.copy()
    result[:, 3] = np.sqrt(width**2 * own + more)
    return result


def _groups(points: np.ndarray) -> np.ndarray:
    """(N,) number of the group of columns beside each other that each belongs to."""
    from ..spots import spacing

    side = _TOGETHER * spacing(points) if len(points) > 1 else 1.0
    cell = np.floor((points - points.min(0)) / side).astype(int)
    return np.unique(cell, axis=0, return_inverse=True)[1].ravel()
