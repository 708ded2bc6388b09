"""How wrong places and intensities in an image are, as those made from halves of the data tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fits import Fits
from .in_data import InData, common
from .shown import Shown

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


class Halves:
    """Images made from either half of the data, with the columns of the whole.

    Parameters
    ----------
    shown
        The columns in the image made from all data.
    trials
        Either half (Y, X) of the data with what is expected of it from the other half.
    bright
        Polarity.
    variance
        (Y, X) of the noise of a pixel of the whole, where the data are no electrons.
    """

    def __init__(
        self,
        shown: Shown,
        trials: list[tuple[np.ndarray, np.ndarray]],
        bright: bool,
        variance: np.ndarray | None = None,
    ) -> None:
        (first, by_second), (second, by_first) = trials
        self.data = first, second
        self.variance = None if variance is None else variance / 2
        self.whole = shown
        start = shown.start * np.array([1, 1, 0.5, 1, 0.5])
        scale, given = shown.scale * shown.block, shown.given_width
        self.made = [
            Shown(image, start, scale, bright, given_width=given) for image in (by_first, by_second)
        ]

    def in_data(self) -> InData | None:
        """What all columns of the whole have in common in the data; None where nothing tells it.

        Places of each half's image are held against the other half, whose noise it does not know:
        in its own, columns would be found at the noise, as wide as they are drawn.
        """
        twice = 2 * self.whole.noise(None if self.variance is None else 2 * self.variance)
        found = [
            self.whole.in_data(2 * other, twice, made.values[:, :2])
            for made, other in zip(self.made, self.data[::-1], strict=True)
        ]
        off = (self.made[0].values - self.made[1].values)[:, :2] / np.sqrt(2)
        told = np.isfinite(off).all(1) & np.isfinite(self.whole.values[:, 3])
        if found[0] is None or found[1] is None or not told.any():
            return None
        width = (found[0].width + found[1].width) / 2
        # both know the widths of one image, so their mean is hardly better than either
        error = float(np.hypot(found[0].width_error, found[1].width_error)) / np.sqrt(2)
        # columns beside the places that an image shows are wider together, of the whole by less
        astray = _NORMAL * float(np.median(np.abs(off[told])))
        astray /= float(np.median(self.whole.values[told, 3]))
        width = float(np.sqrt(max(width**2 - astray**2 / 2, (width / 2) ** 2)))
        return found[0].of(width, error)

    def fits(self, known: InData | None) -> list[tuple[Fits, Fits]]:
        """Of the columns in either half's image, and in that half of the data.

        Parameters
        ----------
        known
            What all columns have in common in the data.
        """
        result = []
        for made, data in zip(self.made, self.data, strict=True):
            own, ratio = None, self.whole.values[:, 3] / made.values[:, 3]
            ratio = ratio[np.isfinite(ratio)]
            if known is not None and made.given_width is None and len(ratio):
                wider = float(np.median(ratio))
                own = known.of(known.width * wider, known.width_error * wider)
            result.append(made.with_data(data, self.variance, known=own))
        return result

    def places(
        self, fit: Fits, pairs: list[tuple[Fits, Fits]], open_: np.ndarray | None = None
    ) -> Places:
        """How wrong places are in the whole.

        Half the difference of the halves' images is the noise of the whole. What a network pulls
        towards its expectation, both images get wrong alike: of the places in an image less those
        in the data that it was made from, the product for both halves is in the mean the square of
        that pull, since noise of the halves is independent. Where such a pull is not clear, what is
        usual is taken. There is one factor for the whole image.

        Parameters
        ----------
        fit
            Of the denoised image, with what the noise of the data makes of its errors.
        pairs
            From ``fits``.
        open_
            (N,) columns whose places their shape leaves open, which tell nothing of a pull.
        """
        assert fit.noise is not None
        scale = self.whole.scale * self.whole.block
        (one, one_raw), (other, other_raw) = pairs
        both = fit.converged & one.converged & other.converged
        apart = (one.values - other.values)[both, :2] / 2
        error, alone = fit.error[both, :2], fit.noise[both]
        there = (error > 0) & np.isfinite(apart) & np.isfinite(alone)
        if there.sum() < 2 * _LEAST:
            return Places()
        scatter = _NORMAL * float(np.median(np.abs(apart[there] / error[there])))
        expected = 1 / np.sqrt(1 / alone[there] ** 2 + 1 / (_EXPECTED * scale) ** 2)
        weighed = _MORE * np.sqrt(scatter * float(np.median(expected / error[there])))
        usual = Places(float(min(1.0, max(scatter, weighed))))
        off = [(a.values - b.values)[both, :2] for a, b in ((one, one_raw), (other, other_raw))]
        told = there & np.isfinite(off).all(0) & (np.sqrt(2) * alone < _KNOWN * scale)
        if open_ is not None:
            told &= ~open_[both, None]
        if told.sum() < 2 * _LEAST:
            return usual
        pull, sure = _pull(*(o[told] / error[told] for o in off))
        if pull < _LIKELY * sure:
            return usual
        factor = max(float(np.hypot(scatter, np.sqrt(pull))), usual.factor)
        if pull < _SURE * sure or factor < _UNUSUAL * usual.factor:
            return Places(factor)
        return Places(factor, float(np.sqrt(pull) * np.median(error[told])))

    def intensities(
        self, fit: Fits, pairs: list[tuple[Fits, Fits]], open_: np.ndarray | None = None
    ) -> float | None:
        """By what errors of intensities are to be multiplied, as ``places``; None if unknown.

        That all columns are stronger or weaker than in the data is no part of it.
        """
        if any(made.given_width is not None for made in self.made):
            return None
        both = fit.converged & np.isfinite(fit.intensity_error) & (fit.intensity_error > 0)
        for pair in pairs:
            for each in pair:
                both = both & np.isfinite(each.intensity)
        if both.sum() < _LEAST:
            return None
        ratios = [ratio[0] for pair in pairs if (ratio := common(*pair, open_=open_)) is not None]
        if len(ratios) < len(pairs):
            return None
        error = fit.intensity_error[both]
        shown = [pair[0].intensity[both] / r for pair, r in zip(pairs, ratios, strict=True)]
        held = [pair[1].intensity[both] for pair in pairs]
        scatter = _NORMAL * float(np.median(np.abs((shown[0] - shown[1]) / error)))
        pull, sure = _pull(*(2 * (s - h) / error for s, h in zip(shown, held, strict=True)))
        return float(np.sqrt(scatter**2 + max(pull, 0.0) + sure))


def _pull(mine: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Square of what both halves' images have otherwise than their data, and its error."""
    product = _within(mine) * _within(theirs)
    return float(product.mean()), float(product.std()) / np.sqrt(product.size)


def _within(values: np.ndarray) -> np.ndarray:
    """Values, those far from zero brought nearer."""
    most = _FAR * _NORMAL * float(np.median(np.abs(values)))
    result: np.ndarray = np.clip(values, -most, most)
    return result
