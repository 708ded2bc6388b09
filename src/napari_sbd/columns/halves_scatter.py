"""How wrong places of a denoised image are, as the images made from two halves of the data tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .measure import Fits, measure

# Where data of an error r are weighed against what a network expects of places, to a spread d, the
# share g = d^2 / (d^2 + r^2) of the data is kept. Noise is then g r, and with what the expectation
# pulls away, which both halves get wrong alike, places are off by the geometric mean of g r and r.
# Of 160 simulated images, 0.25 to 20 electrons per pixel, half were off by more than 1.07 times
# that mean where networks are taken to expect places to 0.15 widths; a little more is taken, since
# too small an error is worse than too large a one (benchmarks/columns_errors.py).
_MORE, _EXPECTED = 1.15, 0.15
_LEAST = 20  # columns
_NORMAL = 1.4826  # standard deviation over median absolute deviation of normal values
_LIKELY, _SURE = 1.0, 2.0  # standard errors of a pull, from which errors hold it, and it is told
_UNUSUAL = 1.25  # times the usual factor, from which the pull is told
_FAR = 3.5  # spreads, beyond which a deviation counts as that much
_KNOWN = 0.6  # widths: errors of half of the data, beyond which these tell no places


@dataclass(frozen=True)
class Places:
    """What is known of the places of columns in a denoised image.

    Parameters
    ----------
    factor
        By what the errors of a fit are to be multiplied.
    pull
        How far columns were pulled to where the network expects them, along y or x, root mean
        square [px]; None where that is no more than usual.
    """

    factor: float = 1.0
    pull: float | None = None


def places(
    fit: Fits,
    trials: list[tuple[np.ndarray, np.ndarray]],
    variance: np.ndarray | None,
    scale: float,
    bright: bool,
) -> Places:
    """Compare places in two images made from halves of the data, and in these halves themselves.

    Half the difference of the images is the noise of the whole. What a network pulls towards its
    expectation, both images get wrong alike: of the places in an image less those in the data that
    it was made from, the product for both halves is in the mean the square of that pull, since
    noise of the halves is independent. Where such a pull is not clear, what is usual is taken.
    There is one factor for the whole image.

    Parameters
    ----------
    fit
        Of the denoised image, with what the noise of the data makes of its errors.
    trials
        Either half (Y, X) of the data with what is expected of it from the other half.
    variance
        (Y, X) of the noise of a pixel of the whole, where the data are no electrons.
    scale
        Width of the columns [px].
    bright
        Polarity.
    """
    assert fit.noise is not None
    (first, by_second), (second, by_first) = trials
    start = fit.values * np.array([1, 1, 0.5, 1, 0.5])
    half = None if variance is None else variance / 2
    (one, one_raw), (other, other_raw) = (
        measure(made, data, start, scale, bright, variance=half, given_width=fit.given_width)
        for data, made in ((first, by_first), (second, by_second))
    )
    both = fit.converged & one.converged & other.converged
    apart = (one.values - other.values)[both, :2] / 2
    error, alone = fit.error[both, :2], fit.noise[both]
    known = (error > 0) & np.isfinite(apart) & np.isfinite(alone)
    if known.sum() < 2 * _LEAST:
        return Places()
    scatter = _NORMAL * float(np.median(np.abs(apart[known] / error[known])))
    expected = 1 / np.sqrt(1 / alone[known] ** 2 + 1 / (_EXPECTED * scale) ** 2)
    weighed = _MORE * np.sqrt(scatter * float(np.median(expected / error[known])))
    usual = Places(float(min(1.0, max(scatter, weighed))))
    assert one_raw is not None and other_raw is not None
    off = [(a.values - b.values)[both, :2] for a, b in ((one, one_raw), (other, other_raw))]
    told = known & np.isfinite(off).all(0) & (np.sqrt(2) * alone < _KNOWN * scale)
    if told.sum() < 2 * _LEAST:
        return usual
    mine, theirs = (_within(o[told] / error[told]) for o in off)
    product = mine * theirs
    pull, sure = float(product.mean()), float(product.std()) / np.sqrt(product.size)
    if pull < _LIKELY * sure:
        return usual
    factor = max(float(np.hypot(scatter, np.sqrt(pull))), usual.factor)
    if pull < _SURE * sure or factor < _UNUSUAL * usual.factor:
        return Places(factor)
    return Places(factor, float(np.sqrt(pull) * np.median(error[told])))


def _within(values: np.ndarray) -> np.ndarray:
    """Values, those far from zero brought nearer."""
    most = _FAR * _NORMAL * float(np.median(np.abs(values)))
    result: np.ndarray = np.clip(values, -most, most)
    return result
