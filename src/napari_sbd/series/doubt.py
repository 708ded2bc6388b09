"""Where the answer of a network is not that of the data, and what is said there instead.

A network knows the signals of its reference. That a voxel holds something else shows in what is
left of the noisy signal, which must look like the known noise, and in the local PCA, which needs
no reference.
"""

from __future__ import annotations

import numpy as np

from .noises import Noise

_COMPONENTS = 6  # whose noise in the local PCA is the most that it may differ from the network
_VOXELS = 100  # of its patches, about
_SURE = 4.0  # standard deviations of chi-square


def settle(
    clean: np.ndarray, noisy: np.ndarray, around: np.ndarray | None, noise: Noise
) -> tuple[np.ndarray, np.ndarray]:
    """Take the local PCA where it speaks against the network, and less denoising where both fail.

    Parameters
    ----------
    clean
        (V, N) what the network says.
    noisy
        (V, N) signals.
    around
        (V, N) their local PCA, or None.
    noise
        Of the noisy signals.

    Returns
    -------
    Clean signals (V, N), and (V,) bool: the voxels where the network was not followed.

    Notes
    -----
    Less denoising is the shrinkage of James and Stein towards the estimate, by what chi-square
    exceeds 1 with; for Gaussian noise it is never worse than the noisy signal.
    """
    mean, variance = noise.moments(clean)
    variance = noise.at_least(variance)
    chi = _mean_square(noisy - mean, variance)
    doubted = np.zeros(len(clean), bool)
    if around is not None:
        most = _COMPONENTS * (1 / noisy.shape[1] + 1 / _VOXELS)
        # few differ by so much even if their noise were the least: spares the rest
        apart = (_mean_square(mean - around, noise.least_variance) > most).nonzero()[0]
        # its own variance tells, since counts of a wrong mean have a wrong one
        spread = noise.at_least(noise.variance(around[apart]))
        other = _mean_square(noisy[apart] - around[apart], spread)
        far = _mean_square(mean[apart] - around[apart], spread) > most
        taken = far & (chi[apart] > other)
        if taken.any():
            doubted[apart[taken]] = True
            mean = np.where(doubted[:, None], around, mean)  # a copy, since it may be 'clean'
            variance[doubted], chi[doubted] = spread[taken], other[taken]
    skew = (noise.level**2 / variance).mean(1) if noise.kind == "poisson" else 0
    unlike = chi > 1 + _SURE * np.sqrt((2 + skew) / noisy.shape[1])
    changed = doubted | unlike
    share = np.where(unlike, 1 / np.maximum(chi, 1), 1)[changed, None]
    mixed = share * mean[changed] + (1 - share) * noisy[changed]
    result = clean.copy()
    result[changed] = noise.without_floor(mixed)
    return result, changed


def _mean_square(error: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    return np.asarray((error * error / variance).mean(1))
