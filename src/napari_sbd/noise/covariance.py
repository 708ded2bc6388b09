"""How the noise of pixels hangs together: independent noise through a kernel.

Correlated noise of the spectrum P is white noise that passed a filter of the amplitude sqrt(P). So
a sum of pixels with weights w has the variance that independent pixels would give a sum with the
weights w * kernel, and all that is known of independent pixels holds for the spread weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import sampling
from ..errors import stop_if_asked, warn
from ..micrograph import Micrograph
from .camera import look_at
from .spectrum_estimate import estimate_spectrum
from .whitening import NoiseSpectrum

_GRID = 24  # working pixels along a side of the kernel, beyond which no camera's noise reaches
_LEAST = 1e-4  # of the kernel's largest value: what is smaller is left out
_COLUMN = 1.5  # working pixels: sigma of a column, over which the strength of noise is taken
_TILE = 24  # working pixels
_WIDE = 64  # frequencies along an axis
_COUNTS = 0.7, 1.6  # slow noise over that of counts; light that scatters adds some
_KEPT = 0.2  # of the slow noise of electrons: the denoised image kept most of what is missing
_FAST = 0.25  # cycles per working pixel, where few reflections lie
_HELD = 0.9  # of a tile that holds data, for it to count


@dataclass(frozen=True, eq=False)
class Covariance:
    """Of the noise of pixels.

    Parameters
    ----------
    kernel
        (2 h + 1, 2 w + 1), symmetric, of sum 1.
    level
        Variance of slow noise over that which independent pixels of the expected variance would
        have.
    noise
        The spectrum at the working sampling.
    """

    kernel: np.ndarray
    level: float
    noise: NoiseSpectrum

    @property
    def half(self) -> tuple[int, int]:
        """Pixels from the centre of the kernel to its rim along y and x."""
        y, x = (n // 2 for n in self.kernel.shape)
        return y, x

    def spread(self, weights: np.ndarray) -> np.ndarray:
        """Weights (..., H, W) for which independent pixels give the same variance.

        The variance of ``sum(weights * image)`` is ``sum(spread(weights)^2 * variance)``.
        """
        from scipy.signal import fftconvolve

        kernel = self.kernel.reshape((1,) * (weights.ndim - 2) + self.kernel.shape)
        result: np.ndarray = fftconvolve(weights, kernel, mode="same", axes=(-2, -1))
        return result

    def error_ratio(self, weights: np.ndarray) -> float:
        """Standard error of a sum with weights (H, W) over that with independent noise."""
        wide = np.pad(weights, [(h, h) for h in self.half])
        return float(np.sqrt((self.spread(wide) ** 2).sum() / (weights**2).sum()))

    @property
    def is_poisson(self) -> bool:
        """Whether slow noise is that of counts."""
        return _COUNTS[0] < self.level < _COUNTS[1]

    def warn_unless_poisson(self) -> None:
        """Warn where slow noise is not that of counts, which is taken as it is."""
        if not self.is_poisson:
            warn(
                f"Correlated noise has {self.level:.2g} times the variance of electron counts: the "
                "gain is wrong, or there is other noise. The strength that the image shows is used."
            )

    def draw(self, variance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(Y, X) normal noise that hangs together like this, of a slow variance (Y, X)."""
        wide = np.pad(np.sqrt(variance), [(h, h) for h in self.half], mode="reflect")
        inner = tuple(slice(h, h + n) for h, n in zip(self.half, variance.shape, strict=True))
        return self.spread(wide * rng.standard_normal(wide.shape))[inner]


