"""Strain, rotation, spacings and displacements of atomic columns, with errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns.lattice import check_table, describe_lattice, fit_lattice
from ..columns.strain import local_strain
from ..errors import SBDError

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = (
    "strain_xx",
    "strain_yy",
    "strain_xy",
    "rotation",
    "spacing_a",
    "spacing_b",
    "displacement",
)
_FEWEST = 6  # columns of a reference
_CAGE = 8  # columns at most that surround one
_BEYOND = 1.5  # times the farthest of few columns: where the next would be
_LOPSIDED = 0.35  # mean of the directions to what surrounds a column, which is then at a rim


def strain_table(table: pd.DataFrame, region: np.ndarray | None = None) -> pd.DataFrame:
    """Strain against the lattice of all columns, or of those in a region.

    Each lattice (grain, or sublattice of a cell with several columns) has its own reference. With a
    region, the lattice is fitted to the columns in there, and others than that lattice have none.

    Parameters
    ----------
    table
        From ``find_columns``, for a single image: ``y``, ``x`` [px], errors where there are any,
        ``attrs["pixel_size_nm"]`` where calibrated.
    region
        (N,) bool, which columns are the reference; None takes all.

    Returns
    -------
    A copy with what ``describe_lattice`` gives, and in place of its values ``displacement_y``,
    ``displacement_x``, ``displacement`` (length), ``spacing_a``, ``spacing_b`` [nm, or px where not
    calibrated], ``strain_yy``, ``strain_xx``, ``strain_xy``, ``rotation`` [rad, positive from +x to
    +y] and their errors (``..._err``, one standard deviation from the errors of the positions; that
    of the reference is common to all and stands apart). ``attrs["strain"]`` holds the unit, the
    cells (``a``, ``b`` as (y, x)) and ``reference_err``, the relative error of their lengths.

    Raises
    ------
    SBDError
        If there is no lattice, or the region holds too few of its columns.
    """
    check_table(table)
    if "frame" in table and table["frame"].nunique() > 1:
        raise SBDError("Strain is measured in single images; take the columns of one frame.")
    result = describe_lattice(table)
    label = result["lattice"].to_numpy()
    if (label < 0).all():
        raise SBDError(
            f"The {len(table)} columns show no lattice: strain needs 8 or more that repeat a cell. "
            "Where faint columns between others are found in part only, a lower sensitivity leaves "
            "those of one kind."
        )
    size = table.attrs.get("pixel_size_nm")
    step = np.broadcast_to(1.0 if size is None else size, 2).astype(float)
    points = result[["y", "x"]].to_numpy(float) * step
    errors = np.full(points.shape, np.nan)
    if {"y_err", "x_err"} <= set(result):
        errors = result[["y_err", "x_err"]].to_numpy(float) * step
    hk = result[["h", "k"]].to_numpy()
    chosen = np.ones(len(points), bool) if region is None else np.asarray(region, bool)
    _clear(result)
    facts: dict[str, Any] = {
        "unit": "px" if size is None else "nm",
        "cells": {},
        "reference_err": {},
    }
    for number in range(label.max() + 1):
        who = label == number
        base = who & chosen
        if base.sum() < _FEWEST or np.linalg.matrix_rank(hk[base] - hk[base].mean(0)) < 2:
            continue
        origin, vectors, relative, deviation = _reference(points[base], errors[base], hk[base])
        facts["cells"][number] = vectors.tolist()
        facts["reference_err"][number] = relative
        moved = points[who] - origin - hk[who] @ vectors
        share = _leverage(hk[base], hk[who])[:, None]
        mine = base[who][:, None]  # columns that the reference follows, of which it is an average
        error = np.sqrt(
            (errors[who] * np.where(mine, 1 - share, 1.0)) ** 2
            + deviation**2 * np.where(mine, share * (1 - share), share)
        )
        _fill(result, who, points, errors, hk, vectors, moved, error)
    if not facts["cells"]:
        raise SBDError(
            f"The reference region holds fewer than {_FEWEST} columns of one lattice; draw it "
            "larger, on the crystal."
        )
    result.attrs = {**table.attrs, "lattices": result.attrs["lattices"], "strain": facts}
    return result


def in_box(table: pd.DataFrame, box: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
    """(N,) bool: which columns lie on the pixels of a box, as those of a region do.

    Parameters
    ----------
    table
        With ``y``, ``x`` [px, centre of pixel (0, 0) is 0, 0].
    box
        ``((top, bottom), (left, right))``, half-open [px].
    """
    low, high = np.transpose(box) - 0.5
    places = table[["y", "x"]].to_numpy(float)
    result: np.ndarray = ((places >= low) & (places < high)).all(1)
    return result


def off_centre(table: pd.DataFrame, label: np.ndarray, of: int, among: int) -> pd.DataFrame:
    """Displacement of columns of one kind from the middle of those of another around them.

    The polar displacement of, say, titanium in its cage of strontium or barium. What surrounds a
    column are its nearest ones, as many as lie on all sides and before the widest gap of their
    usual distances, so that a cage is whole also where a column is far off its middle; columns with
    fewer of them, or with all to one side, are left out.

    Parameters
    ----------
    table
        With ``y``, ``x`` [px], and errors where there are any.
    label
        (N,) kinds, such as those of ``species`` or ``lattice``.
    of, among
        The kind that is displaced, and the one that surrounds it.

    Returns
    -------
    One row for each column measured: ``row`` (of the table), ``y``, ``x`` [px],
    ``displacement_y``, ``displacement_x``, ``displacement`` [nm, or px] and their errors.

    Raises
    ------
    SBDError
        If a kind is missing, or no column is surrounded.
    """
    import pandas as pd
    from scipy.spatial import cKDTree

    check_table(table)
    size = table.attrs.get("pixel_size_nm")
    step = np.broadcast_to(1.0 if size is None else size, 2).astype(float)
    points = table[["y", "x"]].to_numpy(float) * step
    errors = np.full(points.shape, np.nan)
    if {"y_err", "x_err"} <= set(table):
        errors = table[["y_err", "x_err"]].to_numpy(float) * step
    rows, others = (np.flatnonzero(np.asarray(label) == kind) for kind in (of, among))
    if of == among or not len(rows) or len(others) < 2:
        raise SBDError("Polar displacement needs columns of two kinds; choose two that are there.")
    tree = cKDTree(points[others])
    usual, reach = _cage(tree, points[rows])
    around = tree.query_ball_point(points[rows], reach)
    found = []
    for row, near in zip(rows, around, strict=True):
        if len(near) != usual:
            continue
        them = others[near]
        steps = points[them] - points[row]
        directions = steps / np.linalg.norm(steps, axis=1)[:, None]
        if np.hypot(*directions.mean(0)) > _LOPSIDED:
            continue
        shift = -steps.mean(0)
        error = np.sqrt(errors[row] ** 2 + (errors[them] ** 2).sum(0) / usual**2)
        found.append((row, *table[["y", "x"]].to_numpy(float)[row], *shift, *error))
    if not found:
        raise SBDError("No column of this kind is surrounded by those of the other.")
    names = ["row", "y", "x", "displacement_y", "displacement_x"]
    result = pd.DataFrame(found, columns=[*names, "displacement_y_err", "displacement_x_err"])
    result["row"] = result["row"].astype(int)
    _lengths(result)
    result.attrs = {"unit": "px" if size is None else "nm"}
    return result


def _cage(tree: Any, points: np.ndarray) -> tuple[int, float]:
    """How many columns surround one of these points, and within which distance."""
    distance, who = tree.query(points, min(_CAGE + 1, tree.n))
    directions = (tree.data[who] - points[:, None]) / np.maximum(distance, 1e-300)[:, :, None]
    typical = np.median(distance, axis=0)
    typical = np.append(typical, _BEYOND * typical[-1])
    sides = np.cumsum(directions, axis=1) / np.arange(1, directions.shape[1] + 1)[:, None]
    one_sided = np.median(np.hypot(*np.moveaxis(sides, -1, 0)), axis=0) > _LOPSIDED
    gaps = np.where(one_sided, 0.0, typical[1:] / typical[:-1])
    gaps[[0, *range(_CAGE, len(gaps))]] = 0.0
    last = int(np.argmax(gaps))
    return last + 1, float(np.sqrt(typical[last] * typical[last + 1]))


def _reference(
    points: np.ndarray, errors: np.ndarray, hk: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Origin and vectors of a lattice; the relative error of its lengths; the standard deviation of
    columns about it."""
    origin, vectors = fit_lattice(points, hk)
    design = np.column_stack([np.ones(len(hk)), hk])
    spread = np.linalg.inv(design.T @ design)
    off = points - origin - hk @ vectors
    # columns off their places by more than their errors make the reference less sure
    scatter = float(np.sqrt((off**2).sum() / max(2 * (len(hk) - 3), 1)))
    deviation = np.fmax(scatter, np.sqrt(np.nanmean(errors**2)) if _any(errors) else 0.0)
    lengths = np.linalg.norm(vectors, axis=1)
    relative = float((deviation * np.sqrt(np.diagonal(spread)[1:]) / lengths).max())
    return origin, vectors, relative, float(deviation)


