"""Is the result of a network worse than that of a plain Gaussian blur?

Stein's unbiased risk estimate tells, from the noisy image y alone, how far an estimate f(y) is from
the truth: for noise of covariance C the mean of ``|f(y) - y|^2 - tr C + 2 tr(C df/dy)``. For a
blur the last term is known; for a network it comes from one more pass, with noise n of covariance
C added: ``n (f(y + t n) - f(y)) / t`` (Stein, Ann. Statist. 9 (1981) 1135; Ramani, Blu and Unser,
IEEE Trans. Image Process. 17 (2008) 1540). tr C drops out of the difference of both.

The slow part of correlated noise is hard to tell from texture and illumination. With another
covariance D the same pass gives the last term as ``(D n / C) (f(y + t n) - f(y)) / t``, so both are
compared for slow parts of a quarter to four times the measured one as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..noise.level import noise_level, usual_level
from ..noise.whitening import NoiseSpectrum, colour, whiten
from ..noise.working import filled

_SIDE, _WIDE_SIDE = 96, 192  # working pixels of the part that is looked at
_LEAST = 64  # of a part that can tell anything, and that is enough where a result is better
_GAPS = 0.02  # of a part that may be without data, as scattered outliers are
_STEPS = 8  # places along y and x, from which the part is chosen
_RIM = 8  # working pixels at its border, where networks err more
_SIGMAS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # working pixels
_STEP = 0.3  # standard deviations of the noise that is added
_TILE = 16  # working pixels, within which errors hang together
_LIKELY, _SURE = 1.0, 3.0  # standard errors
_CLEAR = 1.1  # times the error of the blur
_FAINT = 0.02  # of the noise variance: less is nothing to warn of
_SLOW = 4.0  # working pixels: over what brightness tells the strength of counts' noise
_DARKEST = 0.05  # of the mean
_SLOW_PARTS = (0.5, 2.0, 0.25, 4.0)  # times the measured one, that texture may hide
_OF_SHOT = 0.4, 2.5  # slow noise of a camera over that of counted electrons, where these are known
_SLOWER = 0.15  # cycles per working pixel, below which noise counts as slow
_GRID = 64  # frequencies along each axis at which a spectrum is summed


@dataclass(frozen=True)
class AgainstBlur:
    """The error of a result and that of the best Gaussian blur, over that of the image itself.

    Parameters
    ----------
    result, blur
        Mean squared errors; estimates, which chance can make negative.
    error
        Standard error of their difference.
    sigma
        Of the blur [working pixels]; 0 is the image itself.
    slow_part
        Of the noise, times the measured one, for which this holds.
    """

    result: float
    blur: float
    error: float
    sigma: float
    slow_part: float = 1.0

    @property
    def is_better(self) -> bool:
        """Whether the result is better, as far as this part shows."""
        return self.blur - self.result > _LIKELY * self.error

    @property
    def worse(self) -> bool:
        """Whether the result is worse beyond doubt."""
        off = self.result - max(self.blur, 0.0)  # no blur is closer than the truth
        return off > max(_SURE * self.error, _FAINT, (_CLEAR - 1) * self.blur)

    def sentence(self, model: str, white: bool) -> str:
        """What is said where it is worse, of noise that was perhaps taken for ``white``."""
        blur = "the image itself"
        if self.sigma:
            blur = f"a Gaussian blur of sigma {self.sigma:g} working pixels"
        # an error that chance alone makes less than nothing is known to ``error`` at best
        lost = 10 * np.log10(max(self.result, self.error) / max(self.blur, self.error))
        if self.slow_part != 1:
            return (
                f"Whether the result of model {model!r} is closer to the truth than a blur hangs "
                "on the slow part of the noise, which this image hardly tells from detail: were it "
                f"{self.slow_part:g} times as strong as it seems, {blur} would be better by "
                f"{lost:.1f} dB. Give the noise spectrum of the detector, measured on vacuum."
            )
        remedy = (
            "the noise is correlated and was taken for white; let it be measured, or give its "
            "spectrum"
            if white
            else "try another model, GainTuning where that was not done, or check the pixel size; "
            "else take the blur"
        )
        return (
            f"The result of model {model!r} is further from the truth than {blur}, by "
            f"{lost:.1f} dB as far as the noise tells: {remedy}."
        )


def against_blur(
    network: Callable[[np.ndarray], np.ndarray],
    sums: np.ndarray,
    estimate: np.ndarray | None,
    measured: NoiseSpectrum | None,
    dark: float | None = None,
    seed: int = 0,
    wide: bool = False,
    told: bool = False,
    shot_noise: float | None = None,
) -> AgainstBlur | None:
    """Compare what a network made of an image with Gaussian blurs.

    The part of most contrast is looked at, at the cost of one pass over it, and a larger one where
    64 x 64 pixels do not show that the result is better; None where no part of 64 x 64 pixels holds
    data but for scattered outliers, or there is no noise.

    Parameters
    ----------
    network
        Makes the estimate of finite sums.
    sums, estimate
        (H, W) the noisy image at the working sampling, NaN where there are no data, and its
        estimate; None where the network is to make it of the part.
    measured
        The spectrum of its noise; None where that is white.
    dark
        Value at zero electrons, where noise grows with the brightness from there; None where it is
        taken to be the same everywhere.
    seed
        Of the noise that is added.
    wide
        Whether 192 x 192 pixels at most are looked at instead of 96 x 96, as for noise or a
        sampling that are not known well. Those of correlated noise always are.
    told
        Whether the spectrum is given by who knows it, so that its slow part is not in question.
    shot_noise
        The variance of counted electrons in the sums, where gain and offset tell it: the slow noise
        is then taken to be 0.4 to 2.5 times as strong.

    Returns
    -------
    The comparison with the measured noise; or, where the result does well with that, one with
    another slow part of correlated noise, with which it is worse.
    """
    known = measured is None and not wide
    whole = filled(sums)
    for side in (_LEAST, _SIDE) if known else (_WIDE_SIDE,):
        part = _liveliest(whole, np.isnan(sums), side)
        if part is None:
            return None
        shown = np.asarray(whole[part], np.float64)
        made = network(shown) if estimate is None else np.asarray(estimate[part], np.float64)
        gaps = np.isnan(sums[part])
        found = _compared(network, shown, gaps, made, measured, dark, seed, told, shot_noise)
        if found is None or found.is_better:
            break
    return found


def _compared(
    network: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    gaps: np.ndarray,
    made: np.ndarray,
    measured: NoiseSpectrum | None,
    dark: float | None,
    seed: int,
    told: bool,
    shot_noise: float | None,
) -> AgainstBlur | None:
    """The comparison on one part, where it holds data."""
    level = noise_level(image) if measured is None else usual_level(whiten(image, measured))
    if not level > 0:
        return None
    noise = _noise(image, level, measured, dark, np.random.default_rng([seed, 2]))
    change = (network(image + _STEP * noise) - made) / _STEP
    unit = float((noise**2).mean())

    def inner(values: np.ndarray) -> np.ndarray:
        return _held(values, gaps)[_RIM:-_RIM, _RIM:-_RIM] / unit

    off = inner((made - image) ** 2)
    blurred = {s: inner((_blurred(image, s) - image) ** 2) for s in _SIGMAS}

    def compared(slow_part: float) -> AgainstBlur:
        added = noise if slow_part == 1 else _with_slow_part(noise, slow_part)
        total = _passed(None, measured, slow_part)
        judged = off + 2 * inner(added * change)
        risks = {
            s: float(blurred[s].mean()) + 2 * _passed(s, measured, slow_part) - total
            for s in _SIGMAS
        }
        best = min(risks, key=risks.__getitem__)
        apart = _tiled(judged - blurred[best])
        error = float(apart.std(ddof=1) / np.sqrt(apart.size))
        return AgainstBlur(float(judged.mean()) - total, risks[best], error, best, slow_part)

    found = compared(1.0)
    if measured is None or told or found.worse:
        return found
    least, most = (0.0, np.inf) if shot_noise is None else np.multiply(_OF_SHOT, shot_noise)
    # the power of white noise is that at zero frequency of what it was made from
    others = (compared(times) for times in _SLOW_PARTS if least <= times * level**2 <= most)
    return next((other for other in others if other.worse), found)


def _liveliest(image: np.ndarray, gaps: np.ndarray, side: int) -> tuple[slice, slice] | None:
    """The part of most contrast that holds data, but for a few pixels."""
    from scipy.ndimage import gaussian_filter

    side = min(side, *image.shape)
    if side < _LEAST:
        return None
    smooth = gaussian_filter(image, 1.0)
    starts = (np.unique(np.linspace(0, n - side, _STEPS).astype(int)) for n in image.shape)
    parts = [(slice(y, y + side), slice(x, x + side)) for y, x in itertools.product(*starts)]
    if gaps.any():
        parts = [part for part in parts if gaps[part].mean() <= _GAPS]
    return max(parts, key=lambda part: smooth[part].std(), default=None)


def _held(values: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Values with the mean of all others in place of those where there are no data."""
    return np.where(gaps, values[~gaps].mean(), values) if gaps.any() else values


