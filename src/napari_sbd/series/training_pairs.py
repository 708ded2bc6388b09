"""Training pairs from a low-noise reference: noisy features and clean signals."""

from __future__ import annotations

import numpy as np

from .features import View
from .noises import Noise
from .stack import box, signals
from .tissue import Tissue

_VALUES = 2**21  # of the signals in one lesson
_MIXED = 0.7  # share of lessons in which voxels are mixed with distant ones
_TURNED = 0.8  # share of lessons whose tissue is turned, where it is known how
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
        What is added to the reference, unless ``noisy`` is given.
    noisy
        (N, ...) another acquisition of the same, or None.
    view
        What is seen of a voxel.
    rng
        Source of chance.
    tissue
        What most lessons are drawn from instead, with fresh noise; None if there is none.
    """

    def __init__(
        self,
        reference: np.ndarray,
        mask: np.ndarray,
        noise: Noise,
        noisy: np.ndarray | None,
        view: View,
        rng: np.random.Generator,
        tissue: Tissue | None = None,
    ) -> None:
        self.reference, self.mask, self.noise, self.noisy = reference, mask, noise, noisy
        self.view, self.rng, self.tissue = view, rng, tissue

    def draw(self, varied: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Features (V, K) and clean signals (V, N), of up to about 2 million values.

        Parameters
        ----------
        varied
            Whether signals may be mixed and changed in brightness.
        """
        if varied and self.tissue is not None and self.rng.random() < _TURNED:
            clean, mask = self.tissue.draw(self.rng)
            return self._pair(self.tissue.noise.draw(clean, self.rng), clean, mask)
        place = self._place()
        clean, mask = self.reference[(slice(None), *place)], self.mask[place]
        if self.noisy is not None:
            noisy = self.noisy[(slice(None), *place)]
        else:
            clean = self._vary(clean, mask) if varied else clean
            noisy = self.noise.draw(clean, self.rng)
        return self._pair(noisy, clean, mask)

    def _pair(
        self, noisy: np.ndarray, clean: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.view.of(noisy, mask), signals(clean, mask)

    def _place(self) -> tuple[slice, ...]:
        """A box around a voxel of the mask, as large as a lesson may be."""
        return box(self.mask, max(_VALUES // len(self.reference), 64), self.rng)

    def _vary(self, clean: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if self.rng.random() < _MIXED:
            axes = [axis for axis in range(mask.ndim) if self.rng.random() < 0.5] or [mask.ndim - 1]
            other = np.flip(clean, tuple(axis + 1 for axis in axes))
            both = mask & np.flip(mask, tuple(axes))
            share = np.where(both, np.float32(self.rng.random()), np.float32(1))
            clean = share * clean + (1 - share) * other
        factor = np.exp(self.rng.uniform(-_BRIGHTNESS, _BRIGHTNESS))
        return clean * np.float32(factor)
