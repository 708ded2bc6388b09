"""How far columns scatter between the images denoised from two halves of the data."""

from __future__ import annotations

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


def position_factor(fit: Fits, estimates: list[np.ndarray], scale: float, bright: bool) -> float:
    """By what the errors of a fit's places are to be multiplied to be those that halves show.

    Half the difference of two halves is the noise of the whole; what both get wrong alike follows
    from it and from the error of columns that stand alone. One factor for the whole image, at most
    1: a network also draws on other columns than the fit does.

    Parameters
    ----------
    fit
        Of the image, with what the noise of the data makes of its errors.
    estimates
        (Y, X) each, what was made from either half, at the scale of the whole.
    scale
        Width of the columns [px].
    bright
        Polarity.
    """
    assert fit.noise is not None
    one, other = (
        measure(image, None, fit.values, scale, bright, given_width=fit.given_width)[0]
        for image in estimates
    )
    both = fit.converged & one.converged & other.converged
    apart = (one.values - other.values)[both, :2] / 2
    error, alone = fit.error[both, :2], fit.noise[both]
    known = (error > 0) & np.isfinite(apart) & np.isfinite(alone)
    if known.sum() < 2 * _LEAST:
        return 1.0
    apart, error, alone = apart[known], error[known], alone[known]
    scatter = _NORMAL * float(np.median(np.abs(apart / error)))
    alone = 1 / np.sqrt(1 / alone**2 + 1 / (_EXPECTED * scale) ** 2)
    weighed = _MORE * np.sqrt(scatter * float(np.median(alone / error)))
    return float(min(1.0, max(scatter, weighed)))
