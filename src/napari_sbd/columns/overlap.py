"""Which columns share pixels, whose each pixel is, and who is fitted when."""

from __future__ import annotations

import numpy as np


def neighbours(values: np.ndarray, reach: float, most: int) -> np.ndarray:
    """(N, K) indices of the columns within reach of each one, -1 where there are fewer than K."""
    from scipy.spatial import cKDTree

    count = min(most + 1, len(values))
    near = list(range(1, count + 1))
    distance, index = cKDTree(values[:, :2]).query(values[:, :2], near, distance_upper_bound=reach)
    found = np.isfinite(distance) & (index != np.arange(len(values))[:, None])
    index = np.where(found, index, -1)
    index = np.take_along_axis(index, np.argsort(~found, 1, kind="stable"), 1)
    return index[:, : int(found.sum(1).max(initial=0))]


def owners(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(Y, X) index of the column nearest to each pixel."""
    from scipy.ndimage import distance_transform_edt

    place = np.clip(np.rint(values[:, :2]).astype(int), 0, np.array(shape) - 1)
    seeds = np.full(shape, -1)
    seeds[tuple(place.T)] = np.arange(len(values))
    row, column = distance_transform_edt(seeds < 0, return_distances=False, return_indices=True)
    result: np.ndarray = seeds[row, column]
    return result


def turns(others: np.ndarray) -> np.ndarray:
    """(N,) turn in which each column is solved, so that neighbours never move at the same time."""
    order = [-1] * (len(others) + 1)  # the last one stands for the absent neighbours
    for k, near in enumerate(others.tolist()):
        taken = {order[j] for j in near}
        order[k] = next(t for t in range(len(near) + 1) if t not in taken)
    return np.array(order[:-1], int)
