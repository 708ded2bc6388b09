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

from .climb import Climb
from .joint import joint_covariance
from .scene import Scene

_ITERATIONS = 30


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
    start = np.array(start, float)
    if not len(start):
        return _untold(start)
    free = np.ones(len(start), bool) if free is None else np.asarray(free, bool)
    held = np.zeros((len(start), 5), bool)
    held[:, 3] = False if hold_width is None else hold_width
    if hold_place is not None:
        held[:, :2] = np.asarray(hold_place)[:, None]
    one, other = np.zeros((2, 0), int) if row is None else row.T
    tied = slice(len(start) - len(one), len(start))
    held[tied, :4] |= np.array([True, True, False, True])
    if alike:
        free = free & (np.arange(len(start)) < tied.start)
    told = slice(2 if alike else 3, None if alike else 4)

    def tie(values: np.ndarray) -> None:
        values[tied, :2] = 2 * values[one, :2] - values[other, :2]
        values[tied, told] = values[other, told]

    # single precision has no digits left for columns on a level of many times their height
    there = np.isfinite(image)
    level = 0.0 if poisson or not there.any() else float(image[there].mean())
    start[:, 4] -= level
    scene = Scene(image - level, start, radius, poisson, held, variance)
    climb = Climb(scene, start, free, tie)
    went = climb.run(iterations, enough)
    on_level = climb.values.copy()
    on_level[:, 4] += level
    if not went:
        return _untold(on_level)
    dispersion, freedom = scene.misfit(climb.values)
    if not errors:
        return replace(_untold(on_level), dispersion=dispersion, freedom=freedom)
    covariance = joint_covariance(scene, climb.values)
    converged = (
        climb.is_within()
        & (climb.gone < leash * radius)
        & np.isfinite(covariance).all((1, 2))
        & ((covariance[:, 0, 0] > 0) | held[:, 0])
    )
    if alike:
        converged[tied] = converged[other]
    return GaussianFit(on_level, covariance, dispersion, freedom, converged)


def _untold(values: np.ndarray) -> GaussianFit:
    """Of which nothing has converged."""
    unknown = np.full((len(values), 5, 5), np.nan)
    none = np.zeros(len(values), bool)
    return GaussianFit(values, unknown, unknown[:, 0, 0], unknown[:, 0, 0], none)
