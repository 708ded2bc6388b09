"""Is the noise of neighbouring pixels independent?

Told by the part of the spectrum beyond the signal. White noise has the same power at all
frequencies. Point spreads, interpolation and filters change it from patch to patch of the
frequency plane, which the correlations r of near pixels describe: P(k) = 1 + 2 sum r(d) cos(2 pi k
d). Lattice peaks are narrow, and a patch without its highest values does not hold them. Streaks
along rows or columns, whose spectrum is a line on an axis, are looked for in the means of these.
What correlates over many pixels in both directions looks like signal and is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .level import difference_power, mean_below_limit

_SIGNAL_LIMIT = 0.08  # nm: finer detail in a TEM image is noise
_UNKNOWN = 0.35  # cycles per pixel, below which there may be signal if the pixel size is unknown
_PATCH = 1 / 16  # cycles per pixel, side of the patches
_LAGS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
_CHANCE = 1e-7  # at which independent noise is called correlated
_CHANCE_LINES = 1e-5  # at which it is called streaked
_LEAST = 0.005  # correlation that matters
_LARGE = 128  # px along a side; smaller images get larger patches
_CROWD = 30  # frequencies, below which a patch is left out
_FOURTH = 70 * 0.6745**2  # squared median size of fourth differences of normal noise of variance 1
_FREEDOM = 0.14  # degrees of freedom of that median, for each of the values
_MORE = 2.0  # times that variance, at most: misfit beyond it is colour
_TAPER = 0.25  # share of the window that falls off
_TILE = 32  # px, over which the noise variance is taken to be even


@dataclass(frozen=True)
class Whiteness:
    """How the noise of near pixels hangs together.

    Parameters
    ----------
    along_y, along_x
        Correlation of neighbours along each axis, roughly where it is large.
    error
        Standard error of these.
    p
        Probability that independent noise looks like this, or more so.
    rows, columns
        Share of the noise variance that whole rows, or columns, have in common.
    p_rows, p_columns
        Probability that independent noise looks so streaked, or more.
    """

    along_y: float = 0.0
    along_x: float = 0.0
    error: float = 0.0
    p: float = 1.0
    rows: float = 0.0
    p_rows: float = 1.0
    columns: float = 0.0
    p_columns: float = 1.0

    @property
    def independent(self) -> bool:
        """Whether near pixels are believed to be."""
        return self.p > _CHANCE

    @property
    def streaked(self) -> bool:
        """Whether whole rows or columns share noise."""
        return min(self.p_rows, self.p_columns) <= _CHANCE_LINES

    @property
    def white(self) -> bool:
        """Neither."""
        return self.independent and not self.streaked

    def __str__(self) -> str:
        if self.white:
            return "the noise of neighbouring pixels is independent as far as the image tells"
        if not self.independent:
            return (
                "the noise of neighbouring pixels is correlated "
                f"({self.along_x:.2f} along x, {self.along_y:.2f} along y)"
            )
        lines = "rows" if self.p_rows < self.p_columns else "columns"
        return f"the noise is streaked: whole {lines} are brighter or darker than others"


def whiteness(
    image: np.ndarray,
    pixel_size_yx: tuple[float, float] | None = None,
    *,
    signal: bool = True,
) -> Whiteness:
    """Test whether the noise of an image is white.

    Parameters
    ----------
    image
        (Y, X) in any linear unit, finite.
    pixel_size_yx
        nm along y and x; beyond 1 / 0.08 nm a TEM image holds noise only.
    signal
        Whether there is any; a difference of frames of a still scene has none.
    """
    if signal:
        size = pixel_size_yx or (np.inf, np.inf)
        slowest = tuple(min(_UNKNOWN, s / _SIGNAL_LIMIT) for s in size)
    else:
        slowest = (_PATCH, _PATCH)
    image = np.asarray(image, np.float64)
    at, power, number = _patches(image, slowest)
    if len(power) < 2 * len(_LAGS):
        return Whiteness()
    level = float(np.average(power, weights=number))
    if not level > 0:  # no noise at all
        return Whiteness()
    along, error, p = _correlations(at, power / level, number)
    rows, columns = (
        _shared(image.mean(1 - axis), image.shape[1 - axis], slowest[axis], level)
        for axis in (0, 1)
    )
    return Whiteness(along[1], along[0], error, p, *rows, *columns)


def _patches(
    image: np.ndarray, slowest: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise power of patches of the frequency plane that hold no signal.

    Returns
    -------
    (N, 2) mean frequencies y, x, (N,) mean power, and (N,) the numbers of independent values in it:
    fewer than there are, since the taper and uneven noise make near ones alike.
    """
    from scipy.signal.windows import tukey

    # differences leave nothing of uneven light that could leak, the taper nothing of the borders
    curved = np.diff(np.diff(image, 2, 0), 2, 1)
    if not curved.any():  # no noise, or no place for any
        return np.empty((0, 2)), np.empty(0), np.empty(0)
    window = np.multiply.outer(*(tukey(n, _TAPER) for n in curved.shape))
    ky, kx = np.fft.fftfreq(curved.shape[0])[:, None], np.fft.rfftfreq(curved.shape[1])[None]
    used = (np.hypot(ky / slowest[0], kx / slowest[1]) > 1) & (kx < 0.5)
    used &= np.minimum(np.abs(ky), kx) >= _PATCH
    passed = (16 * np.sin(np.pi * ky) ** 2 * np.sin(np.pi * kx) ** 2) ** 2
    power = np.abs(np.fft.rfft2(curved * window)[used]) ** 2 / (window**2).sum() / passed[used]
    at = np.stack([np.broadcast_to(k, used.shape)[used] for k in (ky, kx)], 1)
    side = _PATCH if min(image.shape) >= _LARGE else 2 * _PATCH
    patch = (np.floor(at / side) @ (1000, 1)).astype(np.int16)  # which sort in no time
    order = np.argsort(patch, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(patch[order])) + 1)
    parts = [part for part in parts if len(part) >= _CROWD]
    return (
        np.array([at[part].mean(0) for part in parts]).reshape(-1, 2),
        np.array([mean_below_limit(power[part]) for part in parts]),
        np.array([len(part) for part in parts]) / _alike(curved * window),
    )


