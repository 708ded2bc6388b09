"""A smooth curve below most of a power spectrum."""

from __future__ import annotations

import numpy as np

from .curve import FREE, MONOTONE
from .tile_spectra import Grid

_LEAST = 1 / 1.6  # slow noise over that of electrons, below which a curve left some out
_ROUNDS = 10  # of reweighted least squares
_WORSE = 1.5  # times the misfit of a curve through all, from which one below has left noise out


def fit_curve(
    level: np.ndarray, grid: Grid, slow: float | None, pure: bool
) -> tuple[np.ndarray, float]:
    """Coefficients and floor of a smooth curve that few of the logarithms of power lie below.

    A steep rise, as a wide point spread makes it, may be taken for signal. Where there is nothing
    but noise, or this leaves less slow noise than electrons have (``slow``, a logarithm of power),
    a curve through all of the spectrum takes its place, if that is much nearer to it.
    """
    f = np.hypot(grid.fy, grid.fx)
    f *= 0.5 / max(np.abs(grid.fy).max(), np.abs(grid.fx).max())
    middle = float(level.mean())
    y = level - middle
    wide, fast = y[f <= max(0.2, f.min())], y[(f > 0.25) & (f < 0.35)]
    gentle = np.quantile(wide, 0.15), np.quantile(fast, 0.15), np.quantile(y, 0.03) - 0.5
    steep = (
        np.quantile(y[f <= max(0.1, f.min())], 0.3),
        np.quantile(fast, 0.3),
        np.median(y[f > 0.35]),
    )
    found = _fit_from(y, grid.terms, gentle)
    rise = middle + float(np.logaddexp(found[0][0], found[1]))
    if pure or (slow is not None and rise < slow + np.log(_LEAST)):
        through = [_fit_from(y, grid.terms, start, signal=False) for start in (gentle, steep)]
        misfit = [float(np.std(y - _total(grid.terms, *fit))) for fit in (*through, found)]
        if misfit[2] > _WORSE * min(misfit):
            found = through[int(np.argmin(misfit[:2]))]
    x, floor = found
    # relative to the curve at zero frequency, where only the constant is not zero
    return np.append(0.0, x[1:]), floor - float(x[0])


def _fit_from(
    y: np.ndarray, terms: np.ndarray, start: tuple[float, float, float], signal: bool = True
) -> tuple[np.ndarray, float]:
    """Coefficients and floor by least squares, from the power of slow and fast noise and a floor.

    Where there is ``signal``, what stands above the curve counts less and less.
    """
    from scipy.optimize import nnls

    n = terms.shape[1]
    stiffness = np.array([1e-6] + [0.02] * MONOTONE + [0.3] * FREE + [1e-3]) * len(y) / 100
    stiffness[-1] = 1e-3
    slow, fast, floor = start
    x = np.zeros(n)
    x[0], x[2] = slow, max(0.0, (slow - fast) / 9)
    # only the falling terms keep their sign: the others are differences of two such
    signed = [0, *range(1 + MONOTONE, n + 1)]
    split = np.concatenate([np.eye(n + 1), -np.eye(n + 1)[:, signed]], 1)
    weight = np.ones(len(y))
    for _ in range(_ROUNDS):
        total = _total(terms, x, floor)
        share = np.exp(np.clip(terms @ x, -60, 60) - total)
        off = y - total
        if signal:
            below = off[off < 0]
            spread = max(1.48 * float(np.median(-below)) if len(below) else 0.1, 0.05)
            weight = np.where(off > 0, (1 + (off / spread) ** 2) ** -1.5, 1)
        slopes = np.concatenate([terms * share[:, None], (1 - share)[:, None]], 1)
        aim = off + slopes @ np.append(x, floor)
        normal = (slopes * weight[:, None]).T @ slopes + np.diag(stiffness + 1e-9)
        right = (slopes * weight[:, None]).T @ aim
        right[-1] += stiffness[-1] * floor
        root = np.linalg.cholesky(normal)
        new = split @ nnls(root.T @ split, np.linalg.solve(root, right))[0]
        x, floor = new[:-1], floor + float(np.clip(new[-1] - floor, -1, 1))
    return x, floor


def _total(terms: np.ndarray, x: np.ndarray, floor: float) -> np.ndarray:
    """Logarithm of power (M,)."""
    result: np.ndarray = np.logaddexp(np.clip(terms @ x, -60, 60), floor)
    return result
