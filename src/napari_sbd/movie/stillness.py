"""Whether the scene is the same in two frames, place by place.

Two denoised frames of one scene differ by what the noise does to the network's output. How much
that is, is measured: noise is drawn twice about the current estimate, and both images are denoised
(a parametric bootstrap, Efron and Tibshirani 1993). Where two frames differ by more than that, the
scene has changed.
"""

from __future__ import annotations

import numpy as np

from ..denoiser import Denoiser
from ..frames import mean_filled

_NEAR = 3.0  # working pixels: standard deviation of the window over which differences are averaged
_FAR = 6.0  # the same for their expected size
_FALSE_ALARM = 0.001  # share of a still scene that is taken for changed
_FLOOR = 0.02  # of the mean variance; vacuum may have none
_FALL = 2.0  # how fast the weight falls beyond the limit
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
        self._limit = 0.0

    def learn(self, estimate: np.ndarray, level: float, forget: bool = False) -> None:
        """Draw noise about an estimate and see what the network makes of it.

        Parameters
        ----------
        estimate
            (h, w) block sums expected.
        level
            Standard deviation of their noise, on average.
        forget
            Leave out what was learned before; else the mean is taken.
        """
        mean = mean_filled(estimate)
        above = np.clip(mean - self._offset, 0, None)
        deviation = level * np.sqrt(above / max(above.mean(), 1e-12))
        drawn = [
            self._worker(mean + deviation * self._rng.standard_normal(mean.shape)) for _ in range(2)
        ]
        square = (drawn[0] - drawn[1]) ** 2
        variance = _average(square, _FAR) / 2
        variance = np.maximum(variance, max(_FLOOR * variance.mean(), 1e-30))
        limit = float(np.quantile(_average(square, _NEAR) / (2 * variance), 1 - _FALSE_ALARM))
        if self._variance is not None and not forget:
            variance, limit = (self._variance + variance) / 2, (self._limit + limit) / 2
        self._variance, self._limit = variance, limit

    def weights(self, clean: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far to trust another frame, (h, w) each, 0 to 1.

        Parameters
        ----------
        clean, other
            Denoised frames on the same pixels, NaN where there are no data.

        Returns
        -------
        For the other frame's counts, and for what its counts hold beyond its denoised image; that
        is mostly the network's own bias and common to scenes that differ little.
        """
        assert self._variance is not None
        difference = clean - other
        none = np.isnan(difference)
        square = _average(np.where(none, 0, difference) ** 2, _NEAR)
        excess = square / (2 * self._variance) / self._limit
        same = 1 / (1 + _FALL * np.maximum(0, excess - 1))
        alike = 1 / (1 + (excess / _FOREIGN) ** 2)
        return np.where(none, 0, same), np.where(none, 0, alike)


def _average(image: np.ndarray, width: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, width))
