"""Images laid out as a network sees them: on the grid of blocks, turned, of mean 0."""

from __future__ import annotations

import numpy as np


def padded_by(values: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """An image (Y, X) moved down and right on the grid of blocks, NaN before it."""
    if not (dy or dx):
        return values
    padded: np.ndarray = np.pad(values, ((dy, 0), (dx, 0)), constant_values=np.nan)
    return padded


def normalised(image: np.ndarray) -> tuple[np.ndarray, float, float]:
    """An image of mean 0 and standard deviation 1, float32, and what these were.

    Any scale will do for a scale-equivariant network; this one fits half precision.
    """
    mean, scale = float(image.mean()), float(image.std()) or 1.0
    return ((image - mean) / scale).astype(np.float32), mean, scale


def turned(image: np.ndarray, turn: int) -> np.ndarray:
    """One of the 8 flips and turns of a square, of an image or of each of a stack."""
    rotated = np.rot90(image, turn % 4, (-2, -1))
    return rotated[..., ::-1] if turn >= 4 else rotated


def turned_back(image: np.ndarray, turn: int) -> np.ndarray:
    """An image (Y, X) as it was before ``turned``."""
    flipped = image[:, ::-1] if turn >= 4 else image
    return np.rot90(flipped, -(turn % 4))


def spread(mask: np.ndarray, block: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """A mask of blocks as one of pixels (Y, X)."""
    full = mask.repeat(block[0], 0).repeat(block[1], 1)
    return full[: shape[0], : shape[1]]
