"""Position, width and intensity of columns at given places, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..noise.covariance import Covariance
from .alone import covariance_alone
from .beyond import beyond
from .correlated import error_ratio
from .fit import GaussianFit, fit_gaussians
from .one_width import core, one_width

RADIUS = 3.5  # scales: the pixels that a column is fitted to; fitted widths are 1 to 1.7 scales
# of that radius: how far the fit of a column may be from where it was found, or from another fit
_FOUND, _AGAIN = 0.3, 0.5
_FINEST = 1.2  # px; images are summed until the columns are hardly wider
_KNOWN = 0.1  # relative standard error beyond which counts alone do not fix a width
_CELL = np.pi  # squared widths in which a denoised image holds one independent error
_DARK = 0.05  # of the mean: the least expectation whose variance is believed
_LEAST = 0.05  # of the typical amplitude, from which a hand-placed column starts


@dataclass(frozen=True)
class Fits:
    """Fits of N columns in pixels of the image.

    Parameters
    ----------
    values, error
        (N, 5) y, x [px], amplitude [image units], sigma [px], background [image units], and their
        standard errors.
    intensity, intensity_error
        (N,) integral of the Gaussian, 2 pi amplitude sigma^2 [image units x px].
    converged
        (N,) whether the data fix the column.
    noise
        (N, 2) what the noise of the data alone makes of the errors of y, x [px]; None without data.
    given_width
        Sigma that all columns were given [px], as nothing tells it; None where they are fitted.
    """

    values: np.ndarray
    error: np.ndarray
    intensity: np.ndarray
    intensity_error: np.ndarray
    converged: np.ndarray
    noise: np.ndarray | None = None
    given_width: float | None = None


def measure(
    image: np.ndarray,
    counts: np.ndarray | None,
    start: np.ndarray,
    scale: float,
    bright: bool,
    free: np.ndarray | None = None,
    variance: np.ndarray | None = None,
    correlated: Covariance | None = None,
    given_width: float | None = None,
) -> tuple[Fits, Fits | None]:
    """Fit columns to a denoised image, and to the data that it was made from.

    Parameters
    ----------
    image
        (Y, X) denoised.
    counts
        (Y, X) electrons, in which case ``image`` is in electrons too; or values with noise of the
        given variance; or None.
    start
        (N, 5) as ``Fits.values``; NaN beyond the position where nothing is known yet.
    scale
        Width of the columns [px].
    bright
        Polarity.
    free
        (N,) which columns to fit; all by default.
    variance
        (Y, X) of the noise of a pixel of ``counts``, where these are no electrons.
    correlated
        How the noise of pixels hangs together; None where it is independent.
    given_width
        Sigma of all columns [px], where an earlier fit has shown that nothing tells it.

    Returns
    -------
    The fit to the denoised image by least squares, and the fit to the counts by Poisson maximum
    likelihood, or by least squares where they are none (NaN where the data alone do not fix a
    column; its width is held at that of the first fit, without error, where the data fix it to no
    better than 10 %).

    Notes
    -----
    Errors of the first fit add two variances: what the counting statistics of the fitted model
    allow (its inverse Fisher information), and the residual of the fit, taken as one independent
    error in pi squared widths since a denoised image is smooth. A network also draws on other
    columns, so the first is an upper bound to the noise, but it says nothing about what a network
    invents. Without counts there is only the residual, and how far it hangs together is measured
    (``covariance_alone``): that holds for noise that was recorded, added up or blurred, and not for
    what a network gets wrong.

    Errors of the second fit are the larger of two inverse Fisher informations, that of the fitted
    column and that of the denoised one: of a column that is hardly above the noise the counts only
    show those whose noise adds to them, so the first alone is up to a third too small.
    """
    block = max(1, int(scale / _FINEST))
    coarse = _summed(image, block) / block**2
    seen = _coarse_start(start, coarse, scale / block, block, bright)
    way, width = _Way(seen, coarse.shape, scale / block, free), given_width
    leash = _FOUND if free is None else _AGAIN
    if width is None:

        def untold(values: np.ndarray) -> float | None:
            return one_width(seen[:, :2], values[: len(seen), 3]) if free is None else None

        fit = way.fit(coarse, way.first, leash, enough=lambda v: untold(v) is not None)
        width = untold(fit.values)
    else:
        width = float(np.hypot(width / block, np.sqrt(_spread(block))))
    if width is not None:
        way = _Way(seen, coarse.shape, scale / block, free, width)
        fit = way.fit(coarse, way.first, leash)
    first = way.first
    independent = max(_CELL * (scale / block) ** 2, 1.0)
    if counts is None:
        alone = covariance_alone(coarse, fit, way.radius, scale / block, width is not None)
        return way.result(_fine(fit, alone, block, first), block), None
    covariance = fit.covariance * (fit.dispersion * independent)[:, None, None]
    data = _summed(counts, block)
    to_sums = np.array([1, 1, block**2, 1, block**2])
    model = np.where(fit.converged[:, None], fit.values, first) * to_sums
    noise = None if variance is None else _summed(variance, block)
    likelihood: dict[str, Any] = {"poisson": noise is None, "variance": noise}
    expected = way.fit(data, model, iterations=0, **likelihood)
    width_error = np.sqrt(expected.covariance[:, 3, 3]) / model[:, 3]
    held = ~(width_error < _KNOWN) | (width is not None)
    raw = way.fit(data, model, hold_width=held, **likelihood)
    back = 1 / np.outer(to_sums, to_sums)
    more = np.ones((len(first), 5))
    if correlated is not None:
        reach = way.radius * block
        more = _more(model / to_sums, block, reach, image, variance, correlated, held)
    shared = more[:, :, None] * more[:, None] * back
    counted = expected.covariance * shared
    denoised = replace(
        _fine(fit, covariance + counted, block, first),
        noise=block * np.sqrt(np.diagonal(counted, axis1=1, axis2=2)[:, :2]),
    )
    foreseen = expected
    if width is None and held.any():
        foreseen = way.fit(data, model, hold_width=held, iterations=0, **likelihood)
    in_pixels = GaussianFit(
        raw.values / to_sums, raw.covariance * shared, raw.dispersion, raw.converged
    )
    result = _fine(in_pixels, in_pixels.covariance, block, first)
    cautious = _fine(in_pixels, foreseen.covariance * shared, block, first)
    np.fmax(result.error, cautious.error, out=result.error)
    np.fmax(result.intensity_error, cautious.intensity_error, out=result.intensity_error)
    result.error[held, 3] = np.nan
    lost = ~raw.converged
    for array in (result.values, result.error, result.intensity, result.intensity_error):
        array[lost] = np.nan
    return way.result(denoised, block), way.result(result, block)


class _Way:
    """How columns are fitted, with those beyond the frame; or all with one width.

    Parameters
    ----------
    seen
        (N, 5) where columns start, as ``Fits.values`` in summed pixels.
    shape
        Of the image in summed pixels.
    scale
        Width of the columns [summed pixels].
    free
        (N,) which columns to fit; None for all.
    width
        That all columns are given [summed pixels]; None where each has its own.
    """

    def __init__(
        self,
        seen: np.ndarray,
        shape: tuple[int, ...],
        scale: float,
        free: np.ndarray | None,
        width: float | None = None,
    ) -> None:
        self.count, self.width = len(seen), width
        self.radius = self.usual = RADIUS * scale
        if width is not None:
            self.radius = core(seen[:, :2])
            seen = np.column_stack([seen[:, :3], np.full(len(seen), width), seen[:, 4]])
        self.row = beyond(seen[:, :2], shape, scale if width is None else width)
        unseen = seen[self.row[:, 1]]
        unseen[:, :2] = 2 * seen[self.row[:, 0], :2] - unseen[:, :2]
        self.first = np.vstack([seen, unseen])
        self.free = None if free is None else np.append(free, np.ones(len(unseen), bool))

    def fit(
        self, image: np.ndarray, start: np.ndarray, leash: float = _AGAIN, **options: Any
    ) -> GaussianFit:
        """Columns from (N, 5) values; a leash in usual radii, ``options`` of ``fit_gaussians``."""
        if self.width is not None:
            options["hold_width"] = np.ones(len(start), bool)
            options["alike"] = True
        leash *= self.usual / self.radius
        common: dict[str, Any] = {"row": self.row, "free": self.free, "leash": leash}
        return fit_gaussians(image, start, self.radius, **common, **options)

    def result(self, fits: Fits, block: int) -> Fits:
        """Those of the columns that are asked for, without those beyond the frame.

        Of columns that were given a width, only errors of places mean something.
        """
        arrays: dict[str, Any] = {
            n: None if v is None else v[: self.count] for n, v in vars(fits).items()
        }
        result = Fits(**arrays)
        if self.width is None:
            return result
        error = np.where(np.arange(5) < 2, result.error, np.nan)
        unknown = np.full(self.count, np.nan)
        width = block * float(np.sqrt(self.width**2 - _spread(block)))
        return replace(result, error=error, intensity_error=unknown, given_width=width)


def _more(
    model: np.ndarray,
    block: int,
    radius: float,
    image: np.ndarray,
    variance: np.ndarray | None,
    noise: Covariance,
    held: np.ndarray,
) -> np.ndarray:
    """(N, 5) by how much correlated noise raises the errors of columns in summed pixels."""
    values = model * [block, block, 1, block, 1]
    values[:, :2] += (block - 1) / 2
    level, spread = 1.0, variance
    if spread is None:
        # errors of counts are those of the expectation, which slow noise may exceed
        spread, level = np.maximum(image, _DARK * np.nanmean(image)), noise.level
    spread = np.where(np.isfinite(spread), spread, np.nanmean(spread))
    result = np.empty((len(values), 5))
    for which in np.unique(held):
        ratio = error_ratio(values, radius, spread, noise, bool(which))
        result[held == which] = np.sqrt(level) * ratio
    return result


def _summed(image: np.ndarray, block: int) -> np.ndarray:
    """Sums over whole blocks; NaN where any pixel holds no data."""
    height, width = (n // block * block for n in image.shape)
    shape = height // block, block, width // block, block
    sums: np.ndarray = image[:height, :width].reshape(shape).sum((1, 3), dtype=np.float64)
    return sums


def _coarse_start(
    start: np.ndarray, coarse: np.ndarray, width: float, block: int, bright: bool
) -> np.ndarray:
    """Complete the start from the image: the LoG of a Gaussian tells its amplitude."""
    from scipy.ndimage import gaussian_laplace

    values = np.array(start, float)
    values[:, :2] = (values[:, :2] + 0.5) / block - 0.5
    values[:, 3] = np.sqrt(np.maximum((values[:, 3] / block) ** 2 + _spread(block), 0.1))
    unknown = ~np.isfinite(values).all(1)
    filled = np.where(np.isfinite(coarse), coarse, np.nanmean(coarse))
    place = tuple(np.clip(np.rint(values[:, :2]).astype(int), 0, np.array(coarse.shape) - 1).T)
    sign = 1 if bright else -1
    response = gaussian_laplace(filled, width, mode="nearest")[place]
    amplitude = -2 * width**2 * response * sign
    typical = np.median(amplitude[amplitude > 0]) if (amplitude > 0).any() else np.ptp(filled)
    amplitude = sign * np.maximum(amplitude, _LEAST * max(typical, 1e-12))
    guess = np.column_stack(
        [values[:, :2], amplitude, np.full(len(values), width), filled[place] - amplitude]
    )
    values[unknown] = guess[unknown]
    return values


def _fine(fit: GaussianFit, covariance: np.ndarray, block: int, start: np.ndarray) -> Fits:
    """From summed to original pixels; columns that were not fixed keep their place."""
    values = np.where(fit.converged[:, None], fit.values, start)
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    amplitude, width = values[:, 2], values[:, 3]
    slope = np.column_stack([width**2, 2 * amplitude * width])
    part = covariance[:, 2:4, 2:4][:, [[0], [1]], [0, 1]]
    variance = np.einsum("ni,nij,nj->n", slope, part, slope)
    factor = 2 * np.pi * block**2
    # summing widens a Gaussian by the variance of the block
    sharp = np.sqrt(np.maximum(width**2 - _spread(block), 0.01))
    intensity = factor * amplitude * width**2
    values = values.copy()
    values[:, :2] = (values[:, :2] + 0.5) * block - 0.5
    values[:, 2] *= (width / sharp) ** 2
    values[:, 3] = sharp * block
    error = error * np.array([block, block, 1, block, 1])
    error = np.where(fit.converged[:, None], error, np.nan)
    with np.errstate(invalid="ignore"):
        intensity_error = np.where(fit.converged, factor * np.sqrt(variance), np.nan)
    return Fits(values, error, intensity, intensity_error, fit.converged.copy())


def _spread(block: int) -> float:
    """Variance that summing over blocks adds to a width [blocks squared]."""
    return (1 - 1 / block**2) / 12