def _noise(
    image: np.ndarray,
    level: float,
    measured: NoiseSpectrum | None,
    dark: float | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Noise as the image has it."""
    from scipy.ndimage import gaussian_filter

    noise = level * rng.standard_normal(image.shape)
    if dark is not None and image.mean() > dark:
        bright = (gaussian_filter(image, _SLOW) - dark) / (image.mean() - dark)
        noise *= np.sqrt(np.maximum(bright, _DARKEST))
    return noise if measured is None else colour(noise, measured)


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    result: np.ndarray = gaussian_filter(image, sigma) if sigma else image
    return result


def _passed(sigma: float | None, measured: NoiseSpectrum | None, slow_part: float) -> float:
    """What a blur lets pass of a pixel's noise, over the variance of the measured noise.

    Without a blur it is the variance of the noise with this slow part.
    """
    f = np.fft.fftfreq(_GRID)
    power = np.ones((_GRID, _GRID)) if measured is None else measured.power(f[:, None], f)
    passed = power * _gain(f[:, None], f, slow_part)
    if sigma is not None:
        passed = passed * _transfer(sigma)
    return float(passed.mean() / power.mean())


@cache
def _transfer(sigma: float) -> np.ndarray:
    """Of a blur, at the frequencies of the grid."""
    impulse = np.zeros((_GRID, _GRID))
    impulse[_GRID // 2, _GRID // 2] = 1
    result: np.ndarray = np.fft.fft2(np.fft.ifftshift(_blurred(impulse, sigma))).real
    return result


def _gain(fy: np.ndarray, fx: np.ndarray, slow_part: float) -> np.ndarray:
    """What makes the slow part of a noise power so many times as strong."""
    result: np.ndarray = 1 + (slow_part - 1) * np.exp(-(fy**2 + fx**2) / _SLOWER**2)
    return result


def _with_slow_part(noise: np.ndarray, slow_part: float) -> np.ndarray:
    fy, fx = np.fft.fftfreq(noise.shape[0])[:, None], np.fft.rfftfreq(noise.shape[1])
    spectrum = np.fft.rfft2(noise) * _gain(fy, fx, slow_part)
    result: np.ndarray = np.fft.irfft2(spectrum, noise.shape)
    return result


def _tiled(values: np.ndarray) -> np.ndarray:
    """Means over tiles."""
    height, width = (n // _TILE for n in values.shape)
    whole = values[: height * _TILE, : width * _TILE]
    means: np.ndarray = whole.reshape(height, _TILE, width, _TILE).mean((1, 3))
    return means
