"""What a network is shown of an image: block sums, finite, evenly lit, their noise white."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .illumination import Illumination
from .whitening import NoiseSpectrum, colour, whiten

_NEAR = 1.5  # working pixels, from which an empty block is filled


@dataclass(frozen=True)
class Working:
    """An image at the working sampling as the network wants it: finite, even, its noise white.

    Parameters
    ----------
    image
        (H, W), finite.
    illumination, noise
        What was taken off; None where nothing was.
    sharpen
        Whether the result keeps the sharpness that whitening gave it.
    """

    image: np.ndarray
    illumination: Illumination | None = None
    noise: NoiseSpectrum | None = None
    sharpen: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether these are the block sums themselves."""
        return self.illumination is None and self.noise is None

    def like(self, sums: np.ndarray) -> np.ndarray:
        """Other block sums (H, W) of the same light, made ready just as these were."""
        image = filled(sums)
        if self.illumination is not None:
            image = self.illumination.take_off(image)
        return image if self.noise is None else whiten(image, self.noise)

    def restored(self, estimate: np.ndarray) -> np.ndarray:
        """The estimate of the block sums for one of ``image``, both (H, W)."""
        if self.noise is not None and not self.sharpen:
            estimate = colour(estimate, self.noise)
        return estimate if self.illumination is None else self.illumination.put_back(estimate)


def filled(sums: np.ndarray) -> np.ndarray:
    """Blocks without data as the mean of those around, or of all where none is near."""
    empty = np.isnan(sums)
    if not empty.any():
        return sums
    from scipy.ndimage import gaussian_filter

    held = np.where(empty, 0.0, 1.0)
    mean = float(np.nanmean(sums))
    total = gaussian_filter(np.where(empty, 0.0, sums - mean), _NEAR, mode="constant")
    weight = gaussian_filter(held, _NEAR, mode="constant")
    near = mean + total / np.maximum(weight, 1e-3)
    return np.where(empty, near, sums)
