"""Which counts judge which estimate, so that no electron is used twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import warn
from ..micrograph import Micrograph
from ..micrograph.frames import lit_frames
from ..micrograph.telling import holds_data, repeated_frames, told_of_repeated
from ..noise import counts as electrons
from ..noise.covariance import Covariance
from ..recipe import setting_of
from .statistic import Weights, combined, score_maps, scores_at

Denoiser = Callable[[np.ndarray], np.ndarray]
Trial = tuple[np.ndarray, np.ndarray]

_LEAST_LEFT = 0.2  # of the variance; less would blow up small errors of the shares
_MEDIAN_CHI2 = 0.4549  # of chi-squared with one degree of freedom
_STILL = 0.1  # excess of the variance between neighbouring frames that may be chance


def judge(trials: list[Trial], weights: Weights) -> tuple[np.ndarray, float | None]:
    """z around each pixel, and the standard deviation of z under self-use.

    A trial is counts and what was expected of them. Two trials share their scene: what the
    expectation of each was made from are the counts of the other.
    """
    maps = [score_maps(*residual(*trial), weights) for trial in trials]
    if len(trials) == 1:
        return combined(list(maps[0])), None
    scores = []
    shares = _estimate_noise(trials, weights)
    for share, one, other in zip(shares, *maps, strict=True):
        scores += share.independent(one, other, weights.noise is not None)
    return combined(scores), float(np.sqrt(np.mean([share.left for share in shares])))


def judge_at(trials: list[Trial], weights: Weights, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """z around points y, x (N,) [px], as ``judge`` has it around pixels."""
    parts = [scores_at(*residual(*trial), weights, y, x) for trial in trials]
    if len(trials) == 1:
        return combined(list(parts[0]))
    scores: list[np.ndarray] = []
    for share, one, other in zip(_estimate_noise(trials, weights), *parts, strict=True):
        scores += share.independent(one, other, weights.noise is not None)
    return combined(scores)


@dataclass(frozen=True)
class _Share:
    """How the random error of an estimate relates to that of the counts, over a neighbourhood.

    Parameters
    ----------
    variance
        Of the estimate, over that of the counts that it was made from.
    covariance
        Of the two, over the same.
    """

    variance: float
    covariance: float

    @property
    def left(self) -> float:
        """Variance of counts less their own estimate, over that of the counts."""
        return max(1 - 2 * self.covariance + self.variance, _LEAST_LEFT)

    def independent(
        self, one: np.ndarray, other: np.ndarray, by_removed: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Independent scores of unit variance from those of two trials.

        What is in one trial's counts is in the other's expectation, so their scores are correlated,
        and their sum and their difference are not. Where the strength of noise was taken from what
        was removed (``by_removed``), it is that of the sum already.
        """
        total = np.sqrt(2 if by_removed else 2 * self.left)
        apart = np.sqrt(2 * (1 + 2 * self.covariance + self.variance))
        return (one + other) / total, (one - other) / apart


def _estimate_noise(trials: list[Trial], weights: Weights) -> tuple[_Share, ...]:
    """The shares of both sums.

    The estimates of two independent halves differ by their noise only, f1 - f2 = H (y1 - y2) to
    first order. Medians are taken, so that single inventions do not count as noise. Halves that
    differ in frames or beam are brought to one exposure before they are compared; the variance of
    the difference stays the sum of both.
    """
    (counts, other_estimate), (other_counts, estimate) = trials
    expected = estimate + other_estimate
    up = np.sqrt(np.nansum(other_estimate) / np.nansum(estimate))
    of_estimate = score_maps(*residual(up * estimate, other_estimate / up, expected), weights)
    of_counts = score_maps(*residual(counts / up, up * other_counts, expected), weights)
    shares = []
    for f, c in zip(of_estimate, of_counts, strict=True):
        large = np.abs(c) > 1
        slope = float(np.median(f[large] / c[large])) if large.any() else 0.0
        held = f[c != 0]  # no data are in reach of the others
        typical = float(np.median(held**2)) if held.size else 0.0
        shares.append(_Share(typical / _MEDIAN_CHI2, max(slope, 0.0)))
    return tuple(shares)


def halves(data: Micrograph, denoiser: Denoiser, seed: int) -> list[Trial]:
    """Each random half of the electrons, with what is expected from the other half."""
    counts = np.stack(list(electrons.frames(data)))
    hands = electrons.deal(counts, 2, np.random.default_rng(seed))
    if not data.is_movie:
        hands = hands[:, 0]
    estimates = [electrons.denoised_by(denoiser, 2 * hand) / 2 for hand in hands]
    if data.is_movie:
        hands = hands.sum(1)
        estimates = [estimate.sum(0) for estimate in estimates]
    return [(hands[0], estimates[1]), (hands[1], estimates[0])]


