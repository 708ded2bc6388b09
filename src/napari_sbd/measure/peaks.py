"""Peaks of a profile, and the spacings between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SBDError

if TYPE_CHECKING:
    import pandas as pd

    from .profile import Profile

_HIGH = 0.25  # prominence over the range of the profile
_VAGUE = 0.3  # of the mean spacing, beyond which its error leaves nothing to tell
_SURE = 5.0  # prominence over the error of the profile
_LIKELY = 4.0  # the same, of what is fitted to see
_LOW = 0.5  # height over the usual one, of what stands out of the fit by as many errors
_SCALES = 0.0, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6  # samples over which means are taken
_TOGETHER = 3.0  # standard deviations of the height of all peaks that are hidden
_PARTS = 5  # of the shortest gap that are looked for
_WIDEST = 0.25  # of a period, peaks that stand apart
_ROUNDS = 4  # of fits with peaks that stood out of the one before
_SHORT, _LONG = 0.6, 1.5  # of the median spacing: a peak is doubled or missing
_MOST = 200  # peaks
_FLOOR = 1e-9  # of the mean variance, so that the covariance can be inverted


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
        usual = np.median(self.spacing)
        if ((self.spacing < _SHORT * usual) | (self.spacing > _LONG * usual)).any():
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
    image), and fitted to the first, whose noise is known. In faint profiles single values hide
    them: means over the width of a peak are looked at, what stands out of the fit by half of a
    usual peak and five standard deviations is one more, and so are those in between that together
    stand out by three.

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
        If there are fewer than two peaks, or the fit does not succeed.
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
    tops = _tops(shown, known, share, noise)
    if len(tops) < 2:
        raise SBDError(
            f"The profile has {'one' if len(tops) else 'no'} clear "
            f"{'minimum' if dark else 'maximum'}; draw a longer or a wider line, or choose the "
            "other polarity."
        )
    if len(tops) > _MOST:
        raise SBDError(f"The profile has {len(tops)} peaks, more than {_MOST}: it is mostly noise.")
    start = t[tops]
    for _ in range(_ROUNDS):
        places, spread, misfit, better = _fit(t[known], fitted[known], covariance, start)
        if len(better) == len(places) or len(better) < 2:
            break
        start = better
    if (np.diff(places) <= 0).any():
        raise SBDError("Peaks of the profile run into each other; draw a wider line.")
    found = _spaced(places, spread, profile.unit, misfit)
    if found.mean_err > _VAGUE * found.mean:
        raise SBDError(
            f"The noise hides the peaks: their mean spacing would be known to "
            f"{100 * found.mean_err / found.mean:.0f} %; draw a longer or a wider line."
        )
    return found


def _tops(
    values: np.ndarray, known: np.ndarray, share: float, covariance: np.ndarray | None
) -> np.ndarray:
    """Places of clear maxima; with known noise at the scale that shows most of them.

    Single samples of a faint profile hide what means over the width of a peak show clearly.

    Parameters
    ----------
    values
        (n,).
    known
        (n,) bool: where there are values.
    share
        Of the range, by which maxima stand out.
    covariance
        Of the known values; None where their noise is not known, or is not what hides them.
    """
    from scipy.signal import find_peaks as local_maxima

    step = np.subtract.outer(np.arange(len(values)), np.flatnonzero(known))
    best = np.zeros(0, int)
    for scale in (0.0,) if covariance is None else _SCALES:
        weight = (step == 0).astype(float) if scale == 0 else _bells(step, scale)
        weight = weight[known] / weight[known].sum(1, keepdims=True)
        smooth = weight @ values[known]
        least = share * float(np.ptp(smooth))
        if covariance is not None:  # of a top less a saddle
            error = float(np.sqrt(((weight @ covariance) * weight).sum(1).max()))
            least = max(least, _LIKELY * np.sqrt(2) * error)
        shown = np.full(len(values), -np.inf)
        # of two tops as high as each other, as whole numbers of counts often are, one is the peak
        shown[known] = smooth + 1e-9 * np.ptp(smooth) * np.linspace(0, 1, len(smooth))
        tops, _ = local_maxima(shown, prominence=least)
        if len(tops) > len(best):
            best = tops
    return best


def _bells(apart: np.ndarray, width: float) -> np.ndarray:
    """Gaussians of height 1 at distances from their middles."""
    result: np.ndarray = np.exp(-((apart / width) ** 2) / 2)
    return result


def _fit(
    t: np.ndarray, values: np.ndarray, covariance: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """Positions, their covariance, chi squared over its degrees of freedom; where to start better.

    That is without peaks that left the line or ran into a higher one, and with overlooked ones.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import least_squares

    count = len(start)
    # in gaps and in ranges of the values, so that no unit makes the system look singular
    gap, scale = float(np.median(np.diff(start))), float(np.ptp(values)) or 1.0
    t, start, values, covariance = t / gap, start / gap, values / scale, covariance / scale**2
    middle = float(t.mean())
    if known := bool(np.isfinite(covariance).all() and np.trace(covariance) > 0):
        level = np.trace(covariance) / len(t)
        # samples of one pixel's step are nearly independent, but not quite
        lower = np.linalg.cholesky(covariance + max(_FLOOR, 1e-6) * level * np.eye(len(t)))
    else:
        lower = np.eye(len(t))

    def model(p: np.ndarray) -> np.ndarray:
        centre, height, width = p[:count], p[count : 2 * count], p[2 * count]
        background: np.ndarray = p[-2] + p[-1] * (t - middle)
        result: np.ndarray = _bells(np.subtract.outer(t, centre), width) @ height + background
        return result

    def misfit(p: np.ndarray) -> np.ndarray:
        result: np.ndarray = solve_triangular(lower, model(p) - values, lower=True)
        return result

    heights = np.interp(start, t, values) - values.min()
    guess = np.concatenate([start, heights, [0.2, values.min(), 0.0]])
    found = least_squares(misfit, guess, x_scale=np.maximum(np.abs(guess), 1e-3))
    freedom = max(len(t) - len(guess), 1)
    reduced = 2 * float(found.cost) / freedom
    normal = found.jac.T @ found.jac
    if not found.success or np.linalg.matrix_rank(normal) < len(guess):
        raise SBDError("The peaks of the profile could not be fitted; draw a wider line.")
    spread = np.linalg.inv(normal)[:count, :count]
    spread *= max(reduced, 1.0) if known else reduced
    places, heights, width = found.x[:count], found.x[count : 2 * count], abs(found.x[2 * count])
    better = places
    if known:
        own = _apart(t[[0, -1]], heights, places, np.zeros(0), width)
        at_each = _bells(np.subtract.outer(t, t), width)
        bells = solve_triangular(lower, at_each, lower=True)
        length = np.sqrt((bells**2).sum(0))
        surely = -(found.fun @ bells) / length  # of its height [standard deviations]
        surely[(t < t[0] + width) | (t > t[-1] - width)] = 0.0
        least = np.maximum(_LOW * float(np.median(heights)) * length, _SURE)
        more = _apart(t[[0, -1]], np.where(surely > least, surely, 0.0), t, own, 2 * width)
        better = np.sort(np.concatenate([own, more]))
        if len(better) == count:
            better = _with_hidden(t, values, lower, places, width)
    return gap * places, gap**2 * spread, reduced if known else np.nan, gap * better


