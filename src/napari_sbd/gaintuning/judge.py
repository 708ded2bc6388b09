"""What was put aside decides: is the tuned network better on this image than the untuned one?

Two parts of the dose are put aside before any tuning. The smaller tells when to stop; since the
best of many steps is best partly by luck, only the larger one, looked at once, decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ..networks import tiling
from ..networks.unet import UNet
from .noises import Noise

TO_STOP, TO_DECIDE = 0.12, 0.25  # shares of the dose that are put aside
CLEAR = 1.5  # standard errors by which the tuned network must be better


@dataclass(frozen=True)
class Verdict:
    """Errors on what was put aside, in units of its noise: 1 is a perfect prediction.

    Parameters
    ----------
    untuned, tuned
        Mean squared error over the variance of the noise.
    untuned_error, tuned_error
        Standard errors of these.
    gain, gain_error
        ``untuned - tuned``, and the standard error of this difference, which is much smaller than
        theirs, since both networks predict the same electrons.
    """

    untuned: float
    tuned: float
    untuned_error: float
    tuned_error: float
    gain: float
    gain_error: float

    @property
    def clear(self) -> bool:
        """Whether the tuned network is better beyond doubt."""
        return self.gain > CLEAR * self.gain_error


class Frame:
    """A frame at the working sampling, and its parts.

    Parameters
    ----------
    image
        (Y, X) float32 in the units of the noise, finite.
    valid
        (Y, X) bool, False where there are no data.
    noise
        How to take parts of it.
    rng
        Source of chance.
    """

    def __init__(
        self, image: np.ndarray, valid: np.ndarray, noise: Noise, rng: np.random.Generator
    ) -> None:
        self.mean, self.scale = float(image.mean()), float(image.std()) or 1.0
        self.valid = valid
        decide = noise.take(image, TO_DECIDE, rng)
        rest = image - decide
        stop = noise.part(1 - TO_DECIDE).take(rest, TO_STOP / (1 - TO_DECIDE), rng)
        self.share = 1 - TO_DECIDE - TO_STOP  # of the dose that tuning sees
        self.seen = rest - stop
        self.noise = noise.part(self.share)
        self.stop = _Question(self.seen, self.share, stop, TO_STOP)
        self.decide = _Question(rest, 1 - TO_DECIDE, decide, TO_DECIDE)
        self.variance = noise.variance(image)

    def denoise(
        self,
        network: UNet,
        image: np.ndarray,
        share: float,
        device: torch.device,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> np.ndarray:
        """Expectation of the whole frame, from a part of its dose."""
        normal = ((image - share * self.mean) / self.scale).astype(np.float32)
        clean = tiling.run(network, normal, device, should_stop=should_stop)
        return clean * self.scale + share * self.mean


@dataclass(frozen=True)
class _Question:
    seen: np.ndarray
    share: float
    told: np.ndarray
    told_share: float


class Judge:
    """Compares networks with the untuned one on one of the parts put aside.

    Parameters
    ----------
    frames
        What to judge on.
    part
        ``"stop"`` or ``"decide"``.
    network
        The untuned network.
    device
        Where to compute.
    should_stop
        Asked before every pass of the untuned network.
    """

    def __init__(
        self,
        frames: list[Frame],
        part: str,
        network: UNet,
        device: torch.device,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.frames, self.part, self.device = frames, part, device
        self.untuned = self._errors(network, should_stop)

    def __call__(self, network: UNet) -> Verdict:
        """Judge a tuned network."""
        tuned, untuned = self._errors(network), self.untuned
        difference = untuned - tuned
        root = np.sqrt(difference.size)
        return Verdict(
            float(untuned.mean()),
            float(tuned.mean()),
            float(untuned.std() / root),
            float(tuned.std() / root),
            float(difference.mean()),
            float(difference.std() / root),
        )

    def _errors(self, network: UNet, should_stop: Callable[[], bool] = lambda: False) -> np.ndarray:
        """Squared errors of all pixels of all frames, over the variance of the noise."""
        errors = []
        for frame in self.frames:
            q: _Question = getattr(frame, self.part)
            found = frame.denoise(network, q.seen, q.share, self.device, should_stop)
            error = (found * (q.told_share / q.share) - q.told)[frame.valid]
            errors.append(error.astype(np.float64) ** 2 / (q.told_share * frame.variance))
        return np.concatenate(errors)
