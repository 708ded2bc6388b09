"""Noisy images for a denoiser, and what judges the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..noise import counts as electrons

Denoiser = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Samples:
    """Noisy images for a denoiser, and what judges the results.

    Parameters
    ----------
    inputs
        (K, Y, X) images to denoise, all of the same expectation.
    """

    inputs: np.ndarray

    def estimates(self, denoiser: Denoiser) -> np.ndarray:
        """(K, Y, X) results of a denoiser."""
        return np.stack([electrons.denoised_by(denoiser, i) for i in self.inputs])

    def terms(self, estimates: np.ndarray) -> np.ndarray:
        """(Y, X) terms whose mean is the mean squared error; NaN where nothing judges."""
        raise NotImplementedError

    def bias(self, estimates: np.ndarray) -> float:
        """What was taken out of the terms, in the mean."""
        return 0.0


@dataclass(frozen=True)
class Judged(Samples):
    """Each input judged by other images of the same pixels.

    Parameters
    ----------
    judges
        (K, Y, X) unbiased samples, each independent of the input of the same place.
    square
        (Y, X) unbiased estimates of the squared truth.
    """

    judges: np.ndarray
    square: np.ndarray

    def terms(self, estimates: np.ndarray) -> np.ndarray:
        """(Y, X) terms whose mean is the mean squared error."""
        result: np.ndarray = (estimates**2 - 2 * estimates * self.judges).mean(0) + self.square
        return result
