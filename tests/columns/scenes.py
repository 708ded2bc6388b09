"""Images of Gaussian columns whose values are known."""

import numpy as np


def grid(rows, columns, gap, jitter=0.0, hexagonal=False, seed=0):
    """(N, 2) y, x of a lattice, one gap away from the frame."""
    i, j = np.mgrid[:rows, :columns].reshape(2, -1)
    height = np.sqrt(0.75) if hexagonal else 1.0
    points = np.column_stack([(i * height + 1) * gap, (j + 1 + 0.5 * hexagonal * (i % 2)) * gap])
    return points + np.random.default_rng(seed).uniform(-jitter, jitter, points.shape)


def picture(points, gap, sigma, amplitude, background):
    """Image of Gaussians, one gap larger than the points; ``amplitude`` one or for each."""
    shape = tuple(np.ceil(points.max(0) + gap).astype(int))
    y, x = (np.arange(n)[:, None] - p for n, p in zip(shape, points.T, strict=True))
    gy, gx = np.exp(-(y**2) / 2 / sigma**2), np.exp(-(x**2) / 2 / sigma**2)
    return background + (gy * np.broadcast_to(amplitude, len(points))) @ gx.T
