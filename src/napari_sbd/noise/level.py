"""Detector statistics from the image itself."""

from __future__ import annotations

import numpy as np

from ..errors import SBDError

_CORNER = 0.47  # cycles per pixel; beyond it a binned micrograph holds noise and hardly any signal
_OFF_AXIS = 0.25  # cycles per pixel along y and along x, below which sharp straight edges leak
_LIMIT = 8.0  # times the median power, which one value of white noise in 256 exceeds
_BAND = 0.1, 0.4  # cycles per pixel: neither light nor what a wide point spread leaves
_ROUNDING, _EPSILON = 1e-3, 2e-7  # electrons, and of their number, by which files round them
_MOST = 2.0**53  # electrons, up to which double precision holds each whole number
LEVEL_ERROR = 1.8  # relative standard error of the noise level, times the square root of the pixels


def are_whole(values: np.ndarray) -> bool:
    """Whether those that are finite are whole numbers from 0 up, as electrons are counted."""
    held = values[np.isfinite(values)]
    return bool((held >= 0).all() and (held == np.round(held)).all())


def can_be_dealt(electrons: np.ndarray) -> bool:
    """Whether values less an offset and over a gain are single electrons: whole numbers from 0 up,
    as far as rounding keeps them so, and none so large that their neighbours cannot be told from
    them. Those that are not finite do not count."""
    held = electrons[np.isfinite(electrons)]
    near = np.round(held)
    whole = np.abs(held - near) <= _ROUNDING + _EPSILON * near
    return bool(((near >= 0) & (near <= _MOST) & whole).all())


def noise_level(image: np.ndarray) -> float:
    """Standard deviation of the white noise in an image.

    The mean power over the corners of the spectrum, without what stands far above it: the power of
    white noise is exponentially distributed, so few of its values exceed eight times the median,
    and lattice peaks do. Second differences along both axes come first, and are divided out of the
    power again: they leave nothing of uneven light that would leak into the corners, since the
    transform takes opposite borders for neighbours. Where the noise grows with the brightness, the
    level is that of its mean variance. The relative standard error is ``LEVEL_ERROR /
    sqrt(pixels)``. Sharp curved edges of many standard deviations count as noise.

    Parameters
    ----------
    image
        (Y, X) at the working sampling, where the camera's MTF hardly correlates neighbours; NaN
        where there are no data.

    Returns
    -------
    The level in units of the image; 0 for images too small to tell.
    """
    values = np.asarray(image, np.float64)
    held = np.isfinite(values)
    if min(values.shape) < 5 or not held.any():
        return 0.0
    share = held.mean()
    if share < 1:
        values = np.where(held, values, values[held].mean())
    curved, passed = second_differences(values)
    ky, kx = np.abs(np.fft.fftfreq(curved.shape[0]))[:, None], np.fft.rfftfreq(curved.shape[1])
    # column Nyquist of a real spectrum is not independent of itself
    corner = (np.hypot(ky, kx) > _CORNER) & (np.minimum(ky, kx) >= _OFF_AXIS) & (kx < 0.5)
    if not corner.any():
        return 0.0
    power = np.abs(np.fft.rfft2(curved)[corner]) ** 2 / curved.size / passed[corner]
    return float(np.sqrt(mean_below_limit(power) / share))


def usual_level(image: np.ndarray) -> float:
    """Standard deviation of the noise that most frequencies show, of an image made white.

    In the corners of the spectrum hardly anything passes a wide point spread, and what was divided
    by it there tells little. Detail that is everywhere counts as noise.

    Parameters
    ----------
    image
        (Y, X) finite.
    """
    power = windowed_power(image)
    radius = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1]))
    band = power[(radius > _BAND[0]) & (radius < _BAND[1])]
    return float(np.sqrt(np.median(band) / np.log(2))) if band.size else 0.0


def windowed_power(image: np.ndarray) -> np.ndarray:
    """(Y, X // 2 + 1) power of an image (Y, X), finite, whose borders do not leak: that of white
    noise is its variance."""
    window = np.multiply.outer(*(np.hanning(n) for n in image.shape))
    power = np.abs(np.fft.rfft2((image - image.mean()) * window)) ** 2
    result: np.ndarray = power / (window**2).sum()
    return result


def second_differences(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Second differences along both axes, and what they make of the spectrum of white noise.

    Parameters
    ----------
    image
        (Y, X) finite.

    Returns
    -------
    (Y - 2, X - 2) the differences, and (Y - 2, (X - 2) // 2 + 1) the expected power of their
    ``rfft2`` over their number, for white noise of variance 1.
    """
    curved = np.diff(np.diff(np.asarray(image, np.float64), 2, 0), 2, 1)

    rows, columns = (difference_power(n) for n in curved.shape)
    return curved, rows[:, None] * columns[: curved.shape[1] // 2 + 1]


def difference_power(count: int) -> np.ndarray:
    """(count,) expected power of the ``fft`` of second differences of white noise, over count.

    Their autocovariance is 6, -4, 1, and a finite row holds fewer products the farther apart.
    """
    phase = 2 * np.pi * np.fft.fftfreq(count)
    result: np.ndarray = (
        6 - 8 * (1 - 1 / count) * np.cos(phase) + 2 * (1 - 2 / count) * np.cos(2 * phase)
    )
    return result


def mean_below_limit(power: np.ndarray) -> float:
    """Mean of exponentially distributed power, of which peaks of a signal may be part.

    What exceeds eight times the median is left out, and what noise loses by that is made good.
    """
    ordered = np.sort(power, axis=None)  # often few: numpy's median and masks take longer
    median = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    kept = ordered[: np.searchsorted(ordered, _LIMIT * median, "right")]
    # mean of an exponential distribution that is cut at x times its mean, relative to the whole's
    x = _LIMIT * np.log(2)
    return float(kept.sum() / len(kept) / (1 - x * np.exp(-x) / (1 - np.exp(-x))))


def estimate_gain(binned: np.ndarray, pixels_per_block: int, offset: float = 0.0) -> float | None:
    """File units per electron, from noise variance against mean.

    Parameters
    ----------
    binned
        (Y, X) block sums in file units, finite.
    pixels_per_block
        Pixels in each block.
    offset
        File units per pixel at zero electrons.

    Returns
    -------
    Variance over mean, as Poisson counts have it; None where the data cannot tell.
    """
    mean = float(binned.mean()) - offset * pixels_per_block
    variance = noise_level(binned) ** 2
    return variance / mean if mean > 0 and variance > 0 else None


def thin(counts: np.ndarray, p: float, rng: np.random.Generator) -> np.ndarray:
    """Draw each electron with probability p: binomial thinning.

    If the counts are Poisson with expectation x, then what is drawn and what remains,
    ``counts - thin(counts, p, rng)``, are independent and Poisson with expectations p x and
    (1 - p) x.

    Parameters
    ----------
    counts
        Electron counts, whole numbers >= 0, any shape.
    p
        Probability, 0 to 1.
    rng
        Source of chance.

    Returns
    -------
    int64 counts of the same shape.

    Raises
    ------
    SBDError
        If these are no counts, or p is no probability.
    """
    if not 0 <= p <= 1:
        raise SBDError(f"The share of electrons to draw lies between 0 and 1; {p} does not.")
    values = np.asarray(counts)
    if not np.isfinite(values).all() or (values < 0).any() or (values != np.round(values)).any():
        raise SBDError(
            "Thinning needs electron counts, whole numbers from 0 up; divide the image less its "
            "offset by the gain of the detector first."
        )
    return rng.binomial(values.astype(np.int64), p)
