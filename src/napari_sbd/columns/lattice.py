"""Spacing, lattice vectors, coordination, strain and displacement of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from ..spots import spacing
from .strain import local_strain

if TYPE_CHECKING:
    import pandas as pd

_SHELL = 1.25  # of the nearest distance: what counts as a nearest neighbour
_ADDED = ("neighbour_distance", "coordination", "lattice", "boundary", "h", "k")
_ADDED_BY_AXIS = ("displacement", "strain_", "rotation", "spacing_")
_BESIDE = 1.5  # spacings to a column of another lattice at a boundary


def describe_lattice(table: pd.DataFrame, *, largest: int = 4) -> pd.DataFrame:
    """Index columns on their lattices, and measure how they deviate.

    Crystals are connected patches in which each column's neighbours repeat one cell
    (``columns.grains``): two grains are two lattices, each with a cell of its own and strain
    against that. A cell that most columns of a patch do not repeat is none.

    Parameters
    ----------
    table
        With ``y``, ``x`` [px].
    largest
        Lattices to look for at most.

    Returns
    -------
    A copy with ``neighbour_distance`` [px]; ``coordination`` (columns within 1.25 times that);
    ``lattice`` (0, 1, ... or -1 for columns on none); ``boundary`` [bool, beside another lattice
    and with neighbours that fit no cell; no strain is given there]; indices ``h``, ``k``;
    ``displacement_y``, ``displacement_x`` [px] from the lattice fitted to all its columns; and
    ``strain_yy``, ``strain_xx``, ``strain_xy``, ``rotation`` [rad] of the neighbourhood against
    that lattice, in the specimen where ``attrs`` tell the size of pixels; a positive rotation goes
    from +x to +y, which is clockwise on the screen, where y points down. ``attrs["lattices"]``
    holds each (origin, a, b) [px].

    Examples
    --------
    >>> table = sbd.describe_lattice(sbd.find_columns(noisy, denoised))
    >>> bool(table["strain_xx"].abs().median() < 0.05)
    True
    """
    from scipy.spatial import cKDTree

    from .grains import grains

    points = table[["y", "x"]].to_numpy(float)
    result = table.copy()
    count = len(points)
    result["neighbour_distance"], result["coordination"] = np.nan, 0
    if count > 1:
        nearest = cKDTree(points).query(points, 2)[0][:, 1]
        result["neighbour_distance"] = nearest
        result["coordination"] = _coordination(points)
    names = "displacement_y", "displacement_x", "strain_yy", "strain_xx", "strain_xy", "rotation"
    values = np.full((count, 6), np.nan)
    index = np.full((count, 2), 0)
    label = np.full(count, -1)
    regular = np.zeros(count, bool)
    lattices: list[tuple[Any, ...]] = []
    for grain in grains(points, largest):
        who, hk = grain.members, grain.hk
        origin, vectors = fit_lattice(points[who[grain.regular]], hk[grain.regular])
        label[who], index[who], regular[who] = len(lattices), hk, grain.regular
        values[who, :2] = points[who] - origin - hk @ vectors
        lattices.append((origin.tolist(), vectors[0].tolist(), vectors[1].tolist()))
    boundary = _boundary(points, label, regular)
    size = table.attrs.get("pixel_size_nm")
    step = np.broadcast_to(1.0 if size is None else size, 2).astype(float)
    step = step / step.mean()
    for number, (_, *cell) in enumerate(lattices):
        who = np.flatnonzero((label == number) & ~boundary)
        # angles are those of the specimen, where pixels are not quite square
        found = local_strain(points[who] * step, index[who], np.array(cell) * step)
        values[who, 2:] = found.values
    result["lattice"] = label
    result["boundary"] = boundary
    result["h"], result["k"] = index.T
    for name, column in zip(names, values.T, strict=True):
        result[name] = column
    result.attrs["lattices"] = lattices
    result.attrs.pop("strain", None)  # its displacements were in another unit
    return result


def without_lattice(table: pd.DataFrame) -> pd.DataFrame:
    """A table without what ``describe_lattice`` and ``strain_table`` add to it.

    One column that moves, comes or goes changes it for its neighbours and, by the lattice that is
    fitted to all, for every other one.
    """
    theirs = [name for name in table if name in _ADDED or name.startswith(_ADDED_BY_AXIS)]
    result = table.drop(columns=theirs)
    result.attrs = {k: v for k, v in table.attrs.items() if k not in ("lattices", "strain")}
    return result


def _boundary(points: np.ndarray, label: np.ndarray, regular: np.ndarray) -> np.ndarray:
    """Columns without regular surroundings of their own that are next to another lattice's."""
    from scipy.spatial import cKDTree

    flag = np.zeros(len(points), bool)
    on = np.flatnonzero(label >= 0)
    if not len(on):
        return flag
    tree = cKDTree(points[on])
    for number in range(label.max() + 1):
        mine = np.flatnonzero((label == number) & ~regular)
        reach = _BESIDE * spacing(points[label == number])
        for n, near in zip(mine, tree.query_ball_point(points[mine], reach), strict=True):
            flag[n] = bool((label[on[near]] != number).any())
    return flag


