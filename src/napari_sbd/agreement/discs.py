"""Discs around points of an image."""

from __future__ import annotations

from typing import Any

import numpy as np


def disc(
    shape: tuple[int, ...], centre: Any, radius: tuple[float, float]
) -> tuple[tuple[slice, slice], np.ndarray]:
    """The window of an image that holds a disc.

    Parameters
    ----------
    shape
        (Y, X) of the image.
    centre, radius
        y, x of the centre, and radius along y and x [px].

    Returns
    -------
    Row and column slices, and the squared distance from the centre in it, 1 at the rim.
    """
    window, distance = [], []
    for c, r, n in zip(centre, radius, shape, strict=True):
        start = min(n, max(0, int(np.ceil(c - r))))
        stop = max(start, min(n, int(c + r) + 1))
        window.append(slice(start, stop))
        distance.append(((np.arange(start, stop) - c) / r) ** 2)
    return (window[0], window[1]), distance[0][:, None] + distance[1][None]


def nearest_disc(
    shape: tuple[int, ...], spots: np.ndarray, radius: tuple[float, float]
) -> np.ndarray:
    """(Y, X) number of the disc that each pixel lies in, the nearest one's, or -1."""
    label, least = np.full(shape, -1), np.ones(shape)
    for k, spot in enumerate(spots):
        window, distance = disc(shape, spot, radius)
        nearer = distance <= least[window]
        least[window][nearer] = distance[nearer]
        label[window][nearer] = k
    return label
