"""The noise of an image, for errors of what is summed over pixels: how strong, and how it hangs
together.

Where the noise is what a gain foretells of counted electrons, that is taken: it is exact at every
brightness. Else it is measured: in what a denoiser removed where there is a denoised image, which
holds hardly any signal, and in the image itself otherwise, whose finest detail may then count as
correlated noise: errors are too large by a third at most in ``tests/measure/test_profile.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import sampling
from ..agreement.evidence import local_variance
from ..micrograph import Micrograph
from ..micrograph.frames import mean_filled
from ..noise.camera import look_at
from ..noise.covariance import covariance_of, pixel_kernel
from ..noise.left_out import without_outliers
from ..noise.level import LEVEL_ERROR, noise_level, usual_level
from ..noise.model import Counted, noise_model
from ..noise.spectrum import fast_filter
from ..noise.tiles import tiles_of
from ..noise.variance_line import jackknifed
from ..noise.whitening import NoiseSpectrum, whiten

DENOISED = "A denoised image does not show its noise: choose the raw image for errors."
_NO_NOISE = "The image shows no noise, so there are no errors."
_SMOOTH = 2.0  # px, over which a noisy image stands for its expectation
_FALLBACK_BLOCK = 4, 4  # pixels, where neither pixel size nor lattice tells
_COUNTED, _MARGIN = 0.1, 3.0  # by which variances may differ, and standard errors beyond that
_FOREIGN = 3.0  # deviations of what was removed, by which its mean is never off zero
_FAST = 0.3  # cycles per pixel; what is faster holds hardly any signal
_ALL_NOISE = 1.15  # of the level: a variance of tiles up to which they hold none at all
_FEWEST, _LEAST = 36, 0.05  # tiles that tell; of the level, the least variance
_LEAST_SIDE = 64  # pixels, below which an image does not tell how its noise hangs together


@dataclass(frozen=True, eq=False)
class ImageNoise:
    """Of the pixels of an image.

    Parameters
    ----------
    variance
        (Y, X) [image units squared], which independent pixels would need for the noise of sums over
        many; None where it is not known.
    kernel
        With which weights of a sum are convolved before their squares weigh the variance
        (``noise.covariance``); None where the noise of pixels is independent.
    words
        How the noise was told.
    """

    variance: np.ndarray | None
    kernel: np.ndarray | None
    words: str

    @cached_property
    def correlation(self) -> np.ndarray | None:
        """Correlation of the noise of two pixels by their distance, times the variance of one
        over ``variance``; its sum is 1. None where pixels are independent."""
        if self.kernel is None:
            return None
        from scipy.signal import fftconvolve

        result: np.ndarray = fftconvolve(self.kernel, self.kernel[::-1, ::-1])
        return result


def image_noise(
    noisy: np.ndarray,
    denoised: np.ndarray | None = None,
    *,
    pixel_size_yx: tuple[float, float] | None = None,
    gain: float | None = None,
    offset: float = 0.0,
) -> ImageNoise:
    """Tell the noise of an image.

    Parameters
    ----------
    noisy, denoised
        (Y, X) in one unit, NaN where there are no data; a denoised image stands for the
        expectation.
    pixel_size_yx
        nm; None where unknown.
    gain, offset
        File units per electron and at zero electrons. Without a gain, whole numbers whose noise is
        that of electrons are taken for such.
    """
    from scipy.ndimage import gaussian_filter

    noisy = np.where(np.isfinite(noisy), np.asarray(noisy, float), np.nan)
    noisy = np.asarray(without_outliers(Micrograph(noisy)).data)
    if not noise_level(noisy):
        return ImageNoise(None, None, _NO_NOISE)
    if denoised is not None and _is_foreign(noisy - denoised):
        denoised = None
    expected = gaussian_filter(mean_filled(noisy), _SMOOTH) if denoised is None else denoised
    expected = np.where(np.isfinite(expected), np.asarray(expected, float), np.nanmean(noisy))
    if denoised is not None and not np.nanmax(np.abs(noisy - expected)):
        denoised = None  # the same image does not show what was removed
    block = _block(mean_filled(expected), pixel_size_yx)
    told = noise_model(noisy, gain, offset)
    unit = gain or (told.gain if isinstance(told, Counted) else None)
    shot = None if unit is None else unit * np.maximum(expected - offset, 0)
    shot = None if shot is None or not shot.any() else shot  # the offset is above all values
    m = Micrograph(noisy, pixel_size_yx, gain=gain, offset=offset if gain else 0.0)
    if denoised is None:
        return _of_image(m, expected, shot, block)
    return _of_removed(m, expected, shot, block)


def _is_foreign(removed: np.ndarray) -> bool:
    """Whether an image was not made of the other: in another unit, or corrected for the camera."""
    return bool(abs(np.nanmean(removed)) > _FOREIGN * np.nanstd(removed))


def _block(image: np.ndarray, pixel_size_yx: tuple[float, float] | None) -> tuple[int, int]:
    if pixel_size_yx is not None:
        return sampling.choose_bin(pixel_size_yx)
    return sampling.estimate_bin(image) or _FALLBACK_BLOCK


def _of_removed(
    m: Micrograph, expected: np.ndarray, shot: np.ndarray | None, block: tuple[int, int]
) -> ImageNoise:
    """By what was removed."""
    noisy: np.ndarray = m.data
    measured = local_variance(noisy, expected, max(block))
    if min(noisy.shape) >= _LEAST_SIDE:
        base = measured if shot is None else np.maximum(shot, 1e-3 * np.nanmean(shot))
        found = covariance_of(m, noisy, expected, base, block)
        if found is not None:
            excess = found.level if shot is not None else None
            return ImageNoise(base * found.level, found.kernel, _words(excess, found.noise))
    if shot is None:
        return ImageNoise(measured, None, _words(None, None))
    sums = [sampling.bin_counts(image, block) for image in (noisy - expected, shot)]
    ratio = float(noise_level(sums[0]) ** 2 / np.nanmean(sums[1]))
    if _is_counted(ratio, sums[0].size):
        return ImageNoise(shot, None, _words(1.0, None))
    return ImageNoise(measured, None, _words(ratio, None))


def _is_counted(ratio: float, count: int) -> bool:
    """Whether a variance over that of counted electrons is theirs, as far as values tell."""
    return bool(abs(np.log(ratio)) < _COUNTED + 2 * _MARGIN * LEVEL_ERROR / np.sqrt(count))


def _of_image(
    m: Micrograph,
    expected: np.ndarray,
    shot: np.ndarray | None,
    block: tuple[int, int],
) -> ImageNoise:
    """By the image alone."""
    noisy: np.ndarray = m.data
    noise = None
    if min(noisy.shape) >= _LEAST_SIDE:
        noise = look_at(m, block, outliers=False, illumination=False)[0].noise
    if noise is None:
        level = noise_level(noisy) ** 2
        if shot is None:
            return ImageNoise(_by_brightness(noisy, expected, level), None, _words(None, None))
        ratio = level / float(np.nanmean(shot))
        if _is_counted(ratio, noisy.size):
            return ImageNoise(shot, None, _words(1.0, None))
        # what a camera adds to counted electrons hardly depends on the brightness
        variance = shot + (level - np.nanmean(shot)) if ratio > 1 else ratio * shot
        return ImageNoise(variance, None, _words(ratio, None))
    sums = sampling.bin_counts(noisy, block)
    slow = usual_level(whiten(mean_filled(sums), noise)) ** 2 / float(np.prod(block))
    if shot is None:
        return ImageNoise(np.full(noisy.shape, slow), pixel_kernel(noise), _words(None, noise))
    ratio = slow / float(np.nanmean(shot))
    return ImageNoise(ratio * shot, pixel_kernel(noise), _words(ratio, noise))


def _by_brightness(noisy: np.ndarray, expected: np.ndarray, level: float) -> np.ndarray:
    """(Y, X) variance of white noise that rises or falls with the brightness as that of tiles does,
    as far as their scatter tells, about its level."""
    mean, variance = tiles_of(noisy, noisy, fast_filter(_FAST), white=True)
    held = np.isfinite(mean + variance)
    if held.sum() < _FEWEST or variance[held].mean() > _ALL_NOISE * level:
        return np.full(noisy.shape, level)

    def slope_of(m: np.ndarray, v: np.ndarray) -> np.ndarray:
        off = m - m.mean()
        return np.array([(off @ v) / max(off @ off, np.finfo(float).tiny)])

    (slope,), (error,) = jackknifed(slope_of, mean, variance)
    slope *= max(0.0, 1 - (error / slope) ** 2) if slope else 0.0
    result: np.ndarray = np.maximum(
        level + slope * (expected - np.nanmean(expected)), _LEAST * level
    )
    return result


def _words(ratio: float | None, noise: NoiseSpectrum | None) -> str:
    """What errors are those of.

    Parameters
    ----------
    ratio
        Variance over that of counted electrons; None where the gain is unknown.
    noise
        Of correlated noise.
    """
    if ratio is None:
        words = "The gain is unknown: errors are those of the image's own noise."
    elif noise is None and ratio == 1:
        words = "Errors are those of counted electrons."
    else:
        words = (
            f"Errors are those of the image's own noise, {ratio:.2g} times the variance of counted "
            "electrons."
        )
    if noise is not None:
        words += f" It is correlated over {noise.correlated_over:.2g} px, and errors are with that."
    return words