def covariance_of(
    data: Micrograph,
    noisy: np.ndarray,
    expected: np.ndarray,
    variance: np.ndarray,
    block: tuple[int, int],
) -> Covariance | None:
    """How noise hangs together in what a denoiser removed; None where it is white.

    Whether it does is told by the noisy image, as ``denoise`` does, unless what was removed is
    white: then texture of the specimen passed for slow noise. How, by what was removed: it holds
    little of the signal that hides the slow noise. Where it holds a fifth of the electrons' noise
    at most and the noisy image shows as much as they have, the denoised one kept it, and the noisy
    one tells.

    Parameters
    ----------
    data
        The noisy image, or the movie of which ``noisy`` is the sum.
    noisy, expected, variance
        (Y, X) data, denoised image and the variance of a pixel's noise were it independent, in one
        unit; NaN where there are no data.
    block
        Pixels along y and x that are summed to the working sampling.
    """
    stop_if_asked()
    block = tuple(max(1, min(b, n // 8)) for b, n in zip(block, noisy.shape, strict=True))
    seen = look_at(data, block, outliers=False)[0].noise
    if seen is None:
        return None
    variance = np.broadcast_to(variance, noisy.shape)
    off = noisy - expected
    removed = sampling.bin_counts(off, block) / np.sqrt(sampling.bin_counts(variance, block))
    found = estimate_spectrum([removed], block, force=True)
    noise = seen if found is None else found
    level = _level(removed, noise)
    if data.gain is not None and level < _KEPT:
        # a denoised image that holds the slow noise lets none of it be seen in what was removed
        shown = _shown(noisy, variance, seen)
        if shown >= _COUNTS[1]:
            return None  # more than electrons have: texture passed for slow noise
        if shown > _COUNTS[0]:
            return Covariance(pixel_kernel(seen), shown, seen)
    fine = off / np.sqrt(variance)
    if found is not None and estimate_spectrum([removed], block, fine=fine) is None:
        return None  # texture of the specimen passed for slow noise
    return Covariance(pixel_kernel(noise), level, noise)


def pixel_kernel(noise: NoiseSpectrum) -> np.ndarray:
    """The kernel for pixels whose sums over blocks have this spectrum.

    Beyond the blocks' highest frequency the spectrum is continued by its value there, and all is
    scaled so that the sums have the spectrum exactly.
    """
    blocks = noise.block
    f = [np.fft.fftfreq(_GRID * b) for b in blocks]
    inner = [np.clip(k * b, -0.5, 0.5) for k, b in zip(f, blocks, strict=True)]
    power = noise.power(inner[0][:, None], inner[1])
    box = np.outer(*(_box(k, b) for k, b in zip(f, blocks, strict=True)))
    shape = blocks[0], _GRID, blocks[1], _GRID
    folded = (power * box).reshape(shape).sum((0, 2))
    working = np.fft.fftfreq(_GRID)
    wanted = noise.power(working[:, None], working)
    ratio = np.divide(wanted, folded, out=np.zeros_like(wanted), where=folded > 0)
    power = (power.reshape(shape) * ratio[None, :, None]).reshape(power.shape)
    kernel = np.fft.fftshift(np.fft.ifft2(np.sqrt(power)).real)
    # an even number of values has no middle: the outermost ones are left out
    kernel = kernel[1 - kernel.shape[0] % 2 :, 1 - kernel.shape[1] % 2 :]
    large = np.abs(kernel) > _LEAST * np.abs(kernel).max()
    cut = []
    for axis, n in enumerate(kernel.shape):
        reach = np.abs(np.flatnonzero(large.any(1 - axis)) - n // 2).max()
        cut.append(slice(n // 2 - reach, n // 2 + reach + 1))
    kernel = kernel[tuple(cut)]
    result: np.ndarray = kernel / kernel.sum()
    return result


def _box(f: np.ndarray, block: int) -> np.ndarray:
    """Squared transfer of the mean over pixels of a block."""
    phases = np.exp(2j * np.pi * f[:, None] * np.arange(block))
    result: np.ndarray = np.abs(phases.mean(1)) ** 2
    return result


def _shown(noisy: np.ndarray, variance: np.ndarray, noise: NoiseSpectrum) -> float:
    """Slow variance of noise of this spectrum, as the fast part of a noisy image shows it."""
    sums = sampling.bin_counts(noisy, noise.block)
    values = sums / np.sqrt(np.nanmean(sampling.bin_counts(variance, noise.block)))
    values = np.nan_to_num(values - np.nanmean(values))
    window = np.outer(*(np.hanning(n) for n in values.shape))
    power = np.abs(np.fft.fft2(values * window)) ** 2 / (window**2).sum()
    fy, fx = (np.fft.fftfreq(n) for n in values.shape)
    fast = np.hypot(fy[:, None], fx) > _FAST
    return float(np.median((power / noise.power(fy[:, None], fx))[fast]) / np.log(2))


def _level(removed: np.ndarray, noise: NoiseSpectrum) -> float:
    """Slow variance of noise of this spectrum, as sums over columns in most tiles show it."""
    from scipy.ndimage import gaussian_filter

    held = np.isfinite(removed)
    smooth = gaussian_filter(np.where(held, removed, 0.0), _COLUMN, mode="constant")
    f = np.fft.fftfreq(_WIDE)
    passed = np.exp(-((2 * np.pi * _COLUMN) ** 2) * np.add.outer(f**2, f**2))
    passed *= noise.power(f[:, None], f)
    rows, columns = (np.array_split(np.arange(n), max(1, n // _TILE)) for n in removed.shape)
    found = [
        float((smooth[np.ix_(r, c)] ** 2).mean() / held[np.ix_(r, c)].mean())
        for r in rows
        for c in columns
        if held[np.ix_(r, c)].mean() > _HELD
    ]
    if not found:
        return 1.0
    # a tile holds few independent sums, and the median of chi-squared lies below its mean
    number = _TILE**2 * float(passed.mean() ** 2 / (passed**2).mean())
    below = (1 - 2 / (9 * number)) ** 3
    return float(np.median(found)) / float(passed.mean()) / below
