"""What judges a denoised image: where its denoiser is known, halves of the data kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from .. import sampling
from ..errors import Cancelled, SBDError, warn
from ..micrograph import Micrograph
from ..noise import counts as electrons
from ..noise.covariance import Covariance, covariance_of
from ..noise.level import can_be_dealt
from ..noise.line_offsets import line_excess
from .split_halves import Denoiser, Trial, as_good_as_the_whole, halves, noise_halves
from .words import BY_ALL, BY_HALVES, BY_NOISY_HALVES

_SAME = 0.1  # of the range of values: precisions and devices differ by less
_FAINT = 1e-3  # of the mean: the least expectation whose variance is believed
_MANY = 1e6  # counts per pixel, whose distribution is normal
_TINY = float(np.finfo(float).tiny)
_FALLING = 4.0  # standard errors, from which noise is held to be less where it is brighter
_DARKEST = 0.05  # of the typical variance, which the line does not fall below
_AROUND = 4.0  # blocks: over what the variance of noise is averaged

# The halves of the image that was judged last: a column moved by hand asks for them again.
_latest: dict[str, Any] = {}


@dataclass(frozen=True, eq=False)
class Evidence:
    """One frame, its estimate, and what either half of the data says of the other.

    Parameters
    ----------
    noisy, expected
        (Y, X) data and denoised image in one unit: electrons if ``counts``.
    variance
        (Y, X) of the noise of a pixel.
    counts
        Whether the noise is that of electron counts.
    trials
        Each half of the data with what is expected of it from the other half; both add up to the
        whole. None where the denoiser is unknown.
    noise
        How the noise of pixels hangs together, where it is correlated; ``variance`` is then that
        which independent pixels would need for slow noise.
    """

    noisy: np.ndarray
    expected: np.ndarray
    variance: np.ndarray
    counts: bool
    trials: list[Trial] | None
    noise: Covariance | None = None

    @property
    def how(self) -> str:
        """Which data judge which estimate, in words."""
        if self.trials is None:
            return BY_ALL
        return BY_HALVES if self.counts and self.noise is None else BY_NOISY_HALVES

    def as_counts(self) -> list[Trial]:
        """What is judged by what, brought to counts: electrons as they are, other data in a unit in
        which their noise is that of very many counts."""
        trials = [(self.noisy, self.expected)]
        if self.trials is not None:
            trials = as_good_as_the_whole(self.trials, self.expected)
        if self.counts:
            unit = 1.0 if self.noise is None else self.noise.level
            return [(data / unit, expected / unit) for data, expected in trials]
        share = 1 / len(trials)

        def scaled(image: np.ndarray) -> np.ndarray:
            off = (image - share * self.expected) / np.sqrt(self.variance)
            result: np.ndarray = _MANY * share + _MANY**0.5 * off
            return result

        return [(scaled(data), scaled(expected)) for data, expected in trials]

    @property
    def estimates(self) -> list[np.ndarray]:
        """Both halves' estimates at the scale of the whole, first that of the first half."""
        assert self.trials is not None
        return [2 * expected for _, expected in self.trials[::-1]]

    def spread(self, weights: np.ndarray) -> np.ndarray:
        """Weights (..., H, W) with which independent noise gives a sum of the same variance."""
        return weights if self.noise is None else self.noise.spread(weights)


def evidence(
    data: Micrograph,
    model: Micrograph,
    denoiser: Denoiser | bool | None = None,
    *,
    block: int,
    counts: bool = True,
    seed: int = 0,
) -> Evidence:
    """Put together what judges one frame.

    Parameters
    ----------
    data, model
        (Y, X) noisy and denoised, in one unit; with their gain if they are electrons.
    denoiser
        What made the one from the other, a function of an array; by default that of the recipe,
        where the denoised image carries one; False for none.
    block
        Pixels along a side, over which noise is looked at where it is no noise of counts.
    counts
        Whether the noise is that of electron counts.
    seed
        Of the halves.
    """
    noisy, expected = (next(electrons.frames(m)) for m in (data, model))
    if counts:
        variance = np.maximum(expected, _FAINT * np.nanmean(expected))
    else:
        variance = local_variance(noisy, expected, block)
    noise = None
    if data is not model:
        noise = covariance_of(data, noisy, expected, variance, (block, block))
    if noise is not None:
        variance = variance * noise.level

    def split(made: Denoiser) -> list[Trial]:
        if noise is not None:
            return noise_halves(noisy, variance, made, seed, noise)
        if counts and can_be_dealt(noisy):
            return halves(data, made, seed)
        return noise_halves(noisy, local_variance(noisy, expected, block), made, seed)

    trials = None
    if callable(denoiser):
        trials = split(denoiser)
    elif denoiser is None or denoiser is True:
        key = _fingerprint(noisy, expected, model, (counts, block, seed))
        if _latest.get("key") != key:
            made = known_denoiser(noisy, expected, model)
            _latest.update(key=key, trials=None if made is None else split(made))
        trials = _latest["trials"]
    return Evidence(noisy, expected, variance, counts, trials, noise)