def _alike(noise: np.ndarray) -> float:
    """Near powers of a spectrum that are worth one: mean square of the variance over its square."""
    rows, columns = (np.arange(0, n, _TILE) for n in noise.shape)
    energy = np.add.reduceat(np.add.reduceat(noise**2, rows, 0), columns, 1)
    return float((energy**2).mean() / energy.mean() ** 2)


def _correlations(
    at: np.ndarray, power: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Correlations at ``_LAGS``, the error of the first, the probability that white noise has such.

    The means of exponentially distributed powers have relative errors of 1 / sqrt(number); those of
    white noise are taken, since the question is whether it is.
    """
    from scipy.stats import chi2

    root = np.sqrt(number)
    lags = 2 * np.cos(2 * np.pi * at @ np.array(_LAGS, float).T)
    design = np.column_stack([np.ones(len(power)), lags]) * root[:, None]
    found = np.linalg.lstsq(design, power * root, rcond=None)[0]
    covariance = np.linalg.inv(design.T @ design)[1:, 1:]
    # patches of few values scatter somewhat more than their number says
    rest = float(((design @ found - power * root) ** 2).mean())
    covariance *= np.clip(rest * len(power) / max(len(power) - len(found), 1), 1, _MORE)
    score = found[1:] @ np.linalg.inv(covariance) @ found[1:]
    matters = np.abs(found[1:]).max() > _LEAST
    p = float(chi2.sf(score, len(_LAGS))) if matters else 1.0
    return np.clip(found[1:] / max(found[0], 1e-3), -1, 1), float(np.sqrt(covariance[0, 0])), p


def _shared(profile: np.ndarray, count: int, slowest: float, level: float) -> tuple[float, float]:
    """Share of the noise variance that the pixels of a line have in common, and its probability.

    Parameters
    ----------
    profile
        (N,) means of lines.
    count
        Pixels in each line.
    slowest
        Cycles per line, below which there may be signal.
    level
        Noise variance of single pixels.
    """
    from scipy.stats import chi2

    # a lattice along the lines is a few frequencies, and an edge along them a few lines; only what
    # all lines and all frequencies have is called noise
    curved = np.diff(profile, 2)
    k = np.fft.rfftfreq(len(curved))
    fast = (k > slowest) & (k < 0.5)
    if fast.sum() < _CROWD:
        return 0.0, 1.0
    passed = difference_power(len(curved))[: len(k)] * len(curved)
    spectral = np.median(np.abs(np.fft.rfft(curved)[fast]) ** 2 / passed[fast]) / np.log(2)
    spatial = np.median(np.abs(np.diff(profile, 4))) ** 2 / _FOURTH
    ratio = min(float(spectral), float(spatial)) / (level / count)
    freedom = _FREEDOM * len(profile)
    return max(0.0, (ratio - 1) / count), float(chi2.sf(freedom * ratio, freedom))
