"""Reflections that an image shows beyond doubt: which a result has lost, and put back into it."""

from __future__ import annotations

import math

import numpy as np

from ..sampling import power_over_rings

# what the power of pure noise, exponential about its mean, exceeds as rarely as a normal
# distribution exceeds seven standard deviations
_SURE = -math.log(0.5 * math.erfc(7 / math.sqrt(2)))
_LOST = 0.1  # share of a reflection's power below which it is gone
_FAINT = 1e-3  # power over that of the strongest, below which a reflection is no matter
_LONGEST = 8  # periods along the shorter side that are illumination rather than lattice
_CHANCE = 1e-3  # that noise alone puts anything back into an image
_BESIDE = 5.0  # power over that of noise, of what is taken beside a reflection
_ENOUGH = 64  # pixels along the shorter side, from which a spectrum tells what is usual in it
_NEAR, _FAR = 3, 16  # coefficients from a reflection, between which a line is smeared or not


def lost_reflection(image: np.ndarray, result: np.ndarray) -> tuple[float, float] | None:
    """The strongest reflection of an image that its result has lost.

    Parameters
    ----------
    image, result
        (Y, X) finite; the image with noise that hardly depends on the direction.

    Returns
    -------
    Its frequency along y and x [cycles per pixel]; None where every peak of the spectrum that
    stands out of the noise of the image by seven standard deviations, and is no fainter than a
    thousandth of the strongest, has kept a tenth of its power.
    """
    from scipy.ndimage import maximum_filter

    height, width = image.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    raw, kept = (np.fft.rfft2((a - a.mean()) * window) for a in (image, result))
    ratio, frequency = power_over_rings(np.abs(raw) ** 2, image.shape)
    signal = np.abs(raw) ** 2 * (1 - 1 / np.maximum(ratio, 1))
    sure = _of_lattices(image.shape, frequency) & (frequency < 0.45) & (ratio > _SURE)
    # beside a strong one the window spreads its power over slopes, which no noise hides where
    # there is hardly any
    power = np.fft.fftshift(np.abs(raw) ** 2, 0)
    sure &= np.fft.ifftshift(power == maximum_filter(power, 5), 0)
    sure &= signal > _FAINT * np.max(signal, initial=0, where=sure)
    lost = sure & (np.abs(kept) ** 2 < _LOST * signal)
    if not lost.any():
        return None
    return _frequency_of_largest(np.where(lost, ratio, 0), image.shape)


def strongest_frequency(image: np.ndarray) -> tuple[float, float]:
    """Along y and x [cycles per pixel], of an image (H, W)."""
    return _frequency_of_largest(np.abs(np.fft.rfft2(image - image.mean())), image.shape)


def _frequency_of_largest(spectrum: np.ndarray, shape: tuple[int, ...]) -> tuple[float, float]:
    row, column = np.unravel_index(np.argmax(spectrum), spectrum.shape)
    return float(np.fft.fftfreq(shape[0])[row]), float(np.fft.rfftfreq(shape[1])[column])


def put_back(
    image: np.ndarray, estimate: np.ndarray, empty: np.ndarray | None = None
) -> np.ndarray:
    """An estimate with the periods that it lacks beyond doubt.

    A network knows a lattice from a few of its cells at a time; a superstructure too faint for
    that still stands out of the spectrum of all that was taken for noise. Such coefficients are
    shrunk by the noise in them and added.

    Parameters
    ----------
    image
        (H, W) finite, its noise white.
    estimate
        (H, W) what a network made of it.
    empty
        (H, W) bool, where the image holds no data.

    Returns
    -------
    The estimate itself where nothing stands out: from noise alone something does in one of a
    thousand images; and where the image has less than 64 pixels along a side. The axes of the
    spectrum belong to lines and columns of a detector, and are left as they are, as is what does
    not stand out of its surroundings: lines smeared by the jitter of a scan, noise that is not
    white.
    """
    if min(image.shape) < _ENOUGH:
        return estimate
    rest = image - estimate
    if empty is not None:
        rest = np.where(empty, 0, rest)
    spectrum = np.fft.rfft2(rest - rest.mean())
    power = np.abs(spectrum) ** 2
    ratio, frequency = power_over_rings(power, image.shape)
    # white noise is as strong everywhere; what a short ring tells of it is uncertain
    ratio = np.minimum(ratio, power / (np.median(power) / np.log(2) + 1e-30))
    looked_at = _of_lattices(image.shape, frequency)
    over = np.zeros(ratio.shape)
    rows, columns = np.nonzero(looked_at & (ratio > _BESIDE))
    over[rows, columns] = ratio[rows, columns] / _around(ratio, rows, columns)
    sure = over > math.log(np.count_nonzero(looked_at) / _CHANCE)
    if not sure.any():
        return estimate
    from scipy.ndimage import binary_dilation

    kept = binary_dilation(sure, np.ones((3, 3), bool)) & (over > _BESIDE)
    spectrum = np.where(kept, spectrum * (1 - 1 / np.maximum(over, 1)), 0)
    added: np.ndarray = estimate + np.fft.irfft2(spectrum, image.shape).astype(estimate.dtype)
    return added


def _of_lattices(shape: tuple[int, ...], frequency: np.ndarray) -> np.ndarray:
    """Which coefficients of an ``rfft2`` are neither illumination nor lines of a detector."""
    y, x = np.indices(frequency.shape)
    off_axes = (np.minimum(y, shape[0] - y) > 1) & (x > 1)
    looked_at: np.ndarray = off_axes & (frequency > _LONGEST / min(shape))
    return looked_at


def _around(ratio: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """How strong the spectrum is about each coefficient, at least 1, which white noise has.

    Looked at are the line, the column and the square about it, by quantiles that a few other
    reflections do not move.
    """
    steps = np.arange(-_FAR, _FAR + 1)
    apart = np.abs(steps) > _NEAR
    beside, through = steps[apart], np.zeros(np.count_nonzero(apart), int)
    square = np.array([(i, j) for i in steps[::2] for j in steps[::2] if i and j]).T
    level: np.ndarray = np.ones(len(rows))
    for (down, right), share in (
        ((beside, through), 0.8),
        ((through, beside), 0.8),
        (square, 0.95),
    ):
        y = (rows[:, None] + down) % ratio.shape[0]
        x = np.minimum(np.abs(columns[:, None] + right), ratio.shape[1] - 1)
        # what an exponential distribution of mean 1 exceeds with the chance that is left
        usual = -math.log(1 - share)
        level = np.maximum(level, np.quantile(ratio[y, x], share, axis=1) / usual)
    return level