def warn_of_lines(evidence: Evidence) -> None:
    """Warn where lines hang together in what was removed, which z and errors do not allow for."""
    with np.errstate(divide="ignore", invalid="ignore"):
        off = (evidence.noisy - evidence.expected) / np.sqrt(evidence.variance)
    found = line_excess(np.where(np.isfinite(off), off, np.nan), evidence.noise)
    for axis, excess in zip("xy", found, strict=True):
        if excess is not None:
            warn(
                f"Lines along {axis} hang together in what denoising removed: their sums have "
                f"{excess:.2g} times the variance that single pixels let expect, as an uneven "
                "read-out or scan makes them. z and errors do not allow for it and are too sure; "
                "take the level of each line off before."
            )


def known_denoiser(noisy: np.ndarray, expected: np.ndarray, model: Micrograph) -> Denoiser | None:
    """The denoiser of the recipe, if it makes the denoised image from the noisy one.

    Where it cannot be had, or makes another image, a warning says why, and the result is None.

    Parameters
    ----------
    noisy, expected
        In one unit, (Y, X) or (T, Y, X).
    model
        The denoised image, with its recipe.
    """
    from ..repeat import denoiser_of, made_by_network

    if not made_by_network(model):
        return None
    try:
        found = electrons.denoised_by(denoiser_of(model, anew=False), noisy)
        off = float(np.nanmax(np.abs(found - expected)))
        if not off < _SAME * float(np.nanmax(expected) - np.nanmin(expected)):
            raise SBDError("what its recipe says makes another image of these data.")
        return denoiser_of(model)
    except Cancelled:
        raise
    except SBDError as error:
        warn(
            "The denoised image is judged by the very data that it was made from, which is too "
            f"kind to it: {error}"
        )
        return None


def local_variance(noisy: np.ndarray, expected: np.ndarray, block: int) -> np.ndarray:
    """(Y, X) variance of a pixel's noise, as sums over blocks of what was removed show it.

    A straight line of variance over brightness, as detectors of counts with read-out noise have
    it (falling in images of inverted contrast), times what is found around each place. Over several
    pixels the correlation of neighbours hardly matters: this is the variance that independent
    pixels would need for the noise of sums.
    """
    from scipy.ndimage import gaussian_filter

    area = block**2
    removed = sampling.bin_counts(noisy - expected, (block, block))
    bright = sampling.bin_counts(expected, (block, block)) / area
    held = np.isfinite(removed) & np.isfinite(bright)
    squares = np.where(held, removed, 0) ** 2 / area
    base, slope = _line(bright[held], squares[held])
    foreseen = np.maximum(base + slope * np.where(held, bright, 0), _TINY)
    found, wanted = (
        gaussian_filter(np.where(held, i, 0), _AROUND, mode="nearest") for i in (squares, foreseen)
    )
    factor = np.where(wanted > 0, found / np.maximum(wanted, _TINY), 1.0)
    fine = factor.repeat(block, 0).repeat(block, 1)[: noisy.shape[0], : noisy.shape[1]]
    smallest = (1e-6 * float(np.nanmax(noisy) - np.nanmin(noisy))) ** 2  # of an image without noise
    line = base + slope * np.nan_to_num(expected, nan=float(np.nanmean(expected)))
    least = _DARKEST * np.median(foreseen[held]) if held.any() else 0.0
    result: np.ndarray = np.maximum(np.maximum(line, least) * fine, smallest + _TINY)
    return result


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Base and slope of a variance over brightness; falling only beyond chance, as in a negative.

    Squares of noise scatter by 1.4 times their mean, so each counts by the inverse of its square.
    """
    if not y.any():
        return 0.0, 0.0
    base, slope, sign = float(y.mean()), 0.0, 0
    for _ in range(4):
        weight = 1 / np.maximum(base + slope * x, 1e-3 * y.mean() + _TINY) ** 2
        middle, mean = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = np.average((x - middle) ** 2, weights=weight)
        slope = float(np.average((x - middle) * y, weights=weight) / spread) if spread > 0 else 0.0
        if not sign:  # even weights tell the way; later ones hang on few values at one end
            chance = np.sqrt(2 / (spread * weight.sum())) if spread > 0 else 0.0
            sign = -1 if slope < -_FALLING * chance else 1
        slope = sign * max(sign * slope, 0.0)
        base = float(mean - slope * middle)
    return base, slope


def _fingerprint(noisy: np.ndarray, expected: np.ndarray, model: Micrograph, rest: Any) -> str:
    from ..recipe import history

    digest = sha256(noisy.tobytes())
    digest.update(expected.tobytes())
    digest.update(repr((history(model.metadata), rest)).encode())
    return digest.hexdigest()