def _leverage(reference: np.ndarray, hk: np.ndarray) -> np.ndarray:
    """(n,) variance of lattice points over that of a column, where a lattice was fitted."""
    design, there = (np.column_stack([np.ones(len(i)), i]) for i in (reference, hk))
    result: np.ndarray = np.einsum("ni,ij,nj->n", there, np.linalg.inv(design.T @ design), there)
    return result


def _fill(
    result: pd.DataFrame,
    who: np.ndarray,
    points: np.ndarray,
    errors: np.ndarray,
    hk: np.ndarray,
    vectors: np.ndarray,
    moved: np.ndarray,
    error: np.ndarray,
) -> None:
    """Write what one lattice has to say."""
    names = result.columns
    regular = who & ~result["boundary"].to_numpy(bool)
    found = local_strain(points[regular], hk[regular], vectors, errors[regular])
    parts = {
        "displacement_y": (who, moved[:, 0], error[:, 0]),
        "displacement_x": (who, moved[:, 1], error[:, 1]),
        "strain_yy": (regular, found.values[:, 0], found.errors[:, 0]),
        "strain_xx": (regular, found.values[:, 1], found.errors[:, 1]),
        "strain_xy": (regular, found.values[:, 2], found.errors[:, 2]),
        "rotation": (regular, found.values[:, 3], found.errors[:, 3]),
        "spacing_a": (regular, found.spacing[:, 0], found.spacing_err[:, 0]),
        "spacing_b": (regular, found.spacing[:, 1], found.spacing_err[:, 1]),
    }
    for name, (rows, value, spread_of_it) in parts.items():
        result.iloc[np.flatnonzero(rows), names.get_loc(name)] = value
        result.iloc[np.flatnonzero(rows), names.get_loc(f"{name}_err")] = spread_of_it
    _lengths(result)


def _clear(result: pd.DataFrame) -> None:
    for name in (*QUANTITIES, "displacement_y", "displacement_x"):
        result[name] = np.nan
        result[f"{name}_err"] = np.nan


def _lengths(table: pd.DataFrame) -> None:
    """Lengths of displacements, and their errors along them."""
    y, x = table["displacement_y"], table["displacement_x"]
    length = np.hypot(y, x)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (y * table["displacement_y_err"]) ** 2 + (x * table["displacement_x_err"]) ** 2
        table["displacement"] = length
        table["displacement_err"] = np.sqrt(variance) / length.where(length > 0)


def _any(errors: np.ndarray) -> bool:
    return bool(np.isfinite(errors).any())
