"""Losses that need no clean image.

Each is, in expectation over the noise, the true squared error of the network plus a constant that
does not depend on the network. ``predict(images, share)`` maps (B, H, W) noisy images at a share of
the dose to the expectation that the network estimates, at the same share.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .noises import Noise

Predict = Callable[[np.ndarray, float], Tensor]
Loss = Callable[[Predict, np.ndarray, Noise, np.random.Generator, np.ndarray], Tensor]

SHARE = 0.8  # of the electrons that the network sees when it is to predict the others
_PERIOD = 4  # pixels between masked pixels, so that none is another's neighbour
_STEP = 0.3  # of the Monte-Carlo divergence, in standard deviations of the noise


def thinning(
    predict: Predict,
    image: np.ndarray,
    noise: Noise,
    rng: np.random.Generator,
    first: np.ndarray,
) -> Tensor:
    """Predict the electrons that thinning left out: ``mean (f(a) / p - b / (1 - p))^2``.

    ``a`` and ``b`` are independent with expectations p x and (1 - p) x, so the expectation is the
    squared error at the share p of the dose plus the variance of ``b / (1 - p)``
    (Noise2Noise, Lehtinen et al. 2018, arXiv 1803.04189; coupled bootstrap, Oliveira et al.,
    arXiv 2111.09447).
    """
    seen = noise.take(image, SHARE, rng)
    told = torch.from_numpy((image - seen) / (1 - SHARE))
    estimate = predict(seen[None], SHARE)[0] / SHARE
    return (estimate - told.to(estimate.device)).square().mean()


def blind_spot(
    predict: Predict,
    image: np.ndarray,
    noise: Noise,
    rng: np.random.Generator,
    first: np.ndarray,
) -> Tensor:
    """Predict masked pixels J from the others: ``mean over J of (f(y without J) - y)^2``.

    Masked pixels carry the mean of their neighbours. Needs only that the noise of pixels is
    independent; the squared error is that of predicting a pixel without having seen it
    (Noise2Self, Batson and Royer 2019, arXiv 1901.11365).
    """
    from scipy.ndimage import convolve

    ring = np.ones((3, 3), np.float32) / 8
    ring[1, 1] = 0
    y, x = rng.integers(_PERIOD, size=2)
    mask = np.zeros(image.shape, bool)
    mask[y::_PERIOD, x::_PERIOD] = True
    seen = np.where(mask, convolve(image, ring, mode="mirror"), image)
    estimate = predict(seen[None], 1.0)[0]
    chosen = torch.from_numpy(mask).to(estimate.device)
    return (estimate - torch.from_numpy(image).to(estimate.device))[chosen].square().mean()


def sure(
    predict: Predict,
    image: np.ndarray,
    noise: Noise,
    rng: np.random.Generator,
    first: np.ndarray,
) -> Tensor:
    """Stein's unbiased risk estimate, for Gaussian noise of standard deviation s.

    ``mean (f(y) - y)^2 - s^2 + 2 s^2 / n div f(y)``, with the divergence from one random direction
    b: ``b . (f(y + e b) - f(y)) / e`` (Stein 1981; Ramani, Blu and Unser 2008).
    """
    variance = noise.variance(image)
    direction = rng.standard_normal(image.shape).astype(np.float32)
    step = np.float32(_STEP * np.sqrt(variance))
    here, there = predict(np.stack([image, image + step * direction]), 1.0)
    b, y = (torch.from_numpy(t).to(here.device) for t in (direction, image))
    divergence = (b * (there - here)).mean() / step
    result: Tensor = (here - y).square().mean() - variance + 2 * variance * divergence
    return result


def resampling(
    predict: Predict,
    image: np.ndarray,
    noise: Noise,
    rng: np.random.Generator,
    first: np.ndarray,
) -> Tensor:
    """Denoise fresh noise on the untuned estimate x0: ``mean (f(z) - x0)^2``, z ~ noise(x0).

    The squared error itself, were x0 the clean image; otherwise biased as far as x0 is wrong
    (arXiv 2107.12815).
    """
    fresh = noise.draw(first, rng)
    estimate = predict(fresh[None], 1.0)[0]
    return (estimate - torch.from_numpy(first).to(estimate.device)).square().mean()


LOSSES: dict[str, Loss] = {
    "thinning": thinning,
    "blind-spot": blind_spot,
    "sure": sure,
    "resampling": resampling,
}
