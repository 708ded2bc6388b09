"""How noise comes into a signal, and how much of it: one number, the level.

The level is the standard deviation of Gaussian noise; that of each of the two channels of a complex
coil image for magnitudes; file units per count for counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, cast, get_args

import numpy as np

from ..errors import SBDError

Kind = Literal["gaussian", "rician", "chi", "poisson"]
_NEIGHBOURS = 9  # channels along the axis over which the unit of counts is averaged
_LEAST = 0.1  # variance of a value over the square of the level
_STEPS = 4001  # of the tables up to the reach
_REACH = 40.0  # signal over level, beyond which a magnitude's noise is Gaussian


@dataclass(frozen=True)
class Noise:
    """A kind of noise and its level.

    Parameters
    ----------
    kind
        ``"gaussian"``; ``"rician"``, the magnitude of one complex image; ``"chi"``, the root of the
        sum of squares of several coils (non-central chi); ``"poisson"``, counts.
    level
        In file units; see the module.
    coils
        Of ``"chi"``.

    Raises
    ------
    SBDError
        If the kind is unknown, or a number is impossible.
    """

    kind: Kind
    level: float = 1.0
    coils: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise SBDError(f"The noise is one of {', '.join(get_args(Kind))}, not {self.kind!r}.")
        if not (np.isfinite(self.level) and self.level > 0):
            raise SBDError(f"The noise level must be a number above 0, not {self.level!r}.")
        if not (1 <= self.coils <= 256 and self.coils == int(self.coils)):
            raise SBDError(f"The number of coils is a whole number from 1 up, not {self.coils}.")
        if self.coils > 1 and self.kind != "chi":
            raise SBDError("Only noise 'chi' has several coils; leave coils out.")

    @property
    def is_magnitude(self) -> bool:
        """Whether the noise has a floor."""
        return self.kind in ("rician", "chi")

    @property
    def is_positive(self) -> bool:
        """Whether a clean signal cannot be below zero."""
        return self.kind != "gaussian"

    def at(self, level: float) -> Noise:
        """The same kind of another level."""
        return replace(self, level=level)

    def draw(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Noisy signals of known expectation (of known magnitude), float32, same shape."""
        if self.kind == "poisson":
            counts = rng.poisson(np.maximum(clean, 0) / self.level)
            return cast(np.ndarray, counts.astype(np.float32) * np.float32(self.level))
        level = np.float32(self.level)
        noisy = clean + level * rng.standard_normal(clean.shape, np.float32)
        if self.kind == "gaussian":
            return cast(np.ndarray, noisy)
        if self.coils == 1:
            other = level * rng.standard_normal(clean.shape, np.float32)
            return cast(np.ndarray, np.hypot(noisy, other))
        # the other channel, and both channels of the other coils, hold noise alone
        rest = rng.chisquare(2 * self.coils - 1, clean.shape).astype(np.float32)
        return cast(np.ndarray, np.sqrt(noisy**2 + level**2 * rest))

    def unit(self, noisy: np.ndarray) -> np.ndarray | np.float32:
        """A scale on which the noise of signals (V, N) is about one.

        For counts it is known no better than the counts themselves tell: the root of their mean
        over neighbouring channels, plus one count.
        """
        if self.kind != "poisson":
            return np.float32(self.level)
        from scipy.ndimage import uniform_filter1d

        mean = uniform_filter1d(np.maximum(noisy, 0), min(_NEIGHBOURS, noisy.shape[-1]), axis=-1)
        return cast(np.ndarray, np.sqrt(self.level * (mean + self.level)).astype(np.float32))

    def variance(self, mean: np.ndarray) -> np.ndarray:
        """Variance of noisy values whose mean is known."""
        if self.kind == "poisson":
            return cast(np.ndarray, self.level * np.maximum(mean, 0))
        if self.kind == "gaussian":
            return np.full(np.shape(mean), self.level**2)
        scaled = np.asarray(mean, np.float32) / np.float32(self.level)
        return np.float32(self.level**2) * _look_up(_magnitude_tables(self.coils)[2], scaled)

    def at_least(self, variance: np.ndarray) -> np.ndarray:
        """Variances that squares can be divided by: few counts are no exact knowledge."""
        return cast(np.ndarray, np.maximum(variance, _LEAST * self.level**2))

    @property
    def least_variance(self) -> float:
        """What ``at_least`` of the variance of no mean is below."""
        if not self.is_magnitude:
            return self.level**2 * (_LEAST if self.kind == "poisson" else 1.0)
        return float(self.level**2 * _magnitude_tables(self.coils)[3].min())

    def expected(self, clean: np.ndarray) -> np.ndarray:
        """Mean of the noisy values of clean signals, float32."""
        if not self.is_magnitude:
            return np.asarray(clean, np.float32)
        signal = np.maximum(np.asarray(clean, np.float32) / np.float32(self.level), 0)
        near = _look_up(_magnitude_tables(self.coils)[0], signal)
        far = np.sqrt(signal**2 + np.float32(2 * self.coils - 1))
        return np.where(signal < _REACH, near, far) * np.float32(self.level)

    def moments(self, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, float32, of the noisy values of clean signals, within 1 %; fast."""
        if not self.is_magnitude:
            return np.asarray(clean, np.float32), np.asarray(self.variance(clean), np.float32)
        means, variances = _magnitude_tables(self.coils)[::3]
        place = self._place(clean)
        mean = np.take(means, place, mode="clip") * np.float32(self.level)
        far = place == _STEPS - 1
        if far.any():
            mean[far] = self.expected(clean[far])
        variance = np.take(variances, place, mode="clip") * np.float32(self.level**2)
        return mean, variance

    def slope(self, clean: np.ndarray) -> np.ndarray:
        """Change of the mean of noisy values with that of a clean signal, float32, within 1 %."""
        if not self.is_magnitude:
            return np.ones_like(clean, np.float32)
        table = np.gradient(_magnitude_tables(self.coils)[0]) * np.float32((_STEPS - 1) / _REACH)
        return np.take(table, self._place(clean), mode="clip")

    def _place(self, clean: np.ndarray) -> np.ndarray:
        """Where clean signals lie in the tables, at most at their end."""
        place = np.minimum(clean * np.float32((_STEPS - 1) / _REACH / self.level), _STEPS - 1)
        return place.astype(np.int32)

    def without_floor(self, mean: np.ndarray) -> np.ndarray:
        """Clean signals, float32, whose noisy values have these means; zero below the floor."""
        if not self.is_magnitude:
            return np.asarray(mean, np.float32)
        scaled = np.asarray(mean, np.float32) / np.float32(self.level)
        near = _look_up(_magnitude_tables(self.coils)[1], scaled)
        far = np.sqrt(np.maximum(scaled**2 - np.float32(2 * self.coils - 1), 0))
        return np.where(scaled < _REACH, near, far) * np.float32(self.level)

    def strength(self, noisy: np.ndarray) -> np.ndarray:
        """(V,) how bright each voxel is: root mean square without noise; for counts the mean."""
        if self.kind == "poisson":
            return cast(np.ndarray, noisy.mean(1))
        power = np.square(noisy, dtype=np.float64).mean(1)
        floor = 2 * self.coils if self.is_magnitude else 1
        return cast(np.ndarray, np.sqrt(np.maximum(power - floor * self.level**2, 0)))


@lru_cache
def _magnitude_moments(coils: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances of magnitudes with level 1 (Koay and Basser, J Magn Reson 179, 2006)."""
    from scipy.special import gammaln, hyp1f1

    signal = np.linspace(0, _REACH, 2000)
    floor = np.sqrt(2) * np.exp(gammaln(coils + 0.5) - gammaln(coils))
    mean = floor * hyp1f1(-0.5, coils, -(signal**2) / 2)
    return mean, np.clip(signal**2 + 2 * coils - mean**2, 0, 1)


@lru_cache
def _magnitude_tables(coils: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean of a signal, signal and variance of a mean, variance of a signal, of level 1, from 0 to
    the reach."""
    means, variances = _magnitude_moments(coils)
    even, signal = np.linspace(0, _REACH, _STEPS), np.linspace(0, _REACH, len(means))
    of_signal = np.interp(even, signal, means).astype(np.float32)
    of_mean = [np.interp(even, means, a).astype(np.float32) for a in (signal, variances)]
    variance = np.interp(even, signal, variances).astype(np.float32)
    return of_signal, of_mean[0], of_mean[1], variance


def _look_up(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Linear interpolation in a table from 0 to the reach; faster than ``numpy.interp``."""
    place = values * np.float32((_STEPS - 1) / _REACH)
    place = np.clip(place, 0, np.float32(_STEPS - 1.001), out=place)
    below = place.astype(np.int32)
    found = np.take(table, below, mode="clip")  # which spares a look at each place
    rise = np.take(table, below + 1, mode="clip")
    rise -= found
    np.subtract(place, below, out=place, dtype=np.float32, casting="unsafe")
    found += np.multiply(rise, place, out=rise)
    return np.asarray(found)
