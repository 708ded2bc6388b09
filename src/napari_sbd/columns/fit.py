"""Two-dimensional Gaussians on a local background, fitted to many columns at once.

Every pixel belongs to the nearest column if that is within ``radius``. Its model is the background
of that column and the sum of the Gaussians around: ``b_k + sum_j A_j exp(-|r - r_j|^2 / 2 s_j^2)``.
This is one likelihood for all columns, which is climbed column by column with the latest
neighbours (Fisher scoring in Gauss-Seidel order): with unit weights it is least squares, with
weights 1 / model it is the Poisson likelihood of counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import stop_if_asked
from .joint import joint_covariance
from .one_width import widest
from .overlap import turns
from .scene import Scene
from .systems import each, solve

_ITERATIONS = 30
_SETTLED = 1e-3  # of a width; a column that has less to go rests
_SLOWEST, _LEAP = 0.95, 4  # share of a step that the next one keeps at most; sweeps to a leap
_WIDER = 3.0  # times the start; no column is wider or narrower by more
_STRONGER = 5.0  # times the start; no column is stronger by more


@dataclass(frozen=True)
class GaussianFit:
    """What was fitted to N columns.

    Parameters
    ----------
    values
        (N, 5) y, x [px], amplitude [image units], sigma [px], background [image units].
    covariance
        (N, 5, 5) of the values for unit weights: multiply by the variance of a pixel for least
        squares; as it is for Poisson counts. NaN where the data do not fix a column.
    dispersion
        (N,) weighted mean square of the residuals: the variance of a pixel for least squares,
        about 1 for Poisson counts.
    freedom
        (N,) pixels that this is a mean of, less five.
    converged
        (N,) whether the maximum lies inside the window of the column.
    """

    values: np.ndarray
    covariance: np.ndarray
    dispersion: np.ndarray
    freedom: np.ndarray
    converged: np.ndarray


def fit_gaussians(
    image: np.ndarray,
    start: np.ndarray,
    radius: float,
    *,
    poisson: bool = False,
    variance: np.ndarray | None = None,
    free: np.ndarray | None = None,
    hold_width: np.ndarray | None = None,
    hold_place: np.ndarray | None = None,
    row: np.ndarray | None = None,
    alike: bool = False,
    iterations: int = _ITERATIONS,
    leash: float = 0.5,
    enough: Callable[[np.ndarray], bool] | None = None,
    errors: bool = True,
) -> GaussianFit:
    """Fit columns from a start close by.

    Parameters
    ----------
    image
        (Y, X); NaN pixels hold no data. Electrons if ``poisson``.
    start
        (N, 5) as ``GaussianFit.values``.
    radius
        Of the disc of pixels that a column is fitted to [px].
    poisson
        Maximum likelihood of counts instead of least squares.
    variance
        (Y, X) of the noise of a pixel, whose inverse weights least squares; 1 by default.
    free
        (N,) which columns to fit; the others only shine into the pixels of these. All by default.
    hold_width, hold_place
        (N,) columns whose width or place stays as it is, with a variance of zero. None by default.
    row
        (G, 2) pairs k, j: the last G columns stand at 2 r_k - r_j, as wide as j, and only amplitude
        and background of them are fitted. None by default.
    alike
        Whether those of ``row`` are as strong as j, too, instead of fitted.
    iterations
        At most; 0 evaluates the covariance at the start.
    leash
        Of the radius: a fit that ends farther from its start is of something else.
    enough
        Asked with the values now and then; True ends the fit where it is, and nothing of it has
        converged.
    errors
        Whether covariances are asked for; without, they are NaN and nothing has converged.

    Notes
    -----
    The covariance of a column is its block of the inverse Fisher information of the column and its
    overlapping neighbours together, widened by what those farther away add (``joint``).
    """
    values = np.array(start, float)
    if not len(values):
        return _untold(values)
    free = np.ones(len(values), bool) if free is None else np.asarray(free, bool)
    held = np.zeros((len(values), 5), bool)
    held[:, 3] = False if hold_width is None else hold_width
    if hold_place is not None:
        held[:, :2] = np.asarray(hold_place)[:, None]
    one, other = np.zeros((2, 0), int) if row is None else row.T
    tied = slice(len(values) - len(one), len(values))
    held[tied, :4] |= np.array([True, True, False, True])
    if alike:
        free = free & (np.arange(len(values)) < tied.start)
    told = slice(2 if alike else 3, None if alike else 4)
    # single precision has no digits left for columns on a level of many times their height
    there = np.isfinite(image)
    level = 0.0 if poisson or not there.any() else float(image[there].mean())
    values[:, 4] -= level
    scene = Scene(image - level, values, radius, poisson, held, variance)
    turn_of = turns(scene.others)
    strength, width = np.abs(values[:, 2]), values[:, 3].copy()
    most = np.maximum(np.fmin(_WIDER * width, widest(values[:, :2])), width)
    active = free.copy()

    def climb(part: np.ndarray) -> None:
        step = solve(*scene.evaluate(values, part))
        values[part] = _bounded(values[part], step, strength[part], width[part], most[part])

    usual = np.maximum(strength, max(1e-3 * float(strength.max()), 1e-300))
    unit = np.column_stack([width, width, usual, width, usual])
    last, kept = np.zeros_like(values), 0.0
    for sweep in range(iterations):
        stop_if_asked()
        values[tied, :2] = 2 * values[one, :2] - values[other, :2]
        values[tied, told] = values[other, told]
        if sweep % _LEAP == 0:
            if enough is not None and enough(values):
                values[:, 4] += level
                return _untold(values)
            scene.lay_backgrounds(values)
            active = free & (np.hypot(*(values - start)[:, :2].T) < radius)
        previous = values.copy()
        for turn in range(int(turn_of.max(initial=-1)) + 1):
            each(climb, np.flatnonzero(active & (turn_of == turn)))
        step = (values - previous) / unit
        square = (last**2).sum(1)
        going = active & (square > 0)
        if going.any():
            share = (step * last).sum(1)[going] / square[going]
            kept = float(np.clip(np.median(share), 0, _SLOWEST))
        last = step
        # of overlapping columns each step is nearly the one before: all that follow at once
        if sweep % _LEAP == _LEAP - 1:
            far = step * kept / (1 - kept) * unit * np.array([0, 0, 1, 1, 1])
            values[active] = _bounded(
                values[active], far[active], strength[active], width[active], most[active]
            )
            last = np.zeros_like(values)
        moved = np.abs(step)[:, [0, 1, 3]].max(1, initial=0) > _SETTLED * (1 - kept)
        # a column rests once it and its neighbours do
        active = free & (moved | np.append(moved, False)[scene.others].any(1))
        if not active.any() and sweep >= _LEAP:
            break
    scene.lay_backgrounds(values)
    dispersion, freedom = scene.misfit(values)
    covariance = joint_covariance(scene, values) if errors else None
    values[:, 4] += level
    if covariance is None:
        return replace(_untold(values), dispersion=dispersion, freedom=freedom)
    ratio = values[:, 3] / width
    converged = (
        (np.hypot(*(values[:, :2] - start[:, :2]).T) < leash * radius)
        & (ratio > 1.01 / _WIDER)
        & (ratio < 0.99 * _WIDER)
        & (values[:, 2] * start[:, 2] > 0)
        & (np.abs(values[:, 2]) < 0.99 * _STRONGER * strength)
        & np.isfinite(covariance).all((1, 2))
        & ((covariance[:, 0, 0] > 0) | held[:, 0])
    )
    if alike:
        converged[tied] = converged[other]
    return GaussianFit(values, covariance, dispersion, freedom, converged)


def _untold(values: np.ndarray) -> GaussianFit:
    """Of which nothing has converged."""
    unknown = np.full((len(values), 5, 5), np.nan)
    none = np.zeros(len(values), bool)
    return GaussianFit(values, unknown, unknown[:, 0, 0], unknown[:, 0, 0], none)


def _bounded(
    values: np.ndarray,
    step: np.ndarray,
    strength: np.ndarray,
    width: np.ndarray,
    most: np.ndarray,
) -> np.ndarray:
    """Take a step, shortened to where the linear model holds."""
    new: np.ndarray = values + step
    limit = 0.5 * width[:, None]
    new[:, :2] = values[:, :2] + np.clip(step[:, :2], -limit, limit)
    limit = _STRONGER * strength
    new[:, 2] = np.clip(new[:, 2], -limit, limit)
    low = np.maximum(0.7 * values[:, 3], width / _WIDER)
    high = np.minimum(1.4 * values[:, 3], most)
    new[:, 3] = np.clip(new[:, 3], low, high)
    return new
