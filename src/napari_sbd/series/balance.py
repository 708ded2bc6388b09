"""The mean of every volume is that of the data.

A network draws signals towards the mean of what it has learnt; weak ones become too strong. Over
many voxels noise averages out, and what the data exceed the answer by is known well. The answer is
changed by it as little as possible, measured in the noise of the voxels.
"""

from __future__ import annotations

import numpy as np

from .noises import Noise

_VALUES = 2**19  # at once: what the processor keeps at hand


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
        """Gather some voxels (V, N), few enough to stay at hand."""
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
        factor = (sure * self._missing / np.maximum(self._weight, 1e-30)).astype(np.float32)
        changed = np.empty_like(clean)
        step = max(1, _VALUES // clean.shape[1])
        for start in range(0, len(clean), step):
            part = slice(start, start + step)
            weight, _ = self._change(clean[part])
            changed[part] = clean[part] + weight * factor
        return np.maximum(changed, 0, out=changed) if self.noise.is_positive else changed

    def _change(self, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By what share each voxel takes part in a change of the sum, and what the sum feels."""
        if self.noise.is_magnitude:
            slope = self.noise.slope(clean)
            return slope, slope
        one = np.ones_like(clean, np.float32)
        return (self.noise.variance(clean) if self.noise.kind == "poisson" else one), one
