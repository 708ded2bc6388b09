"""Correlated noise made white for the network, and its result given the colour of the camera again.

A scintillator or CMOS camera blurs the electrons after they have arrived: signal and shot noise
pass the same transfer. So do the tails of a scanned detector along its fast axis, and the
interpolation of a frame that was turned or aligned. Divided by the amplitude of the noise the
spectrum is that of white noise and of a sharper image, which is what the networks know; multiplied
by it again, their result is the expected image as this camera sees it.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from .band import EVERYTHING, Band
from .curve import FREE, MONOTONE, curve_terms
from .running_mean import mean_power
from .tile_spectra import tile_grid, typical_power

_KEY = "napari_sbd_noise_spectrum"

_FLOOR = 0.03  # of the largest amplitude: read-out noise is not blown up where nothing passes
_LITTLE = 0.2  # of the power of white noise: less is not missed
_BAND = 0.1, 0.4  # cycles per working pixel: neither light nor what a wide point spread leaves
_NOISE = 0.3  # quantile of the power over frequencies: signal only adds to it
_MARGIN = 16  # working pixels of reflection around an image that is filtered
_AS_WHITE = 1.05  # up to which times weaker than its slow part noise is told to be independent


@dataclass(frozen=True)
class NoiseSpectrum:
    """Power of an image's noise against spatial frequency, relative to its slow part.

    Parameters
    ----------
    coefficients
        Of the smooth curve through the logarithm of the power (``curve_terms``).
    floor
        Logarithm of the white part, read-out noise most of all.
    block
        Pixels summed along y and x to the sampling that the frequencies refer to.
    interpolated
        Whether it is that of pixels which were drawn from those of another frame.
    band
        What passes at all.
    smoothed
        Working pixels along y and x over which a running mean was taken.
    """

    coefficients: tuple[float, ...]
    floor: float
    block: tuple[int, int] = (1, 1)
    interpolated: bool = False
    band: Band = EVERYTHING
    smoothed: tuple[int, int] = (1, 1)

    def power(self, fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        """At frequencies [cycles per working pixel], which broadcast; 1 at zero frequency."""
        fy, fx = np.broadcast_arrays(fy, fx)
        curve = curve_terms(fy, fx) @ np.array(self.coefficients)
        result: np.ndarray = np.exp(np.logaddexp(curve, self.floor) - np.logaddexp(0, self.floor))
        if self.smoothed != (1, 1):
            result *= mean_power(fy, fx, self.smoothed)
        return np.where(self.band.holds(fy, fx), result, 0.0)

    def amplitude(self, shape: tuple[int, int]) -> np.ndarray:
        """What the real Fourier transform (H, W // 2 + 1) of an image is divided by."""
        fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
        amplitude = np.sqrt(self.power(fy, fx))
        result: np.ndarray = np.maximum(amplitude, _FLOOR * amplitude.max())
        return result

    def missing(self, fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        """Share of the power of white noise that an image divided by the amplitude lacks."""
        power = self.power(fy, fx)
        result: np.ndarray = 1 - power / np.maximum(power, _FLOOR**2 * power.max())
        return result

    @property
    def is_full(self) -> bool:
        """Whether some noise passes at all frequencies."""
        f = np.fft.fftfreq(64)
        return bool(self.missing(f[:, None], f).max() < _LITTLE)

    @property
    def correlated_over(self) -> float:
        """Side [pixels] of the square whose noise is as good as one independent value.

        A point spread and the sum over a block widen each other as areas add up; what the blocks
        add is taken off, so that independent pixels have a side of 1.
        """
        block = float(np.prod(self.block))
        return float(np.sqrt(max(block / self.deviation**2 - block, 0.0) + 1))

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise, over that of the same noise made white."""
        f = np.fft.fftfreq(64)
        return float(np.sqrt(self.power(f[:, None], f).mean()))

    @property
    def streaks(self) -> str:
        """The axis, y or x, along which the noise is clearly more correlated, or nothing."""
        f = np.fft.fftfreq(64)[1:]
        along_y, along_x = self.power(f, np.zeros(1)).mean(), self.power(np.zeros(1), f).mean()
        if max(along_y, along_x) < 1.3 * min(along_y, along_x):
            return ""
        return "y" if along_y < along_x else "x"

    def __str__(self) -> str:
        """For people, such as "correlated over 5.4 px, scintillator-like"."""
        if self.interpolated:
            return "of a frame that was interpolated, as by turning, moving or scaling it"
        if self.band.lowest < 1:
            finest = max(self.block) / self.band.lowest
            return f"cut off below periods of {finest:.2g} px, as by a filter or by enlarging"
        if self.smoothed != (1, 1):
            y, x = (n * b for n, b in zip(self.smoothed, self.block, strict=True))
            return f"smoothed by a running mean over {y} x {x} px"
        if self.deviation > 1 / _AS_WHITE:
            return f"independent between sums over {self.block[0]} x {self.block[1]} px"
        kind = f"with streaks along {self.streaks}" if self.streaks else "scintillator-like"
        return f"correlated over {self.correlated_over:.2g} px, {kind}"

    def on(self, block: tuple[int, int]) -> NoiseSpectrum:
        """The same, once it is sure that it holds for this block.

        Raises
        ------
        SBDError
            If it is of another one.
        """
        if tuple(block) != tuple(self.block):
            raise SBDError(
                f"This noise spectrum is of sums over {self.block[0]} x {self.block[1]} pixels, "
                f"and of this image {block[0]} x {block[1]} are summed; estimate it from an image "
                "of the same pixel size."
            )
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as ``from_dict`` takes them."""
        return {
            "coefficients": [round(c, 5) for c in self.coefficients],
            "floor": round(self.floor, 5),
            "block": list(self.block),
            "interpolated": self.interpolated,
            **({"band": asdict(self.band)} if self.band.lowest < 1 else {}),
            **({"smoothed": list(self.smoothed)} if self.smoothed != (1, 1) else {}),
        }

    @classmethod
    def from_dict(cls, values: Any) -> NoiseSpectrum:
        """What ``to_dict`` gave.

        Raises
        ------
        SBDError
            If it is something else.
        """
        try:
            coefficients = tuple(float(c) for c in values["coefficients"])
            y, x = (int(n) for n in values["block"])
            drawn = values.get("interpolated", False) is True
            band = Band(**{k: float(v) for k, v in values.get("band", {}).items()})
            n, m = (int(n) for n in values.get("smoothed", (1, 1)))
            found = cls(coefficients, float(values["floor"]), (y, x), drawn, band, (n, m))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise SBDError("These values are no noise spectrum.") from None
        sound = len(coefficients) == 1 + MONOTONE + FREE and min(*found.block, n, m) > 0
        sound &= 0 < found.band.lowest <= 1
        if not sound or not np.isfinite([*coefficients, found.floor]).all():
            raise SBDError("These values are no noise spectrum.")
        return found

    def save(self, path: str | Path) -> Path:
        """Write a file that ``denoise(noise=PATH)`` takes."""
        from ..files import replacing

        with replacing(Path(path)) as draft:
            draft.write_text(json.dumps({_KEY: self.to_dict()}), "utf-8")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> NoiseSpectrum:
        """Read what ``save`` wrote.

        Raises
        ------
        SBDError
            If there is no such file, or it holds no noise spectrum.
        """
        try:
            values = json.loads(Path(path).read_text("utf-8"))[_KEY]
        except OSError as error:
            raise SBDError(
                f"The noise is 'auto', 'white' or the file of a noise spectrum; {path} cannot be "
                f"read: {error.strerror}."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise SBDError(f"{path} holds no noise spectrum.") from error
        return cls.from_dict(values)


def whiten(image: np.ndarray, noise: NoiseSpectrum, seed: int | None = None) -> np.ndarray:
    """Make the noise of an image (H, W), finite, at the working sampling white.

    Where hardly anything passes the camera, fresh noise takes the place of what is missing: the
    networks take the lack of it for detail. It is as good as nothing once the result is coloured.

    Parameters
    ----------
    image, noise
        The image and the spectrum of its noise.
    seed
        Of the fresh noise, the same for images that are compared. By default it hangs on the image,
        so that halves or frames do not seem to agree by it.
    """
    white = divided(image, noise)
    if noise.is_full:
        return white
    fy, fx = np.fft.fftfreq(white.shape[0])[:, None], np.fft.rfftfreq(white.shape[1])
    rng = np.random.default_rng(zlib.crc32(image.tobytes()) if seed is None else seed)
    fresh = np.fft.rfft2(rng.normal(0, _level(white, noise), white.shape))
    result: np.ndarray = white + np.fft.irfft2(fresh * np.sqrt(noise.missing(fy, fx)), white.shape)
    return result


def divided(image: np.ndarray, noise: NoiseSpectrum) -> np.ndarray:
    """An image (H, W) divided by the amplitude of its noise, and nothing added: ``whiten`` where
    it must be linear."""
    return _filtered(image, noise, -1)


def colour(image: np.ndarray, noise: NoiseSpectrum) -> np.ndarray:
    """The inverse of ``whiten``, for a denoised image."""
    return _filtered(image, noise, 1)


def _level(white: np.ndarray, noise: NoiseSpectrum) -> float:
    """Standard deviation of the noise where it passes, of an image divided by its amplitude."""
    grid = tile_grid()
    radius = np.hypot(grid.fy, grid.fx)
    passed = (noise.missing(grid.fy, grid.fx) < _LITTLE) & (radius < _BAND[1])
    fast = passed & (radius > _BAND[0])
    power = typical_power(white)
    if not power.size:  # less than a tile, such as coarse sums that are tried
        return 0.0
    power = power[fast if fast.any() else passed]
    return float(np.sqrt(np.quantile(power, _NOISE))) if power.size else 0.0


def _filtered(image: np.ndarray, noise: NoiseSpectrum, exponent: int) -> np.ndarray:
    from scipy import fft

    shape = [fft.next_fast_len(n + 2 * _MARGIN, real=True) for n in image.shape]
    pad = [(_MARGIN, whole - n - _MARGIN) for n, whole in zip(image.shape, shape, strict=True)]
    mode = "reflect" if all(max(p) < n for p, n in zip(pad, image.shape, strict=True)) else "edge"
    mean = image.mean()
    wide = np.pad(image - mean, pad, mode=mode)  # type: ignore[call-overload]
    amplitude = noise.amplitude((shape[0], shape[1])) ** exponent
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    amplitude *= noise.band.holds(fy, fx)
    wide = fft.irfft2(fft.rfft2(wide) * amplitude, shape)
    inner: np.ndarray = wide[_MARGIN : _MARGIN + image.shape[0], _MARGIN : _MARGIN + image.shape[1]]
    result: np.ndarray = inner + mean
    return result
