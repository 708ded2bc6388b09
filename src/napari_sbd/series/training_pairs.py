"""Training pairs from a low-noise reference: noisy features and clean signals."""

from __future__ import annotations

import numpy as np

from .features import features
from .noises import Noise
from .stack import signals

_VALUES = 2**21  # of the signals in one lesson
_MIXED = 0.7  # share of lessons in which voxels are mixed with distant ones
_BRIGHTNESS = 0.2  # natural logarithm of the largest change of brightness


class Lessons:
    """Draw pairs from a reference; each draw has fresh noise, on part of a large reference.

    Unless the noisy acquisition is given, signals are also mixed with those of distant voxels, as
    partial volumes mix in a voxel, and changed in brightness: otherwise a network soon knows the
    voxels of the reference by heart.

    Parameters
    ----------
    reference
        (N, ...) float32, clean or nearly so, in the target's units.
    mask
        bool, the voxels to learn from.
    noise
        What must be added to the reference; None if ``noisy`` is given.
    noisy
        (N, ...) another acquisition of the same, or None.
    sides
        As in ``features``.
    rng
        Source of chance.
    """

    def __init__(
        self,
        reference: np.ndarray,
        mask: np.ndarray,
        noise: Noise | None,
        noisy: np.ndarray | None,
        sides: tuple[int, ...],
        rng: np.random.Generator,
    ) -> None:
        self.reference, self.mask, self.noise, self.noisy = reference, mask, noise, noisy
        self.sides, self.rng = sides, rng

    def draw(self, varied: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Features (V, K) and clean signals (V, N), of up to about 2 million values.

        Parameters
        ----------
        varied
            Whether signals may be mixed and changed in brightness.
        """
        place = self._place()
        clean, mask = self.reference[(slice(None), *place)], self.mask[place]
        if self.noisy is not None:
            noisy = self.noisy[(slice(None), *place)]
        else:
            clean = self._vary(clean, mask) if varied else clean
            noisy = self.noise.draw(clean, self.rng) if self.noise is not None else clean
        return features(noisy, mask, self.sides), signals(clean, mask)

    def _place(self) -> tuple[slice, ...]:
        """A box around a voxel of the mask, as large as a lesson may be."""
        grid = self.mask.shape
        most = max(_VALUES // len(self.reference), 64)
        centre = self.rng.choice(np.argwhere(self.mask)) if self.mask.size > most else None
        if centre is None:
            return tuple(slice(0, n) for n in grid)
        sides = list(grid)
        while np.prod(sides) > most:
            sides[int(np.argmax(sides))] -= 1
        corners = (
            min(max(c - s // 2, 0), n - s) for c, s, n in zip(centre, sides, grid, strict=True)
        )
        return tuple(slice(a, a + s) for a, s in zip(corners, sides, strict=True))

    def _vary(self, clean: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if self.rng.random() < _MIXED:
            axes = [axis for axis in range(mask.ndim) if self.rng.random() < 0.5] or [mask.ndim - 1]
            other = np.flip(clean, tuple(axis + 1 for axis in axes))
            both = mask & np.flip(mask, tuple(axes))
            share = np.where(both, np.float32(self.rng.random()), np.float32(1))
            clean = share * clean + (1 - share) * other
        factor = np.exp(self.rng.uniform(-_BRIGHTNESS, _BRIGHTNESS))
        return clean * np.float32(factor)