def noise_halves(
    image: np.ndarray,
    variance: np.ndarray,
    denoiser: Denoiser,
    seed: int,
    correlated: Covariance | None = None,
) -> list[Trial]:
    """As ``halves`` of (Y, X) or (T, Y, X) data whose noise is normal and of known variance.

    Where y has variance v and n is drawn with the same, y + n and y - n are independent (Oliveira,
    Lei and Tibshirani, arXiv 2111.09447); half of each is what half an exposure would have given.
    Where the noise of pixels is correlated, n is as well.
    """
    # not the stream of the seed itself, from which a simulated image may have its noise
    rng = np.random.default_rng([seed, 1])
    if correlated is None:
        noise = rng.normal(0, 1, image.shape) * np.sqrt(variance)
    elif image.ndim == 2:
        noise = correlated.draw(variance, rng)
    else:
        noise = np.stack([correlated.draw(frame, rng) for frame in variance])
    hands = [(image + noise) / 2, (image - noise) / 2]
    estimates = [electrons.denoised_by(denoiser, 2 * hand) / 2 for hand in hands]
    if image.ndim == 3:
        hands, estimates = ([stack.sum(0) for stack in half] for half in (hands, estimates))
    return [(hands[0], estimates[1]), (hands[1], estimates[0])]


def as_good_as_the_whole(trials: list[Trial], expected: np.ndarray) -> list[Trial]:
    """Trials whose estimates are no worse than that of the whole because they have half the dose.

    Where noise is stronger a denoiser smooths more, in both halves alike. Noise, and what was made
    from it, moves their estimates apart. So what both are off by from the whole's, on the same
    side, is taken away from both; the smaller of the two distances, which of a linear denoiser is
    none.

    Parameters
    ----------
    trials
        Two halves of the data, each with what is expected of it.
    expected
        (Y, X) estimate of the whole.
    """
    off = [estimate - expected / 2 for _, estimate in trials]
    alike = np.where(np.sign(off[0]) == np.sign(off[1]), np.minimum(*np.abs(off)), 0)
    shared = np.sign(off[0]) * alike
    return [(data, estimate - shared) for data, estimate in trials]


def neighbours(data: Micrograph, model: Micrograph) -> list[Trial]:
    """Even frames with what is expected from the odd ones, and the other way round."""
    (even, odd), (even_estimate, odd_estimate) = (_even_and_odd(m) for m in (data, model))
    share = np.nansum(even) / np.nansum(odd)  # the number of frames and the beam may differ
    return [(even, share * odd_estimate), (odd, even_estimate / share)]


def still(data: Micrograph, weights: Weights) -> bool:
    """Whether neighbouring frames show the same scene, as far as their counts can tell.

    Of an odd number the last one is left out: it would bring the sums of a drifting scene to one
    centre, and their difference would go unnoticed.
    """
    even, odd = _even_and_odd(data.replace(data=data.data[: len(data.data) // 2 * 2]))
    share = np.nansum(even) / np.nansum(odd)
    difference, variance = residual(even, share * odd, share * (even + odd) * weights.level)
    scores = score_maps(difference, variance, weights)
    independent = variance.size / (4 * np.pi * weights.sigma[0] * weights.sigma[1])
    excess = np.mean([np.mean(s**2) for s in scores]) - 1
    return bool(excess < _STILL + 4 / np.sqrt(independent))


def _even_and_odd(source: Micrograph) -> tuple[np.ndarray, np.ndarray]:
    sums: list[Any] = [0.0, 0.0]
    for t, frame in enumerate(electrons.frames(source)):
        sums[t % 2] = sums[t % 2] + frame
    return sums[0], sums[1]


def telling(data: Micrograph, model: Micrograph) -> tuple[Micrograph, Micrograph]:
    """The frames of a noisy and a denoised movie that tell something of their own.

    Left out are those without beam or data, and those that hold the very values of the one before,
    of which a warning tells. Where the frames hang on each other, since they were denoised with the
    help of others or with gains of their own, all that hold data stay, so that what made them can
    be repeated.
    """
    if not data.is_movie:
        return data, model
    again = repeated_frames(data)
    told = told_of_repeated(again, len(data.data)) if again else ""
    gains = (setting_of(model.metadata, "gain_tuning") or {}).get("requested") or {}
    if setting_of(model.metadata, "neighbours") or gains.get("frames") == "each":
        kept = [t for t in range(len(data.data)) if holds_data(data, t)]
        told = told and f"{told}, so that the denoised images are judged too kindly."
    else:
        kept = sorted(set(lit_frames(data)) - set(again))
        told = told and f"{told}: judged without."
    if told:
        warn(told)
    if not kept or len(kept) == len(data.data):
        return data, model
    return data.replace(data=data.data[kept]), model.replace(data=model.data[kept])


def total(source: Micrograph) -> np.ndarray:
    total: Any = 0.0
    for frame in electrons.frames(source):
        total = total + frame
    return np.asarray(total)


def residual(
    counts: np.ndarray, expected: np.ndarray, variance: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Counts less expectation, and their variance; both zero where there are no data."""
    variance = expected if variance is None else variance
    held = np.isfinite(counts) & np.isfinite(expected) & np.isfinite(variance)
    return np.where(held, counts - expected, 0), np.where(held, variance, 0)
