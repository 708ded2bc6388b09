"""Which columns share pixels, whose each pixel is, and who is fitted when."""

from __future__ import annotations

import numpy as np

_AROUND, _FEWEST = 80, 6  # columns that tell how the background changes
_NEAR = 5.5  # times the usual distance to the nearest one: those that tell it
_APART = 3.3  # widths to the nearest column, below which two flow together
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


def flow_together(values: np.ndarray) -> np.ndarray:
    """(N,) which columns (N, 5) stand so near to another that their shapes do not tell them apart.

    A slightly other background makes quite another width and intensity, and another place.
    """
    from scipy.spatial import cKDTree

    result = np.zeros(len(values), bool)
    told = np.isfinite(values[:, :4]).all(1)
    if told.sum() > 1:
        places = values[told, :2]
        near = cKDTree(places).query(places, [2])[0][:, 0]
        result[told] = near < _APART * values[told, 3]
    return result


def owners(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(Y, X) index of the column nearest to each pixel."""
    from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter
    from scipy.spatial import cKDTree

    place = np.rint(values[:, :2]).astype(int)
    low = np.minimum(place.min(0), 0)  # some may stand beyond the frame
    seeds = np.full(np.maximum(place.max(0) + 1, shape) - low, -1)
    seeds[tuple((place - low).T)] = np.arange(len(values))
    row, column = distance_transform_edt(seeds < 0, return_distances=False, return_indices=True)
    top, left = -low
    nearest: np.ndarray = seeds[row, column][top : top + shape[0], left : left + shape[1]]
    # whole places would leave pixels halfway to the column listed first, in a flipped image another
    halfway = minimum_filter(nearest, 3) != maximum_filter(nearest, 3)
    nearest[halfway] = cKDTree(values[:, :2]).query(np.argwhere(halfway))[1]
    return nearest


def turns(others: np.ndarray) -> np.ndarray:
    """(N,) turn in which each column is solved, so that neighbours never move at the same time."""
    order = [-1] * (len(others) + 1)  # the last one stands for the absent neighbours
    for k, near in enumerate(others.tolist()):
        taken = {order[j] for j in near}
        order[k] = next(t for t in range(len(near) + 1) if t not in taken)
    return np.array(order[:-1], int)


class Around:
    """Which columns around each one tell how its background changes.

    That is settled at the places where they start, since no fit carries a column far.

    Parameters
    ----------
    places
        (N, 2) y, x [px].
    """

    def __init__(self, places: np.ndarray) -> None:
        from scipy.spatial import cKDTree

        count = min(_AROUND + 1, len(places))
        self.there = np.zeros((len(places), count), bool)
        if count <= _FEWEST:
            return
        tree = cKDTree(places)
        self.reach = _NEAR * float(np.median(tree.query(places, 2)[0][:, 1]))
        distance, index = tree.query(places, count, distance_upper_bound=self.reach)
        self.there = np.isfinite(distance)
        self.index = np.where(self.there, index, 0)

    def slopes(self, values: np.ndarray) -> np.ndarray:
        """(N, 2) how the background of each column changes along y and x, as those around tell it.

        Of uneven light or thickness: without, a column is drawn up the slope. A plane is laid
        through the backgrounds of the columns around, twice, and those far off it count less.
        """
        result = np.zeros((len(values), 2))
        there = self.there
        told = there.sum(1) > _FEWEST
        if not told.any():
            return result
        design = np.ones((*there.shape, 3))
        for axis in (0, 1):
            place = values[:, axis] / self.reach
            np.subtract(place[self.index], place[:, None], out=design[:, :, 1 + axis])
        level = values[self.index, 4] - values[:, 4:5]
        plane = _planes(design, level, there)
        off = np.abs(level - (design @ plane)[:, :, 0])
        usual = np.median(off[told[:, None] & there])
        if usual > 0:
            plane = _planes(design, level, there * (usual / (usual + off / _OFF)) ** 2)
        # columns on one line tell nothing across it
        step = design[:, :, 1:] * there[:, :, None]
        told &= np.linalg.eigvalsh(step.transpose(0, 2, 1) @ step)[:, 0] > 1 / 8
        result[told] = plane[told, 1:, 0] / self.reach
        return result


def _planes(design: np.ndarray, level: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(N, 3, 1) planes through N times K levels."""
    weighed = (weight[:, :, None] * design).transpose(0, 2, 1)
    square = weighed @ design + 1e-9 * np.eye(3)
    plane: np.ndarray = np.linalg.solve(square, weighed @ level[:, :, None])
    return plane


def tilts(values: np.ndarray, owner: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """(Y, X) how far the background at each pixel differs from that of its column (``owner``)."""
    y, x = (np.arange(n) for n in owner.shape)
    result: np.ndarray = -(slope * values[:, :2]).sum(1)[owner]
    result += slope[owner, 0] * y[:, None]
    result += slope[owner, 1] * x
    return result
