"""How the noise variance of tiles grows with their mean: electrons, rounding, fixed patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .variance_line import Line, fit_line

_COUNTED = 3.0, 0.05  # errors, or share, by which gain and step of counted values may differ
_PATTERN_SEEN = 1e-4  # squared relative spread of the pixels' sensitivity that matters
_COARSE = 8  # times the variance of the rounding that the noise should have, to be told from it
_FINE = 2.0  # steps of the values that an electron should make, or rounding follows their number


@dataclass(frozen=True)
class Growth:
    """How the variance grows with the mean.

    Parameters
    ----------
    line
        Gain and offset.
    step
        Of the values [file units]; 0 where these are no whole numbers.
    rounding
        Variance that the steps add.
    counted
        Whether the steps are electrons.
    """

    line: Line
    step: float
    rounding: float
    counted: bool

    def gain_err(self, share_err: float) -> float:
        """Of a gain that nobody knew, with the relative error of the share that passes."""
        if self.counted:  # then the gain is the step
            return max(self.line.gain_err, abs(self.line.gain - self.step))
        return float(np.hypot(self.line.gain_err, self.line.gain * share_err))

    def doubts(self, variance: np.ndarray) -> Iterator[str]:
        """Why a straight line is not all there is to the variance of tiles."""
        if self.line.pattern > max(3 * self.line.pattern_err, _PATTERN_SEEN):
            yield (
                "The noise grows faster than the brightness: the pixels differ in sensitivity (a "
                "fixed pattern); frames of a still scene tell the gain without it"
            )
        coarse = _COARSE * self.rounding > float(np.nanmedian(variance))
        if coarse or (not self.counted and abs(self.line.gain) < _FINE * self.step):
            yield "The steps of the values are coarse beside the noise"


def growth_of(
    shot: tuple[np.ndarray, np.ndarray, float],
    step: float,
    gain: float | None,
    offset: float | None,
    independent: bool,
    still: bool,
) -> Growth:
    """The line through tiles: their mean, variance without read-out, and the share that passed."""
    mean, variance, share = shot

    def line(rounding: float, patterned: bool, counted: bool) -> Line:
        true = (variance - rounding) / share
        return fit_line(mean, true, gain=gain, offset=offset, patterned=patterned, counted=counted)

    found = line(0.0, False, True)
    # the steps of the values are electrons, which pixels of unlike sensitivity would not count in
    counted = bool(step) and independent
    counted &= abs(found.gain - step) < max(_COUNTED[0] * found.gain_err, _COUNTED[1] * step)
    if counted:
        return Growth(found, step, 0.0, True)
    rounding = step**2 / 12
    return Growth(line(rounding, not still, False), step, rounding, False)


def step_of(frame: np.ndarray) -> float:
    """Distance of neighbouring values that a file of whole numbers can hold; 0 for others."""
    values = np.unique(frame[np.isfinite(frame)])
    if (values != np.round(values)).any():
        return 0.0
    return float(np.gcd.reduce(np.diff(values).astype(np.int64))) if len(values) > 1 else 0.0
