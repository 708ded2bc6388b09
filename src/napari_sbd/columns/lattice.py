"""Spacing, lattice vectors, coordination, strain and displacement of columns."""

from __future__ import annotations

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
        If positions are missing, or not all finite numbers.
    """
    if not {"y", "x"} <= set(getattr(table, "columns", ())):
        raise SBDError("A table of atomic columns needs the columns y and x.")
    try:
        held = np.isfinite(table[["y", "x"]].to_numpy(float)).all(axis=None)
    except (TypeError, ValueError):
        held = False
    if not held:
        raise SBDError("Some places (y, x) of the table of columns are no finite numbers.")
