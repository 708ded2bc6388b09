"""Two-dimensional Gaussians on a local background, fitted to many columns at once.

Every pixel belongs to the nearest column if that is within ``radius``. Its model is the background
of that column and the sum of the Gaussians around: ``b_k + sum_j A_j exp(-|r - r_j|^2 / 2 s_j^2)``.
This is one likelihood for all columns, which is climbed column by column with the latest
neighbours (Fisher scoring in Gauss-Seidel order): with unit weights it is least squares, with
weights 1 / model it is the Poisson likelihood of counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import stop_if_asked
from .joint import joint_covariance
from .overlap import backgrounds, neighbours, owners, turns
from .systems import each, solve

_REACH = 2.6  # radii within which columns shine into the pixels of another
_MOST_NEIGHBOURS = 20
_ITERATIONS = 30
_SETTLED = 1e-3  # of a width; a column that has less to go rests
_SLOWEST, _LEAP = 0.95, 4  # share of a step that the next one keeps at most; sweeps to a leap
_WIDER = 3.0  # times the start; no column is wider or narrower by more
_BROAD = 0.34  # spacings: a lattice of wider Gaussians is like an even background, and any fits
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
    converged
        (N,) whether the maximum lies inside the window of the column.
    """

    values: np.ndarray
    covariance: np.ndarray
    dispersion: np.ndarray
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
    row: np.ndarray | None = None,
    iterations: int = _ITERATIONS,
    leash: float = 0.5,
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
    hold_width
        (N,) columns whose width stays as it is, with a variance of zero. None by default.
    row
        (G, 2) pairs k, j: the last G columns stand at 2 r_k - r_j, as wide as j, and only amplitude
        and background of them are fitted. None by default.
    iterations
        At most; 0 evaluates the covariance at the start.
    leash
        Of the radius: a fit that ends farther from its start is of something else.

    Notes
    -----
    The covariance of a column is its block of the inverse Fisher information of the column and its
    overlapping neighbours together, widened by what those farther away add (``joint``).
    """
    values = np.array(start, float)
    if not len(values):
        return GaussianFit(values, np.zeros((0, 5, 5)), np.zeros(0), np.zeros(0, bool))
    free = np.ones(len(values), bool) if free is None else np.asarray(free, bool)
    held = np.zeros((len(values), 5), bool)
    held[:, 3] = False if hold_width is None else hold_width
    one, other = np.zeros((2, 0), int) if row is None else row.T
    tied = slice(len(values) - len(one), len(values))
    held[tied, :4] |= np.array([True, True, False, True])
    scene = _Scene(image, values, radius, poisson, held, variance)
    turn_of = turns(scene.others)
    strength, width = np.abs(values[:, 2]), values[:, 3].copy()
    widest = np.maximum(np.minimum(_WIDER * width, _BROAD * _gap(values)), width)
    active = free.copy()

    def climb(part: np.ndarray) -> None:
        information, score, _ = scene.evaluate(values, part)
        step = solve(information, score)
        values[part] = _bounded(values[part], step, strength[part], width[part], widest[part])

    usual = np.maximum(strength, max(1e-3 * float(strength.max()), 1e-300))
    unit = np.column_stack([width, width, usual, width, usual])
    last, kept = np.zeros_like(values), 0.0
    for sweep in range(iterations):
        stop_if_asked()
        values[tied, :2] = 2 * values[one, :2] - values[other, :2]
        values[tied, 3] = values[other, 3]
        if sweep % _LEAP == 0:
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
                values[active], far[active], strength[active], width[active], widest[active]
            )
            last = np.zeros_like(values)
        moved = np.abs(step)[:, [0, 1, 3]].max(1, initial=0) > _SETTLED * (1 - kept)
        # a column rests once it and its neighbours do
        active = free & (moved | np.append(moved, False)[scene.others].any(1))
        if not active.any() and sweep >= _LEAP:
            break
    scene.lay_backgrounds(values)
    covariance, dispersion = joint_covariance(scene, values)
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
    return GaussianFit(values, covariance, dispersion, converged)


class _Scene:
    """An image, which pixels belong to which column, and which columns overlap."""

    def __init__(
        self,
        image: np.ndarray,
        values: np.ndarray,
        radius: float,
        poisson: bool,
        held: np.ndarray,
        variance: np.ndarray | None,
    ) -> None:
        self.image, self.radius, self.poisson, self.held = image, radius, poisson, held
        self.centres = np.rint(values[:, :2]).astype(int)
        self.others = neighbours(values, _REACH * radius, _MOST_NEIGHBOURS)
        self.owner = owners(values, image.shape)
        self.weight = None if variance is None else (1 / variance).astype(np.float32)
        # a model near or below zero would claim endless information
        self.floor = max(0.05 * float(np.nanmean(image)), 1e-9) if poisson else 0.0
        self.slope = np.zeros(image.shape, np.float32)

    def lay_backgrounds(self, values: np.ndarray) -> None:
        """Take over how the backgrounds change from column to column."""
        self.slope = (backgrounds(values, self.owner) - values[self.owner, 4]).astype(np.float32)

    def evaluate(self, values: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, ...]:
        """Fisher information (n, 5, 5), score (n, 5) and dispersion (n,) of some columns."""
        window = _Window(self, part)
        residual, weight = window.residual(values)
        derivative = window.derivatives(values, part)
        weighted = derivative * weight[:, None]
        information = weighted @ derivative.transpose(0, 2, 1)
        score = (weighted @ residual[:, :, None])[:, :, 0]
        own = (window.owner == part[:, None, None]).reshape(len(part), -1) & (weight > 0)
        squares = (residual**2 * weight * own).sum(1)
        dispersion = squares / np.maximum(own.sum(1) - 5, 1)
        return information.astype(float), score.astype(float), dispersion

    def coupling(
        self, values: np.ndarray, part: np.ndarray, other: np.ndarray, whole: bool = False
    ) -> np.ndarray:
        """(n, 5, 5) Fisher information that columns share with one neighbour each: in the pixels
        that both are fitted to, or in all that the first ones are (``whole``)."""
        window = _Window(self, part)
        _, weight = window.residual(values)
        near, far = window.derivatives(values, part), window.derivatives(values, other)
        if whole:
            result: np.ndarray = (near * weight[:, None]) @ far.transpose(0, 2, 1)
            return result
        distance = np.hypot(
            window.rows[:, :, None] - self.centres[other, 0, None, None],
            window.columns[:, None] - self.centres[other, 1, None, None],
        )
        seen = (distance <= self.radius).reshape(len(part), 1, -1)
        result = (near * weight[:, None]) @ (far * seen).transpose(0, 2, 1)
        return result


class _Window:
    """The pixels within the radius of some columns."""

    def __init__(self, scene: _Scene, part: np.ndarray) -> None:
        self.scene, self.part = scene, part
        reach = int(np.ceil(scene.radius))
        offset = np.arange(-reach, reach + 1)
        rows, columns = scene.centres[part, :1] + offset, scene.centres[part, 1:] + offset
        height, width = scene.image.shape
        inside = ((rows >= 0) & (rows < height))[:, :, None]
        inside = inside & ((columns >= 0) & (columns < width))[:, None, :]
        inside &= offset[:, None] ** 2 + offset**2 <= scene.radius**2
        place = np.clip(rows, 0, height - 1)[:, :, None], np.clip(columns, 0, width - 1)[:, None]
        data = scene.image[place]
        self.weight = None if scene.weight is None else scene.weight[place]
        self.owner = scene.owner[place]
        self.slope = scene.slope[place]
        self.valid = inside & np.isfinite(data)
        self.data = np.where(self.valid, data, 0.0).astype(np.float32)
        self.rows, self.columns = rows, columns

    def profiles(
        self, values: np.ndarray, some: slice | np.ndarray = slice(None)
    ) -> tuple[Any, ...]:
        """Gaussians (n, 5) along y and x, and the distances from their centres."""
        dy, dx = self.rows[some] - values[:, :1], self.columns[some] - values[:, 1:2]
        dy, dx = dy.astype(np.float32), dx.astype(np.float32)
        scale = (-0.5 / values[:, 3:4] ** 2).astype(np.float32)
        return np.exp(dy**2 * scale), np.exp(dx**2 * scale), dy, dx

    def derivatives(self, values: np.ndarray, index: np.ndarray) -> np.ndarray:
        """(n, 5, pixels) derivatives of the model by the values of one column in each window."""
        v = values[index]
        gy, gx, dy, dx = self.profiles(v)
        amplitude, width = v[:, 2:3].astype(np.float32), v[:, 3:4].astype(np.float32)
        gy_a = amplitude * gy
        y1, x1 = gy_a * dy / width**2, gx * dx / width**2
        y2, x2 = y1 * dy / width, x1 * dx / width
        result = np.empty((len(v), 5, gy.shape[1], gx.shape[1]), np.float32)
        for i, (along_y, along_x) in enumerate([(y1, gx), (gy_a, x1), (gy, gx)]):
            np.multiply(along_y[:, :, None], along_x[:, None], out=result[:, i])
        result[:, 3] = y2[:, :, None] * gx[:, None] + gy_a[:, :, None] * x2[:, None]
        result[:, 4] = self.owner == index[:, None, None]
        result[self.scene.held[index]] = 0
        return result.reshape(len(v), 5, -1)

    def residual(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, pixels) data less model, and the weight of each pixel (0 outside)."""
        gy, gx, *_ = self.profiles(values[self.part])
        singles = values.astype(np.float32)
        model = singles[self.owner, 4] + self.slope
        model += (singles[self.part, 2, None] * gy)[:, :, None] * gx[:, None]
        for slot in self.scene.others[self.part].T:
            present = np.flatnonzero(slot >= 0)
            there = slot[present]
            gy, gx, *_ = self.profiles(values[there], present)
            model[present] += (singles[there, 2:3] * gy)[:, :, None] * gx[:, None]
        weight = self.valid.astype(np.float32)
        if self.weight is not None:
            weight *= self.weight
        elif self.scene.poisson:
            weight /= np.maximum(model, np.float32(self.scene.floor))
        count = len(self.part)
        return (self.data - model).reshape(count, -1), weight.reshape(count, -1)


def _bounded(
    values: np.ndarray,
    step: np.ndarray,
    strength: np.ndarray,
    width: np.ndarray,
    widest: np.ndarray,
) -> np.ndarray:
    """Take a step, shortened to where the linear model holds."""
    new: np.ndarray = values + step
    limit = 0.5 * width[:, None]
    new[:, :2] = values[:, :2] + np.clip(step[:, :2], -limit, limit)
    limit = _STRONGER * strength
    new[:, 2] = np.clip(new[:, 2], -limit, limit)
    low = np.maximum(0.7 * values[:, 3], width / _WIDER)
    high = np.minimum(1.4 * values[:, 3], widest)
    new[:, 3] = np.clip(new[:, 3], low, high)
    return new


def _gap(values: np.ndarray) -> float:
    """Usual distance to the four nearest columns [px]; infinite where there is one column alone."""
    from scipy.spatial import cKDTree

    count = min(5, max(2, len(values)))
    return float(np.median(cKDTree(values[:, :2]).query(values[:, :2], count)[0][:, 1:]))
