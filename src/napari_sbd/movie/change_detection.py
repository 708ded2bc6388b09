"""Whether the scene is the same in two frames, place by place.

Two denoised frames of one scene differ by what the noise does to the network's output. How much
that is, is measured: noise is drawn about the current estimate, and the images are denoised (a
parametric bootstrap, Efron and Tibshirani 1993). Where two frames differ by more than such images
do, the scene has changed. The more of a frame has changed, the smaller the differences that count,
so that a fixed share of what is taken for changed is still (the false discovery rate of Benjamini
and Hochberg 1995).
"""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np

from ..denoising.denoiser import Denoiser
from ..micrograph.frames import mean_filled
from ..noise.whitening import colour

_DRAWS = 4  # noisy images
_NEAR = 4.0  # working pixels: standard deviation of the window over which differences are averaged
_FAR = 8.0  # the same for their expected size
_TAILS = (0.1, 0.05, 0.02, 0.01, 0.001)  # shares of a still scene beyond the possible limits
_FALSE = 0.25  # of what is taken for changed, the share that may be still
_FLOOR = 0.02  # of the mean variance; vacuum may have none
_FALL = 3.0  # how fast the weight falls beyond the limit
_FOREIGN = 4.0  # times the limit, where a neighbour's residual is of no use any more


class Stillness:
    """The expected difference of two denoised frames of the same scene.

    Parameters
    ----------
    worker
        Of block sums.
    offset
        Value of a block without electrons.
    seed
        Of the noise that is drawn.
    """

    def __init__(self, worker: Denoiser, offset: float, seed: int = 0) -> None:
        self._worker, self._offset = worker, offset
        self._rng = np.random.default_rng(seed)
        self._variance: np.ndarray | None = None
        self._limits = np.zeros(len(_TAILS))

    @property
    def memory(self) -> dict[str, Any]:
        """What it has learned so far; another one can go on with it."""
        drawn = json.dumps(self._rng.bit_generator.state)
        return {"_variance": self._variance, "_limits": self._limits, "drawn": drawn}

    @memory.setter
    def memory(self, memory: dict[str, Any]) -> None:
        kept = dict(memory)
        self._rng.bit_generator.state = json.loads(kept.pop("drawn"))
        vars(self).update(kept)

    def learn(
        self, estimate: np.ndarray, level: float, forget: bool = False, draws: int = _DRAWS
    ) -> None:
        """Draw noise about an estimate and see what the network makes of it.

        Parameters
        ----------
        estimate
            (h, w) block sums expected.
        level
            Standard deviation of their noise, on average, once it is white.
        forget
            Leave out what was learned before; else the mean is taken.
        draws
            Noisy images, of which every two make a pair.
        """
        mean = mean_filled(estimate)
        above = np.clip(mean - self._offset, 0, None)
        if self._worker.lit is None:  # nothing says where there are more electrons
            above = np.ones_like(mean)
        deviation = level * np.sqrt(above / (above.mean() or 1.0))
        drawn = [self._worker(mean + self._noise(deviation)) for _ in range(draws)]
        # in units of the noise: frames may be of another brightness than this one
        squares = [((a - b) / max(level, 1e-30)) ** 2 for a, b in combinations(drawn, 2)]
        variance = _average(np.mean(squares, 0), _FAR) / 2
        variance = np.maximum(variance, max(_FLOOR * variance.mean(), 1e-30))
        relative = [_average(square, _NEAR) / (2 * variance) for square in squares]
        limits = np.quantile(relative, 1 - np.array(_TAILS))
        if self._variance is not None and not forget:
            variance, limits = (self._variance + variance) / 2, (self._limits + limits) / 2
        self._variance, self._limits = variance, limits

    def _noise(self, deviation: np.ndarray) -> np.ndarray:
        noise: np.ndarray = deviation * self._rng.standard_normal(deviation.shape)
        correlated = self._worker.camera.noise
        return noise if correlated is None else colour(noise, correlated)

    def weights(
        self, clean: np.ndarray, other: np.ndarray, level: float, other_level: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far to trust another frame, (h, w) each, 0 to 1.

        Parameters
        ----------
        clean, other
            Denoised frames on the same pixels, of the same brightness, NaN where there are no data.
        level, other_level
            Standard deviation of the noise that each had, on average, once it is white.

        Returns
        -------
        For the other frame's counts, and for what its counts hold beyond its denoised image; that
        is mostly the network's own bias and common to scenes that differ little.
        """
        assert self._variance is not None
        difference = clean - other
        none = np.isnan(difference)
        square = _average(np.where(none, 0, difference) ** 2, _NEAR)
        noise = max(level**2 + other_level**2, 1e-30)
        relative = square / (noise * self._variance)
        beyond = [float(np.mean(relative > limit)) for limit in self._limits]
        enough = [bool(tail <= _FALSE * share) for tail, share in zip(_TAILS, beyond, strict=True)]
        excess = relative / self._limits[enough.index(True) if any(enough) else -1]
        same = 1 / (1 + _FALL * np.maximum(0, excess - 1))
        alike = 1 / (1 + (excess / _FOREIGN) ** 2)
        return np.where(none, 0, same), np.where(none, 0, alike)


def _average(image: np.ndarray, width: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, width))
