"""The tissue of a diffusion reference in any orientation, crossing in any way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from .compartments import Compartments, any_turn
from .gradients import Gradients
from .noises import Noise

_MIXED = 0.7  # share of draws in which parts are those of other tissue
_BRIGHTNESS = 0.2  # natural logarithm of the largest change of brightness
_CELLS = 12  # parts with an orientation of their own, at most
_PACE = 0.08  # natural logarithm of the largest change of diffusivity


@dataclass(frozen=True)
class Tissue:
    """What a reference would have shown of tissue that lies otherwise.

    Parameters
    ----------
    compartments
        Of the reference.
    gradients
        The table to measure with.
    noise
        Of the acquisitions to be denoised.
    """

    compartments: Compartments
    gradients: Gradients
    noise: Noise

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Clean signals (N, ...) float32 and their mask, every time of other orientations."""
        mask = self.compartments.mask
        clean = self._turned(rng)
        if rng.random() < _MIXED:
            axes = tuple(axis for axis in range(mask.ndim) if rng.random() < 0.5)
            other = np.flip(self._turned(rng), tuple(axis + 1 for axis in axes))
            share = np.where(mask & np.flip(mask, axes), _parts(mask.shape, rng), np.float32(1))
            clean = share * clean + (1 - share) * other
        return clean * np.float32(np.exp(rng.uniform(-_BRIGHTNESS, _BRIGHTNESS))), mask

    def _turned(self, rng: np.random.Generator) -> np.ndarray:
        """The reference, each of several parts turned in its own way."""
        mask = self.compartments.mask
        found = np.zeros((len(self.gradients.bvals), *mask.shape), np.float32)
        parts = _cells(mask.shape, int(rng.integers(2, _CELLS + 1)), rng)[mask]
        signal = np.zeros((len(found), len(parts)), np.float32)
        for part in (parts == k for k in np.unique(parts)):
            pace = float(np.exp(rng.uniform(-_PACE, _PACE)))
            signal[:, part] = self.compartments.measured(self.gradients, any_turn(rng), pace, part)
        found[:, mask] = signal
        return found


def _cells(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> np.ndarray:
    """Which of several random points each voxel is nearest to."""
    place = np.moveaxis(np.indices(shape), 0, -1)
    points = rng.uniform(0, shape, (count, len(shape)))
    return np.asarray(np.argmin([np.square(place - p).sum(-1) for p in points], 0))


def _parts(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Shares in parts with sharp edges: all, none, and something between."""
    smooth = gaussian_filter(rng.standard_normal(shape), rng.uniform(1, 4))
    part = np.digitize(smooth, np.quantile(smooth, (1 / 3, 2 / 3)))
    result: np.ndarray = rng.permutation(np.array([0, rng.random(), 1], np.float32))[part]
    return result
