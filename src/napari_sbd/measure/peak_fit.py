"""Gaussians of one width that are fitted to a profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SBDError
from .peak_search import apart, bells, with_hidden

MOST = 200  # peaks
_THERE = 2.0  # errors of its height, below which a peak is none
_SURE = 5.0  # prominence over the error of the profile
_LOW = 0.5  # height over the usual one, of what stands out of the fit by as many errors
_CHANCE = 1.0  # standard deviations of chi squared, beyond which a fit lacks something
_ROUNDS = 4  # of fits with peaks that stood out of the one before
_CUT = 0.25  # of a gap from the end of the line, where half of a peak is hardly seen as one
_LOOSELY = 0.01  # of the range of a profile, in place of its noise where that is unknown
_FLOOR = 1e-9  # of the mean variance, so that the covariance can be inverted


@dataclass(frozen=True, eq=False)
class Fitted:
    """Of peaks that were fitted.

    Parameters
    ----------
    places, spread
        (n,) and their covariance (n, n).
    misfit
        Chi squared over its degrees of freedom; NaN where the noise is unknown.
    seen
        Usual height over its error.
    criterion
        That of Akaike, lower for the better one of two fits.
    beyond
        Standard deviations by which chi squared is more than noise makes.
    better
        Where to start again: without peaks that left the line or ran into a higher one, and with
        overlooked ones.
    """

    places: np.ndarray
    spread: np.ndarray
    misfit: float
    seen: float
    criterion: float
    beyond: float
    better: np.ndarray


def best_fit(
    t: np.ndarray, values: np.ndarray, covariance: np.ndarray, clear: np.ndarray, even: np.ndarray
) -> Fitted:
    """Fit from clear maxima; where that leaves more than noise, from peaks of one period, too."""
    found: list[Fitted] = []
    why = None
    for start in (clear, even):
        if len(start) < 2 or len(start) > MOST or (found and found[0].beyond < _CHANCE):
            continue
        try:
            for _ in range(_ROUNDS):
                fit = _fit(t, values, covariance, start)
                start = fit.better
                if len(start) == len(fit.places) or len(start) < 2:
                    break
            if (np.diff(fit.places) <= 0).any():
                raise SBDError("Peaks of the profile run into each other; draw a wider line.")
            found.append(fit)
        except SBDError as failed:
            why = why or failed
    if not found:
        raise why or SBDError("The peaks of the profile could not be fitted; draw a wider line.")
    return min(found, key=lambda fit: fit.criterion)


@dataclass(frozen=True, eq=False)
class _Row:
    """Gaussians of one width on a straight background, and what they leave of a profile.

    Parameters
    ----------
    t, values
        (n,) of the profile.
    lower
        (n, n) Cholesky factor of the covariance of the values.
    count
        Of peaks on the line.
    ends
        Which of these has one more beyond it, off the line: as far as the nearest two are apart.
    give
        By how much the height of that one may differ from its neighbour's.
    """

    t: np.ndarray
    values: np.ndarray
    lower: np.ndarray
    count: int
    ends: np.ndarray
    give: float

    def residual(self, p: np.ndarray) -> np.ndarray:
        """(n + ends,) of places, heights, the width, heights beyond, level and slope."""
        from scipy.linalg import solve_triangular

        apart, height, beyond, _ = self._parts(p)
        model = bells(apart, p[2 * self.count]) @ np.concatenate([height, beyond])
        model += p[-2] + p[-1] * (self.t - self.t.mean())
        left = solve_triangular(self.lower, model - self.values, lower=True)
        return np.concatenate([left, (beyond - height[self.ends]) / self.give])

    def derivatives(self, p: np.ndarray) -> np.ndarray:
        """(n + ends, parameters) of the residual."""
        from scipy.linalg import solve_triangular

        count, ends, width = self.count, self.ends, p[2 * self.count]
        apart, height, beyond, moves = self._parts(p)
        bell = bells(apart, width)
        strong = bell * np.concatenate([height, beyond])
        by_width = (strong * apart**2).sum(1, keepdims=True) / width**3
        line = np.column_stack([np.ones_like(self.t), self.t - self.t.mean()])
        parts = (strong * apart / width**2) @ moves, bell[:, :count], by_width, bell[:, count:]
        model = solve_triangular(self.lower, np.hstack([*parts, line]), lower=True)
        like = np.zeros((len(ends), len(p)))
        like[np.arange(len(ends)), count + ends] = -1 / self.give
        like[np.arange(len(ends)), 2 * count + 1 + np.arange(len(ends))] = 1 / self.give
        return np.vstack([model, like])

    def _parts(self, p: np.ndarray) -> tuple[np.ndarray, ...]:
        """(n, peaks) distances from all peaks; heights on the line and beyond; (peaks, count) how
        the places of all follow from those on the line."""
        count, centre = self.count, p[: self.count]
        nearest = int(np.argmin(np.diff(centre)))
        more = np.eye(count)[self.ends]
        step = np.eye(count)[nearest + 1] - np.eye(count)[nearest]
        more += np.where(self.ends > 0, 1, -1)[:, None] * step
        moves = np.vstack([np.eye(count), more])
        apart = np.subtract.outer(self.t, moves @ centre)
        return apart, p[count : 2 * count], p[2 * count + 1 : -2], moves


def _fit(t: np.ndarray, values: np.ndarray, covariance: np.ndarray, start: np.ndarray) -> Fitted:
    """Fit peaks from where they start."""
    from scipy.linalg import solve_triangular
    from scipy.optimize import least_squares

    count = len(start)
    # in gaps and in ranges of the values, so that no unit makes the system look singular
    gap, scale = float(np.median(np.diff(start))), float(np.ptp(values)) or 1.0
    t, start, values, covariance = t / gap, start / gap, values / scale, covariance / scale**2
    if known := bool(np.isfinite(covariance).all() and np.trace(covariance) > 0):
        level = np.trace(covariance) / len(t)
        # samples of one pixel's step are nearly independent, but not quite
        lower = np.linalg.cholesky(covariance + max(_FLOOR, 1e-6) * level * np.eye(len(t)))
    else:
        lower = np.eye(len(t))

    heights = np.interp(start, t, values) - values.min()
    usual = float(np.median(heights)) or 1.0
    # rows go on: flanks of peaks beyond the ends lie on the line; they are held to be like its last
    # ones, give or take as much
    beyond = np.array([start[0], start[-1]]) + np.array([-1, 1]) * np.diff(start).min()
    ends = np.flatnonzero((beyond - t[[0, -1]]) * [-1, 1] > -_CUT) * (count - 1)
    row = _Row(t, values, lower, count, ends, usual if known else usual / _LOOSELY)
    guess = np.concatenate([start, heights, [0.2], heights[ends], [values.min(), 0.0]])
    scales = np.maximum(np.abs(guess), 1e-3)
    found = least_squares(row.residual, guess, row.derivatives, x_scale=scales)
    freedom = max(len(t) + len(ends) - len(guess), 1)
    reduced = 2 * float(found.cost) / freedom
    normal = found.jac.T @ found.jac
    if not found.success or np.linalg.matrix_rank(normal) < len(guess):
        raise SBDError("The peaks of the profile could not be fitted; draw a wider line.")
    spread = np.linalg.inv(normal)[: 2 * count, : 2 * count]
    spread *= max(reduced, 1.0) if known else reduced
    places, heights, width = found.x[:count], found.x[count : 2 * count], abs(found.x[2 * count])
    better, sure = places, heights / np.sqrt(np.diagonal(spread)[count:])
    if known:
        there = np.where(sure > _THERE, heights, 0.0)
        own = apart(t[[0, -1]], there, places, np.zeros(0), width)
        at_each = bells(np.subtract.outer(t, t), width)
        weighed = solve_triangular(lower, at_each, lower=True)
        length = np.sqrt((weighed**2).sum(0))
        surely = -(found.fun[: len(t)] @ weighed) / length  # of its height [standard deviations]
        surely[(t < t[0] + width) | (t > t[-1] - width)] = 0.0
        least = np.maximum(_LOW * float(np.median(heights)) * length, _SURE)
        more = apart(t[[0, -1]], np.where(surely > least, surely, 0.0), t, own, 2 * width)
        better = np.sort(np.concatenate([own, more]))
        if len(better) == count:
            better = with_hidden(t, values, lower, places, width)
    criterion = reduced * freedom + 2 * len(guess)
    beyond = (reduced - 1) * float(np.sqrt(freedom / 2)) if known else 0.0
    misfit_found = reduced if known else np.nan
    of_places = gap**2 * spread[:count, :count]
    return Fitted(
        gap * places,
        of_places,
        misfit_found,
        float(np.median(sure)),
        criterion,
        beyond,
        gap * better,
    )
