"""Detector statistics from the image itself."""

from __future__ import annotations

import numpy as np

from ..errors import SBDError

_CORNER = 0.47  # cycles per pixel; beyond it a binned micrograph holds noise and hardly any signal


def noise_level(image: np.ndarray) -> float:
    """Standard deviation of the white noise in an image.

    The mean power over the corners of the spectrum, without what stands far above it: the power of
    white noise is exponentially distributed, so few of its values exceed eight times the median,
    and lattice peaks do. The relative standard error is about 1.8 / sqrt(pixels).

    Parameters
    ----------
    image
        (Y, X) finite, at the working sampling, where the camera's MTF hardly correlates neighbours.
    """
    height, width = image.shape
    image = image.astype(np.float64)
    power = np.abs(np.fft.rfft2(image - image.mean())) ** 2 / image.size
    ky, kx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    # columns 0 and Nyquist of a real spectrum are not independent of themselves
    corner = (np.hypot(ky, kx) > _CORNER) & (kx > 0) & (kx < 0.5)
    if not corner.any():
        return 0.0
    values = power[corner]
    limit = 8 * np.median(values)
    # mean of an exponential distribution that is cut at x times its mean, relative to the whole's
    x = 8 * np.log(2)
    kept = values[values <= limit]
    truncation = 1 - x * np.exp(-x) / (1 - np.exp(-x))
    return float(np.sqrt(kept.mean() / truncation))


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
