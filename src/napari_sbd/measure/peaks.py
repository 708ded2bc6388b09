"""Peaks of a profile, and the spacings between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SBDError
from .peak_fit import MOST, best_fit
from .peak_search import comb, tops

if TYPE_CHECKING:
    import pandas as pd

    from .profile import Profile

_HIGH = 0.25  # prominence over the range of the profile
_VAGUE = 0.3  # of the mean spacing, beyond which its error leaves nothing to tell
_SEEN = 3.0  # errors of their heights, below which fits follow the noise
_SHORT, _LONG = 0.6, 1.5  # of the upper and lower quartile: a peak is doubled or missing


@dataclass(frozen=True, eq=False)
class Peaks:
    """Peaks of a profile, fitted together.

    Parameters
    ----------
    position, position_err
        (n,) from the start of the line [unit].
    spacing, spacing_err
        (n - 1,) of neighbours [unit].
    mean, mean_err
        Slope of position over number, which is the mean spacing where no peak is missing [unit].
    unit
        ``"nm"`` or ``"px"``.
    misfit
        Chi squared over its degrees of freedom; errors are widened by its root where it is above 1.
        NaN where the noise is not known: errors then come from the misfit alone.
    """

    position: np.ndarray
    position_err: np.ndarray
    spacing: np.ndarray
    spacing_err: np.ndarray
    mean: float
    mean_err: float
    unit: str
    misfit: float

    @property
    def doubt(self) -> str:
        """What speaks against the mean spacing, in words; empty where nothing does."""
        # not against the median: where half of them are doubled, it lies in between
        few, many = np.quantile(self.spacing, (0.25, 0.75))
        if ((self.spacing < _SHORT * many) | (self.spacing > _LONG * few)).any():
            return (
                "The spacings differ by more than half: a peak may be missing or doubled, and then "
                "the mean spacing is wrong."
            )
        return ""

    def table(self) -> pd.DataFrame:
        """One row for each peak; the spacing is that to the next one."""
        import pandas as pd

        def padded(values: np.ndarray) -> np.ndarray:
            return np.append(values, np.nan)

        u = self.unit
        return pd.DataFrame(
            {
                f"position_{u}": self.position,
                f"position_err_{u}": self.position_err,
                f"spacing_{u}": padded(self.spacing),
                f"spacing_err_{u}": padded(self.spacing_err),
            }
        )


def find_peaks(profile: Profile, *, dark: bool = False, share: float = _HIGH) -> Peaks:
    """Find the peaks of a profile and fit Gaussians of one width on a straight background.

    Peaks are looked for in the second of the profile's values where there is one (the denoised
    image), and fitted to the first, whose noise is known; flanks of peaks just beyond the ends of
    the line are part of the fit. In faint profiles single values hide them: means over the width of
    a peak are looked at, what stands out of the fit by half of a usual peak and five standard
    deviations is one more, and so are those in between that together stand out by three. Where the
    fit still leaves more than the noise, one from peaks of the profile's strongest period is tried,
    and the better of both counts.

    Parameters
    ----------
    profile
        From ``line_profile``.
    dark
        Whether minima are the peaks.
    share
        Of the profile's range by which a peak must stand out; with known noise also by four
        standard deviations.

    Raises
    ------
    SBDError
        If there are fewer than two peaks, the fit does not succeed, or peaks are usually less than
        three times as high as their errors.
    """
    sign = -1.0 if dark else 1.0
    names = list(profile.values)
    shown = sign * profile.values[names[min(1, len(names) - 1)]]
    fitted = sign * profile.values[names[0]]
    held = np.isfinite(shown) & np.isfinite(fitted)
    if held.sum() < 6:
        raise SBDError("The profile is too short for peaks; draw a longer line.")
    first, last = np.flatnonzero(held)[[0, -1]]
    inside = slice(first, last + 1)
    t, shown, fitted = profile.position[inside], shown[inside], fitted[inside]
    known = held[inside]
    covariance = profile.covariance[inside, inside][np.ix_(known, known)]
    noise = covariance if len(names) == 1 and np.isfinite(covariance).all() else None
    clear = tops(shown, known, share, noise)
    if len(clear) < 2:
        raise SBDError(
            f"The profile has {'one' if len(clear) else 'no'} clear "
            f"{'minimum' if dark else 'maximum'}; draw a longer or a wider line, or choose the "
            "other polarity."
        )
    if len(clear) > MOST:
        raise SBDError(f"The profile has {len(clear)} peaks, more than {MOST}: it is mostly noise.")
    of_noise = t[known], fitted[known], covariance
    best = best_fit(*of_noise, t[clear], comb(*of_noise[:2]) if noise is not None else t[:0])
    found = _spaced(best.places, best.spread, profile.unit, best.misfit)
    if found.mean_err > _VAGUE * found.mean or best.seen < _SEEN:
        raise SBDError(
            f"The noise hides the peaks: the usual height is {max(best.seen, 0):.1f} times its "
            "error, and the mean spacing would be known to "
            f"{100 * found.mean_err / found.mean:.0f} %; draw a longer or a wider line."
        )
    return found


def _spaced(places: np.ndarray, spread: np.ndarray, unit: str, misfit: float) -> Peaks:
    """Spacings and their mean, with errors that know of common peaks."""
    count = len(places)
    hops = np.diff(np.eye(count), axis=0)
    number = np.arange(count) - (count - 1) / 2
    slope = number / (number**2).sum()
    return Peaks(
        places,
        np.sqrt(np.diagonal(spread)),
        hops @ places,
        np.sqrt(np.diagonal(hops @ spread @ hops.T)),
        float(slope @ places),
        float(np.sqrt(slope @ spread @ slope)),
        unit,
        misfit,
    )
