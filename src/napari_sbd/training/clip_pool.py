"""Clean clips held in memory; every batch gets fresh crops, turns, flicker and Poisson noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import cameras
from .recipe import Recipe

_CALM, _WILD = 0.08, 0.5  # flicker of the beam: standard deviation of the logarithm
_LOST = 0.12  # share of windows that lack frames at one end
_HOLES = 0.06  # share of windows that lack frames anywhere


class ClipPool:
    """Clean clips (N, T, S, S), float16, vacuum = 1; the middle frame is the one to be found.

    Parameters
    ----------
    clips
        The array.
    recipe
        Gives dose range, batch size, share of cameras and seed.
    """

    def __init__(self, clips: np.ndarray, recipe: Recipe) -> None:
        self.clips, self.recipe = clips, recipe

    def batch(self, crop: int, step: int) -> tuple[Tensor, Tensor]:
        """Draw noisy windows (B, T, crop, crop) and clean middle frames (B, 1, crop, crop).

        Both are in units of the middle frame's noise. As with ``pool.Pool.batch`` they depend on
        the recipe's seed and on the step alone.
        """
        rng = np.random.default_rng([self.recipe.seed, 3, step])
        size = self.clips.shape[-1]
        low, high = np.log(self.recipe.dose)
        pairs = []
        for _ in range(self.recipe.batch):
            y, x = rng.integers(0, size - crop + 1, 2)
            clip = self.clips[rng.integers(len(self.clips)), :, y : y + crop, x : x + crop]
            clip = np.rot90(clip, int(rng.integers(4)), (1, 2))
            if rng.random() < 0.5:
                clip = clip[..., ::-1]
            if rng.random() < 0.5:
                clip = clip[::-1]
            expected = clip.astype(np.float32) * np.exp(rng.uniform(low, high))
            expected *= _flicker(rng, len(clip))[:, None, None]
            noisy = rng.poisson(expected).astype(np.float32)
            if rng.random() < self.recipe.cameras:
                noisy, expected = cameras.leave_over(expected, rng)
            pairs.append(window_pair(noisy, expected, _held(rng, len(clip))))
        noisy, target = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        return noisy, target


def window_pair(
    counts: np.ndarray, expected: np.ndarray, held: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A window of counts (T, H, W) as the network sees it, and its middle frame's expectation.

    Every frame loses its mean m_t and is brought to the brightness of the middle frame, in units
    of that one's noise: ``(n_t - m_t) (m / m_t) / sqrt(m)``. In the place of frames not held stands
    the middle one again, which keeps a sum of the frames right.
    """
    middle = len(counts) // 2
    means = np.maximum(counts.mean((1, 2)), 0.02)
    m = means[middle]
    factors = m / means / np.sqrt(m)
    noisy = (counts - means[:, None, None]) * factors[:, None, None]
    if held is not None:
        noisy[~held] = noisy[middle]
    target = (expected[middle : middle + 1] - m) / np.sqrt(m)
    return noisy.astype(np.float32), target.astype(np.float32)


def _flicker(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Brightness of each frame, that of the middle one being 1."""
    factors = np.exp(rng.normal(0, _WILD if rng.random() < 0.1 else _CALM, frames))
    result: np.ndarray = np.clip(factors / factors[frames // 2], 0.3, 3)
    return result


def _held(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Which frames there are: ends of movies have fewer, and some are blank or damaged."""
    held, middle = np.ones(frames, bool), frames // 2
    chance = rng.random()
    if chance < _LOST:
        held[: int(rng.integers(1, middle + 1))] = False
        return held if rng.random() < 0.5 else held[::-1]
    if chance < _LOST + _HOLES:
        held = rng.random(frames) < 0.5
        held[middle] = True
    return held
