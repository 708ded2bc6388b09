"""Which columns share pixels, whose each pixel is, and who is fitted when."""

from __future__ import annotations

import numpy as np

_AROUND, _FEWEST = 80, 6  # columns that tell how the background changes
_NEAR = 5.5  # times the usual distance to the nearest one: those that tell it
_OFF = 2.0  # usual deviations from a plane, beyond which a background counts less


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

    place = np.rint(values[:, :2]).astype(int)
    low = np.minimum(place.min(0), 0)  # some may stand beyond the frame
    seeds = np.full(np.maximum(place.max(0) + 1, shape) - low, -1)
    seeds[tuple((place - low).T)] = np.arange(len(values))
    row, column = distance_transform_edt(seeds < 0, return_distances=False, return_indices=True)
    top, left = -low
    result: np.ndarray = seeds[row, column][top : top + shape[0], left : left + shape[1]]
    return result


def turns(others: np.ndarray) -> np.ndarray:
    """(N,) turn in which each column is solved, so that neighbours never move at the same time."""
    order = [-1] * (len(others) + 1)  # the last one stands for the absent neighbours
    for k, near in enumerate(others.tolist()):
        taken = {order[j] for j in near}
        order[k] = next(t for t in range(len(near) + 1) if t not in taken)
    return np.array(order[:-1], int)


def slopes(values: np.ndarray) -> np.ndarray:
    """(N, 2) how the background of each column changes along y and x, as those around tell it.

    Of uneven light or thickness: without, a column is drawn up the slope. A plane is laid through
    the backgrounds of the columns around, twice, and those far off it count less.
    """
    from scipy.spatial import cKDTree

    count = min(_AROUND + 1, len(values))
    result = np.zeros((len(values), 2))
    if count <= _FEWEST:
        return result
    tree = cKDTree(values[:, :2])
    reach = _NEAR * float(np.median(tree.query(values[:, :2], 2)[0][:, 1]))
    distance, index = tree.query(values[:, :2], count, distance_upper_bound=reach)
    there = np.isfinite(distance)
    index = np.where(there, index, 0)
    step = values[index, :2] - values[:, None, :2]
    design = np.concatenate([np.ones((*step.shape[:2], 1)), step / reach], -1)
    level = values[index, 4] - values[:, 4:5]
    weight = there.astype(float)
    told = there.sum(1) > _FEWEST
    plane = np.zeros((len(values), 3, 1))
    for _ in range(2):
        weighed = (weight[:, :, None] * design).transpose(0, 2, 1)
        square = weighed @ design + 1e-9 * np.eye(3)
        plane = np.linalg.solve(square, weighed @ level[:, :, None])
        off = np.abs(level - (design @ plane)[:, :, 0])
        usual = np.median(off[told]) if told.any() else 0.0
        weight = there * (usual / (usual + off / _OFF)) ** 2 if usual > 0 else 1.0 * there
    # columns on one line tell nothing across it
    step *= there[:, :, None]
    told &= np.linalg.eigvalsh(step.transpose(0, 2, 1) @ step)[:, 0] > reach**2 / 8
    result[told] = plane[told, 1:, 0] / reach
    return result


def backgrounds(values: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """(Y, X) background of the column (Y, X) that each pixel belongs to, with its slope."""
    slope = slopes(values)
    y, x = (np.arange(n) for n in owner.shape)
    result: np.ndarray = values[owner, 4]
    result += slope[owner, 0] * (y[:, None] - values[owner, 0])
    result += slope[owner, 1] * (x - values[owner, 1])
    return result