def species(intensity: np.ndarray, most: int = 3) -> np.ndarray:
    """Sort columns into species by their intensity.

    A mixture of one to ``most`` normal distributions is fitted by expectation maximisation; the
    number with the lowest Bayesian information criterion (Schwarz 1978) counts.

    Parameters
    ----------
    intensity
        (N,), or any other values; where most are negative, as of dark columns, the most negative
        are the strongest.
    most
        Species at most.

    Returns
    -------
    (N,) 0 for the weakest species, 1 for the next, ...; -1 where the intensity is NaN.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> kinds = sbd.species(np.concatenate([rng.normal(10, 1, 50), rng.normal(30, 1, 50)]))
    >>> np.bincount(kinds).tolist()
    [50, 50]
    """
    values = np.asarray(intensity, float)
    label = np.full(len(values), -1)
    valid = np.isfinite(values)
    if not valid.any():
        return label
    data = values[valid]
    data = -data if np.median(data) < 0 else data
    best = found = _mixture(data, *_even(data, 1))
    for count in range(2, most + 1):
        if len(data) < 10 * count:
            break
        # from even shares alone, two kinds far apart are at times taken for one
        starts = [_even(data, count), *(_split(found, n) for n in range(count - 1))]
        found = min((_mixture(data, *start) for start in starts), key=lambda fit: fit.bic)
        best = min(best, found, key=lambda fit: fit.bic)
    label[valid] = np.argsort(np.argsort(best.mean))[best.share.argmax(1)]
    return label


@dataclass(frozen=True, eq=False)
class _Mixture:
    """Normal distributions: means, widths and weights (n,), the share of each in each value (N, n),
    and the Bayesian information criterion."""

    mean: np.ndarray
    width: np.ndarray
    weight: np.ndarray
    share: np.ndarray
    bic: float


def _even(data: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    """Means, widths and weights of distributions that share the values evenly."""
    mean = np.quantile(data, (np.arange(count) + 0.5) / count)
    width = np.full(count, max(float(data.std()) / count, _least_width(data)))
    return mean, width, np.full(count, 1 / count)


def _split(fit: _Mixture, part: int) -> tuple[np.ndarray, ...]:
    """The same of a mixture with one of its distributions in two."""
    mean, width, weight = (np.append(v, v[part]) for v in (fit.mean, fit.width, fit.weight))
    mean[[part, -1]] += width[part] * np.array([-1, 1])
    width[[part, -1]] /= 2
    weight[[part, -1]] /= 2
    return mean, width, weight


def _least_width(data: np.ndarray) -> float:
    return max(1e-3 * float(np.ptp(data)), 1e-12 * float(np.abs(data).max()), 1e-300)


def _mixture(data: np.ndarray, mean: np.ndarray, width: np.ndarray, weight: np.ndarray) -> _Mixture:
    least = _least_width(data)
    for _ in range(200):
        z = (data[:, None] - mean) / width
        log = np.log(weight) - np.log(width) - z**2 / 2
        top = log.max(1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(log - top).sum(1))
        share = np.exp(log - total[:, None])
        size = share.sum(0) + 1e-9
        mean = (share * data[:, None]).sum(0) / size
        width = np.sqrt((share * (data[:, None] - mean) ** 2).sum(0) / size) + least
        weight = size / size.sum()
    bic = -2 * total.sum() + (3 * len(mean) - 1) * np.log(len(data))
    return _Mixture(mean, width, weight, share, float(bic))


def _coordination(points: np.ndarray) -> np.ndarray:
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    nearest = tree.query(points, 2)[0][:, 1]
    typical = np.minimum(nearest, 1.5 * np.median(nearest))
    number: np.ndarray = tree.query_ball_point(points, _SHELL * typical, return_length=True) - 1
    return number


def fit_lattice(points: np.ndarray, hk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origin (2,) and vectors (2, 2) of the lattice through points (n, 2), by least squares."""
    design = np.column_stack([np.ones(len(hk)), hk])
    solution = np.linalg.lstsq(design, points, rcond=None)[0]
    return solution[0], solution[1:]


def check_table(table: pd.DataFrame) -> None:
    """Refuse what is no table of columns.

    Raises
    ------
    SBDError
        If positions are missing.
    """
    if not {"y", "x"} <= set(getattr(table, "columns", ())):
        raise SBDError("A table of atomic columns needs the columns y and x.")
