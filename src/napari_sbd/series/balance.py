"""The mean of every volume is that of the data.

A network draws signals towards the mean of what it has learnt; weak ones become too strong. Over
many voxels noise averages out, and what the data exceed the answer by is known well. The answer is
changed by it as little as possible, measured in the noise of the voxels.
"""

from __future__ import annotations

import numpy as np

from .noises import Noise


class Balance:
    """What volumes miss on average, gathered in parts, and put right.

    Parameters
    ----------
    noise
        Of the noisy signals.
    length
        N.
    """

    def __init__(self, noise: Noise, length: int) -> None:
        self.noise = noise
        self._missing, self._variance, self._weight = np.zeros((3, length))

    def add(self, clean: np.ndarray, noisy: np.ndarray) -> None:
        """Gather voxels (V, N)."""
        mean, variance = self.noise.moments(clean)
        weight, slope = self._change(clean)
        self._missing += (noisy - mean).sum(0, dtype=np.float64)
        self._variance += variance.sum(0, dtype=np.float64)
        self._weight += (weight * slope).sum(0, dtype=np.float64)

    def apply(self, clean: np.ndarray) -> np.ndarray:
        """Voxels (V, N) whose volumes miss nothing that is more than chance.

        What chance makes of a mean is not followed (James and Stein).
        """
        square = np.maximum(self._missing**2, 1e-30)
        sure = np.maximum(1 - self._variance / square, 0)
        factor = sure * self._missing / np.maximum(self._weight, 1e-30)
        weight, _ = self._change(clean)
        changed = clean + weight * factor.astype(np.float32)
        return np.asarray(np.maximum(changed, 0) if self.noise.is_positive else changed)

    def _change(self, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By what share each voxel takes part in a change of the sum, and what the sum feels."""
        if self.noise.is_magnitude:
            slope = self.noise.slope(clean)
            return slope, slope
        one = np.ones_like(clean, np.float32)
        return (self.noise.variance(clean) if self.noise.kind == "poisson" else one), one
