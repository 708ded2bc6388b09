"""The path of a drifting scene, frame after frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..micrograph.frames import mean_filled
from .register import moved, register

_MEMORY = 16  # frames that the template averages over
_ANCHOR = 0.75  # share of the template that must be in view, else it moves along
_SMOOTH = 1.5  # working pixels: standard deviation of the filter for the comparison of counts
SMOOTHED = 1 / (4 * np.pi * _SMOOTH**2)  # variance of white noise that it leaves
_EXCESS = 1.5  # variance of shifts of denoised frames over the least that counts allow; measured
_VELOCITY = 0.3  # weight of the last step in the predicted one


@dataclass(frozen=True)
class Place:
    """Where the scene lies in a frame.

    Parameters
    ----------
    shift
        (2,) y, x from the first frame [working px].
    covariance
        (2, 2) [px^2].
    agreement
        Correlation of the frame with those before, corrected for noise: 1 for the same scene. NaN
        in the first frame, and where the contrast is lost in noise.
    agreement_err
        One standard error of it.
    """

    shift: np.ndarray
    covariance: np.ndarray
    agreement: float
    agreement_err: float


class Tracker:
    """Registers each frame on the mean of those before.

    Parameters
    ----------
    jitter
        Standard deviation of the steps about a smooth path [working px].
    reach
        Largest step [working px].
    """

    def __init__(self, jitter: float, reach: int) -> None:
        self._jitter, self._reach = jitter, reach
        self._last = self._velocity = self._anchor = np.zeros(2)
        self._drift = np.zeros((2, 2))  # covariance of the anchor
        self._template: np.ndarray | None = None
        self._count, self._share = 0, 1.0

    @property
    def memory(self) -> dict[str, Any]:
        """What it has learned of the frames so far; another tracker can go on with it."""
        return {k: v for k, v in vars(self).items() if k not in ("_jitter", "_reach")}

    @memory.setter
    def memory(self, memory: dict[str, Any]) -> None:
        vars(self).update(memory)

    def __call__(self, denoised: np.ndarray, counts: np.ndarray, level: float) -> Place:
        """Place one frame.

        Parameters
        ----------
        denoised, counts
            (h, w) at the working sampling.
        level
            Standard deviation of the noise of ``counts``.
        """
        smoothed = smooth(counts)
        if self._template is None:
            self._template, self._count = np.stack([denoised, smoothed]), 1
            return Place(np.zeros(2), np.zeros((2, 2)), np.nan, np.nan)
        predicted = self._last + self._velocity - self._anchor
        d, known = register(
            denoised, counts, level, self._template[0], predicted, self._jitter, self._reach
        )
        covariance = _covariance(known, level)
        if self._count == 1:  # the first frame's own error stays with all
            self._drift = covariance
        here = np.stack([moved(denoised, d), moved(smoothed, d)])
        noise = level**2 * SMOOTHED
        alike = agreement(here[1], self._template[1], noise, self._share)
        place = Place(self._anchor + d, covariance + self._drift, *alike)
        self._velocity = (1 - _VELOCITY) * self._velocity + _VELOCITY * (place.shift - self._last)
        self._last = place.shift
        self._learn(here, d, covariance, np.stack([denoised, smoothed]))
        return place

    def _learn(
        self, here: np.ndarray, d: np.ndarray, covariance: np.ndarray, image: np.ndarray
    ) -> None:
        """Take a frame into the template."""
        assert self._template is not None
        self._count = min(self._count + 1, _MEMORY)
        a = 1 / self._count
        both = self._template + a * (here - self._template)
        self._template = np.where(np.isnan(here), self._template, both)
        self._share = (1 - a) ** 2 * self._share + a**2
        if np.isfinite(here[0]).mean() < _ANCHOR:
            along = np.stack([moved(t, -d) for t in self._template])
            self._template = np.where(np.isnan(along), image, along)
            self._anchor, self._drift = self._anchor + d, self._drift + covariance


def _covariance(information: np.ndarray, level: float) -> np.ndarray:
    """(2, 2) of a shift, from the Cramer-Rao bound for counts; infinite where nothing tells it."""
    if not information.any():
        return np.diag([np.inf, np.inf])
    return _EXCESS * level**2 * np.linalg.inv(information)


def smooth(counts: np.ndarray) -> np.ndarray:
    """Counts (h, w) with so little noise that they can be compared, NaN where they are."""
    from scipy.ndimage import gaussian_filter

    missing = np.isnan(counts)
    if not missing.any():
        return np.asarray(gaussian_filter(counts, _SMOOTH))
    whole = gaussian_filter(mean_filled(counts), _SMOOTH)
    return np.where(missing, np.nan, whole)


def agreement(a: np.ndarray, b: np.ndarray, noise: float, share: float) -> tuple[float, float]:
    """Noise-corrected correlation of two smoothed images, and its standard error.

    ``noise`` is the variance of the first, ``share`` times that is the second's. What both show
    alike moves numerator and denominator together, so noise times signal only counts as far as they
    differ.
    """
    both = np.isfinite(a) & np.isfinite(b)
    x, y = a[both] - a[both].mean(), b[both] - b[both].mean()
    independent = max(both.sum() / (2 * np.pi * _SMOOTH**2), 1)
    signal, other = x.var() - noise, y.var() - share * noise
    error = np.sqrt(noise * (max(signal, 0) + (0.5 + share) * noise) / independent)
    if min(signal, other) < 4 * error:
        return np.nan, np.nan
    found = float((x * y).mean() / np.sqrt(signal * other))
    apart = (1 - min(found, 1.0) ** 2) * (1 + share) * signal
    variance = noise * (apart + (0.5 + share + 0.5 * share**2) * noise) / independent
    return found, float(np.sqrt(variance) / signal)