def _with_hidden(
    t: np.ndarray, values: np.ndarray, lower: np.ndarray, places: np.ndarray, width: float
) -> np.ndarray:
    """Peaks with those between them that each alone is hidden by the noise, but all are not.

    Of faint peaks the noise lifts a few, which are then whole numbers of periods apart. So each gap
    is parted by a fraction of the shortest one, and all places between are given one height.
    """
    from scipy.linalg import solve_triangular

    gaps = np.diff(places)
    best, found = _TOGETHER, places
    for parts in range(1, _PARTS + 1):
        period = float(gaps.min()) / parts
        number = np.maximum(np.rint(gaps / period).astype(int), 1)
        if period < 2 * width and parts > 1:
            break
        between = [
            start + gap * np.arange(1, n) / n
            for start, gap, n in zip(places[:-1], gaps, number, strict=True)
        ]
        hidden = np.concatenate(between)
        if not len(hidden):
            continue
        sigma = min(width, _WIDEST * period)
        all_hidden, seen = (_bells(np.subtract.outer(t, at), sigma) for at in (hidden, places))
        terms = np.column_stack([all_hidden.sum(1), seen, np.ones_like(t), t - t.mean()])
        terms = solve_triangular(lower, terms, lower=True)
        inverse = np.linalg.pinv(terms.T @ terms)
        height = inverse @ terms.T @ solve_triangular(lower, values, lower=True)
        usual = float(np.median(height[1 : 1 + len(places)]))
        surely = float(height[0] / np.sqrt(inverse[0, 0]))
        if surely > best and height[0] > _LOW * usual:
            best, found = surely, np.sort(np.concatenate([places, hidden]))
    return found


def _apart(
    ends: np.ndarray, strength: np.ndarray, places: np.ndarray, others: np.ndarray, reach: float
) -> np.ndarray:
    """The strongest places between two ends, neither within reach of each other nor of others."""
    left = (places > ends[0]) & (places < ends[1]) & (strength > 0)
    left &= (np.abs(places[:, None] - others) > reach).all(1)
    chosen = []
    while left.any():
        chosen.append(places[np.argmax(np.where(left, strength, 0.0))])
        left &= np.abs(places - chosen[-1]) > reach
    return np.array(chosen)


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
