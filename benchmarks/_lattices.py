"""Lattices of Gaussian columns, as electron counts and as a scintillator writes them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd

WORKING = 0.033  # nm
_FIELD = 6.5  # nm, of which not all fits at the finest pixels
_READ_OUT, _OFFSET, _GAIN = 3.0, 200.0, 17.0


def lattice(
    rng: np.random.Generator, most: int, deviation: float | None = None
) -> tuple[float, int, float, float, np.ndarray]:
    """Pixel size [nm], side [px], spacing and width [px], places (N, 2) [px] of columns.

    On a square or hexagonal lattice, in a disc or all over the image, each off its lattice point by
    a normal deviation [pm] along both axes; ``most`` pixels along a side.
    """
    pixel = float(rng.choice([0.01, 0.02, 0.03]))
    size = int(min(most, max(192, _FIELD / pixel)))
    gap, width = rng.uniform(0.2, 0.29) / pixel, rng.uniform(0.038, 0.055) / pixel
    turn, between = rng.uniform(0, np.pi), np.pi / (3 if rng.random() < 0.4 else 2)
    cell = gap * np.array([[np.cos(a), np.sin(a)] for a in (turn, turn + between)])
    true = np.mgrid[-60:61, -60:61].reshape(2, -1).T @ cell + size / 2
    if deviation is not None:
        true += rng.normal(0, deviation / 1000 / pixel, true.shape)
    if rng.random() < 0.5:
        true = true[np.hypot(*(true - size / 2).T) < 0.36 * size]
    return pixel, size, gap, width, true[((true > -3 * width) & (true < size + 3 * width)).all(1)]


def picture(
    true: np.ndarray, heights: np.ndarray, width: float, size: int, level: float
) -> np.ndarray:
    """(size, size) expected electrons per pixel; heights over the level between the columns."""
    axis = np.arange(size)[:, None]
    gy, gx = (np.exp(-((axis - p) ** 2) / 2 / width**2) for p in true.T)
    result: np.ndarray = np.clip(1 + (gy * heights) @ gx.T, 0.03, None) * level
    return result


def by_scintillator(rng: np.random.Generator, counts: np.ndarray, pixel: float) -> sbd.Micrograph:
    """What a scintillator with a point spread of 0.5 to 1 working pixels makes of counts."""
    light = counts + np.sqrt(0.09 * counts) * rng.standard_normal(counts.shape)
    values = _GAIN * gaussian_filter(light, rng.uniform(0.5, 1) * WORKING / pixel) + _OFFSET
    values += _READ_OUT * rng.standard_normal(counts.shape)
    return sbd.Micrograph(values, pixel, gain=_GAIN, offset=_OFFSET)
