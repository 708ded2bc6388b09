"""Columns as an image shows them, and as the data show them that it was made from."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..noise.covariance import Covariance
from .alone import covariance_alone
from .correlated import error_ratio
from .fit import GaussianFit
from .fits import Fits, in_pixels
from .in_data import InData, at_places, in_data
from .one_width import one_width
from .start import coarse_start, summed
from .way import AGAIN, Way, spread

_FOUND = 0.3  # of the radius: how far the fit of a column may be from where it was found
_FINEST = 1.2  # px; images are summed until the columns are hardly wider
_KNOWN = 0.1  # relative standard error beyond which counts alone do not fix a width
_CELL = np.pi  # squared widths in which a denoised image holds one independent error
_DARK = 0.05  # of the mean: the least expectation whose variance is believed


class Shown:
    """Columns as an image shows them, fitted by least squares.

    Parameters
    ----------
    image
        (Y, X) denoised.
    start
        (N, 5) as ``Fits.values``; NaN beyond the position where nothing is known yet.
    scale
        Width of the columns [px].
    bright
        Polarity.
    free
        (N,) which columns to fit; all by default.
    given_width
        Sigma of all columns [px], where an earlier fit has shown that nothing tells it.
    """

    def __init__(
        self,
        image: np.ndarray,
        start: np.ndarray,
        scale: float,
        bright: bool,
        free: np.ndarray | None = None,
        given_width: float | None = None,
    ) -> None:
        self.image, self.start, self.block = image, start, max(1, int(scale / _FINEST))
        self.scale = scale / self.block
        self.coarse = coarse = summed(image, self.block) / self.block**2
        seen = coarse_start(start, coarse, self.scale, self.block, bright)
        way, width = Way(seen, coarse.shape, self.scale, free), given_width
        leash = _FOUND if free is None else AGAIN
        if width is None:

            def untold(values: np.ndarray) -> float | None:
                return one_width(seen[:, :2], values[: len(seen), 3]) if free is None else None

            fit = way.fit(coarse, way.first, leash, enough=lambda v: untold(v) is not None)
            width = untold(fit.values)
        else:
            width = float(np.hypot(width / self.block, np.sqrt(spread(self.block))))
        if width is not None:
            way = Way(seen, coarse.shape, self.scale, free, width)
            fit = way.fit(coarse, way.first, leash)
        self.way, self.fit = way, fit
        self.to_sums = np.array([1, 1, self.block**2, 1, self.block**2])
        self.model = np.where(fit.converged[:, None], fit.values, way.first) * self.to_sums

    @property
    def given_width(self) -> float | None:
        """Sigma that all columns have [px], as nothing tells it; None where they are fitted."""
        width = self.way.width
        if width is None:
            return None
        return self.block * float(np.sqrt(width**2 - spread(self.block)))

    @cached_property
    def values(self) -> np.ndarray:
        """(N, 5) as ``Fits.values``; NaN of those that the image does not fix."""
        fine = self._fine(self.fit, self.fit.covariance)
        result: np.ndarray = np.where(fine.converged[:, None], fine.values, np.nan)
        return result[: self.way.count]

    def alone(self) -> Fits:
        """The fit, with errors from its residual alone.

        How far that hangs together is measured (``covariance_alone``): it holds for noise that was
        recorded, added up or blurred, and not for what a network gets wrong.
        """
        way, held = self.way, self.way.width is not None
        alone = covariance_alone(self.coarse, self.fit, way.radius, self.scale, held)
        return self._asked(self._fine(self.fit, alone))

    def in_data(
        self,
        counts: np.ndarray,
        variance: np.ndarray | None = None,
        places: np.ndarray | None = None,
    ) -> InData | None:
        """What all columns have in common in the data; None where nothing tells their width.

        Parameters
        ----------
        counts, variance
            As of ``with_data``.
        places
            (N, 2) y, x [px] of the columns, instead of those that the image shows; NaN where there
            are no others.
        """
        if self.way.width is not None:
            return None
        sums, weights = summed(counts, self.block), summed(self.noise(variance), self.block)
        model = self.model.copy()
        if places is not None:
            there = (places + 0.5) / self.block - 0.5
            model[: len(there), :2] = np.where(np.isfinite(there), there, model[: len(there), :2])
        return in_data(self.way, sums, model, weights, self.block)

    def with_data(
        self,
        counts: np.ndarray,
        variance: np.ndarray | None = None,
        correlated: Covariance | None = None,
        known: InData | None = None,
    ) -> tuple[Fits, Fits]:
        """The fit to the image, with errors that the data make, and one to these.

        Parameters
        ----------
        counts
            (Y, X) electrons, in which case the image is in electrons too; or values with noise of
            the given variance.
        variance
            (Y, X) of the noise of a pixel of ``counts``, where these are no electrons.
        correlated
            How the noise of pixels hangs together; None where it is independent.
        known
            What all columns have in common in the data.

        Returns
        -------
        The second by Poisson maximum likelihood, or by least squares where the data are no counts.
        Where these fix the width of a column to no better than 10 %, it has what all have in common
        (``known``), without error, and amplitude, intensity and background are those at the place
        that the image shows. NaN where the data alone do not fix a column.

        Notes
        -----
        Errors of the first fit add two variances: what the counting statistics of the fitted model
        allow (its inverse Fisher information), and the residual of the fit, taken as one
        independent error in pi squared widths since a denoised image is smooth. A network also
        draws on other columns, so the first is an upper bound to the noise, but it says nothing
        about what a network invents.

        Errors of the second fit are the larger of two inverse Fisher informations, that of the
        fitted column and that of the denoised one: of a column that is hardly above the noise the
        counts only show those whose noise adds to them, so the first alone is up to a third too
        small.
        """
        way, fit, model = self.way, self.fit, self.model
        data = summed(counts, self.block)
        noise = None if variance is None else summed(variance, self.block)
        likelihood: dict[str, Any] = {"poisson": noise is None, "variance": noise}
        expected = way.fit(data, model, iterations=0, **likelihood)
        width_error = np.sqrt(expected.covariance[:, 3, 3]) / model[:, 3]
        held = ~(width_error < _KNOWN) | (way.width is not None)
        more = np.ones((len(model), 5))
        if correlated is not None:
            more = self._more(variance, correlated, held)
        shared = more[:, :, None] * more[:, None] / np.outer(self.to_sums, self.to_sums)
        counted = expected.covariance * shared
        independent = max(_CELL * self.scale**2, 1.0)
        residual = fit.covariance * (fit.dispersion * independent)[:, None, None]
        denoised = replace(
            self._fine(fit, residual + counted),
            noise=self.block * np.sqrt(np.diagonal(counted, axis1=1, axis2=2)[:, :2]),
        )
        start = model if known is None else known.narrowed(model, self.block)
        raw = way.fit(data, start, hold_width=held, **likelihood)
        foreseen = expected
        if way.width is None and held.any():
            foreseen = way.fit(data, start, hold_width=held, iterations=0, **likelihood)
        in_pixels = replace(raw, values=raw.values / self.to_sums)
        result = self._fine(in_pixels, raw.covariance * shared)
        cautious = self._fine(in_pixels, foreseen.covariance * shared)
        np.fmax(result.error, cautious.error, out=result.error)
        np.fmax(result.intensity_error, cautious.intensity_error, out=result.intensity_error)
        lost = ~raw.converged
        for array in (result.values, result.error, result.intensity, result.intensity_error):
            array[lost] = np.nan
        if known is not None and held.any():
            there = at_places(way, data, start, summed(self.noise(variance), self.block))
            covariance = there.covariance * shared
            there = replace(there, values=there.values / self.to_sums)
            _take(result, self._fine(there, covariance), held, known)
        result.error[held, 3] = np.nan
        return self._asked(denoised), self._asked(result)

    def noise(self, variance: np.ndarray | None) -> np.ndarray:
        """(Y, X) variance of the noise of a pixel; of counts that which the image lets expect."""
        if variance is None:
            variance = np.maximum(self.image, _DARK * np.nanmean(self.image))
        result: np.ndarray = np.where(np.isfinite(variance), variance, np.nanmean(variance))
        return result

    def _more(self, variance: np.ndarray | None, noise: Covariance, held: np.ndarray) -> np.ndarray:
        """(N, 5) by how much correlated noise raises the errors of columns in summed pixels."""
        block = self.block
        values = self.model / self.to_sums * [block, block, 1, block, 1]
        values[:, :2] += (block - 1) / 2
        # errors of counts are those of the expectation, which slow noise may exceed
        noisy, level = self.noise(variance), noise.level if variance is None else 1.0
        result = np.empty((len(values), 5))
        for which in np.unique(held):
            ratio = error_ratio(values, self.way.radius * block, noisy, noise, bool(which))
            result[held == which] = np.sqrt(level) * ratio
        return result

    def _fine(self, fit: GaussianFit, covariance: np.ndarray) -> Fits:
        return in_pixels(fit, covariance, self.block, self.way.first)

    def _asked(self, fits: Fits) -> Fits:
        """Fits of the columns that are asked for, without those beyond the frame.

        Of columns that were given a width, only errors of places mean something.
        """
        way = self.way
        arrays: dict[str, Any] = {
            n: None if v is None else v[: way.count] for n, v in vars(fits).items()
        }
        result = Fits(**arrays)
        if self.given_width is None:
            return result
        error = np.where(np.arange(5) < 2, result.error, np.nan)
        unknown = np.full(way.count, np.nan)
        return replace(result, error=error, intensity_error=unknown)


def _take(fits: Fits, given: Fits, which: np.ndarray, known: InData) -> None:
    """Take over what was fitted at given places, whether a free place was found or not."""
    amplitude, intensity = given.values[:, 2], given.intensity
    given.error[:, 2] = np.hypot(given.error[:, 2], known.amplitude_error * amplitude)
    error = np.hypot(given.intensity_error, known.intensity_error * intensity)
    for name in (2, 3, 4):
        fits.values[which, name] = given.values[which, name]
        fits.error[which, name] = given.error[which, name]
    fits.intensity[which], fits.intensity_error[which] = intensity[which], error[which]
