"""How far a camera spreads its electrons, and how much of the noise that leaves, from an image.

A point spread damps the fast noise, by which the gain is measured; the noise at frequency zero is
that of the electrons. Between them the signal hides the noise. There the shape of the fast part is
continued, and checked against what the slow part shows at least: the signal only adds to the noise,
so where the image is quietest its slow variations bound the noise from above. A halo, light that
spreads over several pixels, stands there above the shape, and so does what the signal leaves; both
make the gain uncertain by as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .level import mean_below_limit
from .spectrum import FREQUENCY, Shape, fit
from .whiteness import Whiteness

_MISFIT = 0.1  # of the noise spectrum
_ONE_SIDED = 0.03  # difference of the correlations along y and x
_MODEL = 0.02  # relative error of the filtered noise from the shape of the spectrum
_HIDDEN = 0.3  # error of what the spectrum loses where the signal hides it, relative to that
_HIDDEN_TAIL = 4.0  # the same, for each unit of tail
_SHAPED = 0.03  # error of a correlation from the shape of the spectrum; sampled Gaussians lose it

_SLOW = 0.012, 0.03  # cycles per pixel, where halos of 3 to 10 px show
_WINDOW = 256  # px along a side, of the parts that are looked at
_HALFWIDTH = 2.0  # of the tapers' spectra, in frequencies of the window
_TAPERS = 3  # along each axis
_MOST = 64  # parts
_MISSING = 0.01  # of a part's pixels, beyond which it tells nothing
_LESS_SURE = 1.2  # times the error of all parts has their quietest third
_BY_CHANCE = 0.5  # of the bound's error that counts, since signal only raises it
_QUIETEST = 3  # one of so many parts is taken

_SLOWER = (
    "Slow variations are stronger than the point spread lets expect: detail of the sample, or "
    "light that spreads over many pixels; an evenly lit region or frames of a still scene tell"
)
_WIDER = (
    "Slow noise is stronger than the point spread lets expect: light that spreads over many pixels"
)


@dataclass(frozen=True)
class PointSpread:
    """What the noise spectrum says.

    Parameters
    ----------
    shape, power
        Of the noise, and its power at frequency zero as the shape continues it.
    correlation_err
        Standard error of the correlation of neighbours.
    share, share_err
        Of the noise that passes a filter, relative to white noise, and its standard error, which
        is relative where the noise is correlated.
    doubts
        What is not that of a point spread, in sentences.
    """

    shape: Shape
    power: float
    correlation_err: float
    share: float
    share_err: float
    doubts: tuple[str, ...]


def point_spread(
    spectra: np.ndarray,
    lowest: float,
    kernel: np.ndarray,
    test: Whiteness,
    image: np.ndarray,
    hidden: bool,
) -> PointSpread:
    """Fit noise spectra beyond a frequency, and bound what lies below it.

    Parameters
    ----------
    spectra
        (K, M) noise power of parts of an image, as ``spectra_of`` gives it.
    lowest
        Cycles per pixel, below which the signal hides the noise.
    kernel
        (2 n + 1, 2 n + 1) filter of unit energy that passes fast variations only.
    test
        Of the same noise.
    image
        (Y, X) whose slow variations bound the noise, NaN where there are no data.
    hidden
        Whether signal may hide the noise below that frequency; else the image holds none.
    """
    whole = np.mean(spectra, 0)
    used = lowest < FREQUENCY
    doubts = []
    if test.streaked:
        doubts.append("Whole rows or columns are brighter or darker than others")
    if test.independent:
        shape = Shape()
        power = float(whole[used].mean())
        # a correlation of neighbours that was overlooked: four of them, twice in the power
        share_err = 8 * test.error
        correlation_err = test.error
    else:
        count = len(spectra) ** 0.5
        shape, power = fit(FREQUENCY, whole, lowest)
        shapes = [fit(FREQUENCY, part, lowest)[0] for part in spectra]
        error = np.std(spectra, 0) / count
        off = (np.abs(whole - power * shape(FREQUENCY)) - 2 * error)[used] / whole[used]
        if off.max() > _MISFIT:
            doubts.append("The noise spectrum is not that of a point spread")
        if abs(test.along_x - test.along_y) > _ONE_SIDED:
            doubts.append("The noise is streaked along one axis, which hides part of it")
        # below that frequency the shape is believed, not seen
        unseen = 1 - float(shape(np.array([lowest]))[0])
        doubtful = (_HIDDEN + _HIDDEN_TAIL * shape.tail) * unseen
        correlation_err = float(np.std([s.correlation() for s in shapes]) / count)
        correlation_err = float(np.hypot(correlation_err, _SHAPED))
        share_err = float(np.std([s.passed(kernel) for s in shapes]) / count)
        share_err = float(
            np.sqrt((share_err / shape.passed(kernel)) ** 2 + doubtful**2 + _MODEL**2)
        )
        rise, rise_err = slow_rise(image, shape, lowest)
        if hidden or np.isfinite(rise_err):
            beyond = float(max(rise, -rise - 2 * rise_err, 0))
            share_err = float(np.sqrt(share_err**2 + beyond**2 + (_BY_CHANCE * rise_err) ** 2))
            if rise > 3 * rise_err:
                doubts.append(_SLOWER if hidden else _WIDER)
    return PointSpread(
        shape, power, correlation_err, shape.passed(kernel), share_err, tuple(doubts)
    )


def slow_rise(image: np.ndarray, shape: Shape, lowest: float) -> tuple[float, float]:
    """By how much slow noise may exceed a shape that was fitted to the fast noise.

    Parameters
    ----------
    image
        (Y, X), NaN where there are no data.
    shape
        Of the noise power.
    lowest
        Cycles per pixel, beyond which the image holds no signal.

    Returns
    -------
    The excess over the shape, relative to it, in the quietest third of the parts of the image, and
    its standard error; infinite where the image is too small or holds too few data.

    Notes
    -----
    Several orthogonal tapers (Thomson, Proc. IEEE 70, 1055, 1982) keep lattice peaks to a few
    frequencies and lose no data; of what is between them the median is taken.
    """
    from scipy.signal.windows import dpss
    from scipy.stats import gamma

    side = min(_WINDOW, *image.shape)
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    least = max(_SLOW[0], 1.5 * _HALFWIDTH / side)
    slow = (radius >= least) & (radius <= max(_SLOW[1], 2 * least))
    fast = (radius > max(lowest, 2 * least)) & (radius < 0.5)
    tapers = dpss(side, _HALFWIDTH, _TAPERS)
    shapes, trend = shape(radius), _Trend(side, tapers[0])
    ratios = []
    for part in _parts(image, side):
        power = _tapered(part - trend.of(part), tapers) / shapes
        ratios.append(np.median(power[slow]) / mean_below_limit(power[fast]))
    if not ratios:
        return 0.0, np.inf
    # the mean of several exponentially distributed powers has a median of its own
    number = _TAPERS**2
    typical = np.sort(ratios) / (gamma.ppf(0.5, number) / number)
    quiet = max(1, len(ratios) // _QUIETEST)
    error = 1 / np.sqrt(slow.sum())
    # the quietest third of parts lies one error below all, by chance alone
    bound = typical[:quiet].mean() / (1 - error * (len(ratios) >= _QUIETEST))
    apart = ((np.sqrt(len(ratios)) + 1) / 2) ** 2  # as many would lie side by side
    return float(bound - 1), float(_LESS_SURE * error / np.sqrt(apart))


def _parts(image: np.ndarray, side: int) -> list[np.ndarray]:
    """Squares that overlap by half, at most so many; their gaps hold their mean."""
    rows, columns = (
        np.linspace(0, n - side, int(np.ceil(2 * n / side)) - 1).round().astype(int)
        for n in image.shape
    )
    corners = [(y, x) for y in rows for x in columns]
    chosen = np.unique(np.linspace(0, len(corners) - 1, min(len(corners), _MOST)).round())
    result = []
    for y, x in (corners[int(i)] for i in chosen):
        part = image[y : y + side, x : x + side]
        held = np.isfinite(part)
        if held.mean() >= 1 - _MISSING and np.ptp(part[held]) > 0:
            result.append(np.where(held, part, part[held].mean()))
    return result


class _Trend:
    """What changes slowly across squares of one side: a paraboloid, fitted under a taper."""

    def __init__(self, side: int, taper: np.ndarray) -> None:
        y, x = np.meshgrid(*(np.linspace(-1, 1, side),) * 2, indexing="ij")
        self.terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y]).reshape(6, -1)
        self.weight = np.multiply.outer(taper, taper).ravel()
        self.solved = np.linalg.pinv((self.terms * self.weight).T)

    def of(self, part: np.ndarray) -> np.ndarray:
        """The trend of a square."""
        found: np.ndarray = (self.solved @ (part.ravel() * self.weight)) @ self.terms
        return found.reshape(part.shape)


def _tapered(part: np.ndarray, tapers: np.ndarray) -> np.ndarray:
    """(Y, X // 2 + 1) mean power of a square under all pairs of tapers."""
    power = np.zeros((len(part), part.shape[1] // 2 + 1))
    for across in tapers:
        rows = np.fft.rfft(part * across, axis=1)
        for down in tapers:
            found = np.fft.fft(rows * down[:, None], axis=0)
            power += found.real**2 + found.imag**2
    result: np.ndarray = power / len(tapers) ** 2
    return result
