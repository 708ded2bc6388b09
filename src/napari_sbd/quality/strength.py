"""How strong noise is beside that of electrons, within what the number of frequencies allows.

A point spread damps fast noise and leaves slow noise as strong as the electrons make it, so the
strongest of some bands of frequencies is what can be compared with electrons. A band of n powers of
white noise has a mean that is distributed as chi-squared of 2 n degrees over 2 n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..noise.level import mean_below_limit

_WIDENS = 1.5  # times the frequency, from band to band
_ERROR = 5e-3  # probability that noise of electrons is called none
_FEWEST = 4  # powers in a band
_UNEVEN = 1e-3  # probability that the bands of white noise are called unlike
_FALLS = 0.01  # the same, since they fall towards high frequencies
_DAMPED = 4.0  # times weaker than slow noise: what fast noise says nothing of that any more
_TERMS = 3  # of a parabola
_CUT = 1.15  # times the variance of a mean from which what may be a peak is left out


@dataclass(frozen=True)
class Strength:
    """Power of noise in units of that of electrons.

    Parameters
    ----------
    value
        Of the strongest band of frequencies; of all where they are alike.
    low, high
        What it is within, at 99.5 %.
    even
        Whether all bands are alike, as those of white noise are.
    """

    value: float
    low: float
    high: float
    even: bool


def strength_of(power: np.ndarray, frequency: np.ndarray, held: float) -> Strength:
    """Look at the bands.

    Parameters
    ----------
    power, frequency
        (N,) of a residual, exponentially distributed about 1 if it is noise of electrons, and
        cycles per working pixel.
    held
        Share of the image that holds data: so many of the powers are independent.
    """
    from scipy.stats import chi2, norm

    band = np.floor(np.log(frequency / frequency.min()) / np.log(_WIDENS)).astype(int)
    parts = [p for i in np.unique(band) if ((p := band == i).sum() * held >= _FEWEST)]
    parts = parts or [np.ones(len(power), bool)]  # of a few pixels, all together
    mean = np.array([mean_below_limit(power[part]) for part in parts])
    square = np.array([(frequency[part] ** 2).mean() for part in parts])
    number = np.array([part.sum() for part in parts]) * held / _CUT
    whole = float(number @ mean / number.sum())
    # the logarithm of a mean lies below that of the expectation
    level = np.log(mean) + 1 / (2 * number)
    unlike = float(number @ (level - np.log(whole)) ** 2)
    even = bool(chi2.sf(unlike, max(len(mean) - 1, 1)) > _UNEVEN)
    beyond = square - number @ square / number.sum()
    falls = -float(number @ (beyond * level)) / np.sqrt(float(number @ beyond**2) or 1.0)
    even = even and bool(falls < norm.isf(_FALLS))
    if even:
        mean, number = np.array([whole]), number.sum(keepdims=True)
    tail = _ERROR / 2 / len(mean)
    low, high = (mean * 2 * number / chi2.isf(p, 2 * number) for p in (tail, 1 - tail))
    strongest = int(np.argmax(low))
    value, most = float(mean[strongest]), float(high.max())
    least = float(low.max())
    if not even and (slow := _slowest(square, level, number)) is not None:
        # the bands of slow noise are narrow; where the denoised image follows it, others are
        # stronger
        most = min(most, max(slow[2], float(mean.max())))
        value, least = max(value, slow[1]), max(least, slow[0])
    return Strength(value, least, most, even)


def _slowest(
    square: np.ndarray, level: np.ndarray, number: np.ndarray
) -> tuple[float, float, float] | None:
    """Power towards zero frequency, of noise that a point spread damps: low, value and high.

    A parabola of the squared frequency through the logarithms of power, as far as most of it is
    left; None where the bands are too few.
    """
    from scipy.stats import norm

    used = level > np.average(level[:3], weights=number[:3]) - np.log(_DAMPED)
    if used.sum() < _TERMS + 1:
        return None
    root = np.sqrt(number[used])[:, None]
    u = square[used] / square[used].max()
    design = np.stack([u**i for i in range(_TERMS)], 1) * root
    found = np.linalg.lstsq(design, level[used] * root[:, 0], rcond=None)[0]
    off = design @ found - level[used] * root[:, 0]
    unsure = max(1.0, float(off @ off) / (used.sum() - _TERMS))
    error = float(np.sqrt(unsure * np.linalg.inv(design.T @ design)[0, 0]))
    reach = float(norm.isf(_ERROR / 2)) * error
    low, value, high = (float(np.exp(found[0] + r)) for r in (-reach, 0.0, reach))
    return low, value, high
