"""Crystals among columns: patches in which each column's neighbours repeat one cell.

A patch grows from column to column along the vectors of the cell, which are fitted anew around each
column, so that a bent crystal stays one. It does not grow through a column whose neighbours do not
fit a cell, nor to one around which the cell is another: that is where another grain begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .cell import lattice_vectors, reduced

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

FEWEST = 8  # columns that make a lattice
_NEAR = 0.225  # of the shorter vector: how far a column may be from where its neighbour expects it
_PATCH = 40  # columns in which a first cell is looked for
_SEEDS = 12  # patches from which crystals are grown; the largest crystal counts
_IRREGULAR = 0.04  # of the shorter vector: misfit of neighbours, or 2.5 times the usual one
_TURN = 0.07  # change of the cell from column to column: 4 degrees or 7 % of strain
_JOINED = 0.5  # share of the columns of a patch that must have a partner at the cell's vectors
_NEARLY_ALL = 0.8  # the same of a cell some of whose sites hold no column
_MOST_SITES = 4  # of such a cell
_BETWEEN = 0.2  # share that must have one on both sides; a third in a crystal of three rows
_MEETINGS, _AGREED = 3, 0.8  # places where two crystals meet, and the share with one offset
_SIDES = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
_AROUND = np.array([(h, k) for h in (-1, 0, 1) for k in (-1, 0, 1) if (h, k) != (0, 0)])


@dataclass(frozen=True)
class Grain:
    """A crystal.

    Parameters
    ----------
    members
        (M,) numbers of its columns.
    hk
        (M, 2) their indices.
    regular
        (M,) whether the neighbours of each fit a cell; the others stand beside a defect, another
        grain or a surface.
    off
        (M,) how far each is from where its neighbour expects it [px].
    """

    members: np.ndarray
    hk: np.ndarray
    regular: np.ndarray
    off: np.ndarray


def grains(points: np.ndarray, most: int) -> list[Grain]:
    """The crystals among points (N, 2), the largest first; each column is in one of them at most.

    Columns that two crystals claim, and that are regular in neither, go to the one that expects
    them nearer to where they are.
    """
    free = np.ones(len(points), bool)
    found: list[Grain] = []
    while len(found) < most and free.sum() >= FEWEST:
        best = _largest(points, free)
        if best is None:
            break
        found.append(best)
        free[best.members[best.regular]] = False
    claims = np.full(len(points), np.inf)
    for grain in found:
        np.minimum.at(claims, grain.members, np.where(grain.regular, -1.0, grain.off))
    taken = np.zeros(len(points), bool)
    result = []
    for grain in found:
        mine = np.where(grain.regular, -1.0, grain.off) <= claims[grain.members]
        mine &= ~taken[grain.members]
        taken[grain.members[mine]] = True
        result.append(Grain(*(part[mine] for part in vars(grain).values())))
    return sorted(_merged(points, result), key=lambda grain: -len(grain.members))


def _merged(points: np.ndarray, found: list[Grain]) -> list[Grain]:
    """Crystals that go on into each other, such as the sides of a kink, as one."""
    result: list[Grain] = []
    for grain in found:
        for place, other in enumerate(result):
            both = _one_crystal(points, other, grain)
            if both is not None:
                result[place] = both
                break
        else:
            result.append(grain)
    return result


def _one_crystal(points: np.ndarray, one: Grain, other: Grain) -> Grain | None:
    """Two crystals of nearly one cell whose indices agree all along where they meet."""
    from scipy.spatial import cKDTree

    cell, beside = (_cell(points, grain) for grain in (one, other))
    basis = np.rint(beside @ np.linalg.inv(cell)).astype(int)
    if abs(round(np.linalg.det(basis))) != 1:
        return None
    if np.linalg.norm(beside @ np.linalg.inv(basis @ cell) - np.eye(2), 2) > _TURN:
        return None
    expected = points[one.members][:, None] + _SIDES @ cell
    distance, there = cKDTree(points[other.members]).query(expected)
    row, hop = np.nonzero(distance < _NEAR * _shorter(cell))
    if len(row) < _MEETINGS:
        return None
    hk = other.hk @ basis
    shift = one.hk[row] + _SIDES[hop] - hk[there[row, hop]]
    values, votes = np.unique(shift, axis=0, return_counts=True)
    if votes.max() < _AGREED * len(row):
        return None
    return Grain(
        np.concatenate([one.members, other.members]),
        np.vstack([one.hk, hk + values[votes.argmax()]]),
        np.concatenate([one.regular, other.regular]),
        np.concatenate([one.off, other.off]),
    )


def _cell(points: np.ndarray, grain: Grain) -> np.ndarray:
    """(2, 2) the cell that a crystal repeats, by least squares."""
    chosen = grain.regular
    design = np.column_stack([np.ones(chosen.sum()), grain.hk[chosen]])
    cell: np.ndarray = np.linalg.lstsq(design, points[grain.members[chosen]], rcond=None)[0][1:]
    return cell


def _largest(points: np.ndarray, free: np.ndarray) -> Grain | None:
    from scipy.spatial import cKDTree

    rest = np.flatnonzero(free)
    tree = cKDTree(points[rest])
    best: Grain | None = None
    seeds = np.unique(np.linspace(0, len(rest) - 1, _SEEDS).astype(int))
    covered = np.zeros(len(rest), bool)
    for seed in seeds:
        if covered[seed]:
            continue
        patch = tree.query(points[rest[seed]], min(_PATCH, len(rest)))[1]
        cell = lattice_vectors(points[rest[patch]])
        if cell is None:
            continue
        if not _repeats(points[rest], patch, cell, tree):
            cell = _multiple(points[rest], patch, cell, tree)
        if cell is None:
            continue
        grown = _grow(points[rest], tree, int(seed), cell, patch)
        if grown is None:
            continue
        covered[grown.members] = True
        if best is None or grown.regular.sum() > best.regular.sum():
            best = Grain(rest[grown.members], grown.hk, grown.regular, grown.off)
    return best


def _repeats(points: np.ndarray, patch: np.ndarray, cell: np.ndarray, tree: cKDTree) -> bool:
    """Whether most columns of a patch have partners at both vectors of the cell, and some between
    two of them: a pair is a distance, and no period."""
    joined, between = _partners(points, patch, cell, tree, _NEAR * float(_shorter(cell)))
    return joined > _JOINED and between > _BETWEEN


def _multiple(
    points: np.ndarray, patch: np.ndarray, cell: np.ndarray, tree: cKDTree
) -> np.ndarray | None:
    """The smallest multiple of a cell that nearly all columns of a patch repeat.

    A crystal with several columns in its cell may have them nearly at the corners of a finer cell,
    some of which are empty (in SrTiO3 [110] Sr, Ti and the O between; the other O is not seen).
    """
    near = _NEAR * float(_shorter(cell))  # in a wide cell any column would be near
    for count in range(2, _MOST_SITES + 1):
        for across in range(1, count + 1):
            if count % across:
                continue
            for shift in range(count // across):
                steps = np.array([(count // across, 0), (shift, across)])
                wider = reduced(*(steps @ cell))
                joined, between = _partners(points, patch, wider, tree, near)
                if joined > _NEARLY_ALL and between > _BETWEEN:
                    return wider
    return None


def _partners(
    points: np.ndarray, patch: np.ndarray, cell: np.ndarray, tree: cKDTree, near: float
) -> tuple[float, float]:
    """Share of the columns of a patch with a partner at both vectors of a cell, and the smaller
    share of those that have one on both sides of a vector."""
    partner = tree.query(points[patch][:, None] + _SIDES @ cell)[0] < near
    along = partner[:, :2] | partner[:, 2:]
    between = partner[:, :2] & partner[:, 2:]
    return float(along.all(1).mean()), float(between.mean(0).min())


def _grow(
    points: np.ndarray, tree: cKDTree, seed: int, cell: np.ndarray, patch: np.ndarray
) -> Grain | None:
    """The patch around a seed; None where it is too small to be a crystal."""
    count = len(points)
    _, misfit, held = _cells(points, tree, patch, np.broadcast_to(cell, (len(patch), 2, 2)))
    usual = float(np.median(misfit[held])) if held.any() else np.inf
    limit = max(_IRREGULAR * _shorter(cell), 2.5 * usual)
    turn = max(_TURN, 2 * usual / _shorter(cell))
    around, hk = np.broadcast_to(cell, (count, 2, 2)).copy(), np.zeros((count, 2), int)
    member, regular = np.zeros(count, bool), np.zeros(count, bool)
    off = np.zeros(count)
    start = np.array([seed])
    local, misfit, held = _cells(points, tree, start, around[start])
    if not held[0] or misfit[0] > limit:
        return None
    around[seed], member[seed], regular[seed] = local[0], True, True
    frontier = start
    while len(frontier):
        source, target, hop, distance = _next(points, tree, frontier, around, member)
        local, misfit, held = _cells(points, tree, target, around[source])
        change = np.linalg.norm(local @ np.linalg.inv(around[source]) - np.eye(2), 2, (1, 2))
        fits = held & (misfit < limit)
        kept = ~fits | (change < turn)
        source, target, hop, distance = (v[kept] for v in (source, target, hop, distance))
        local, fits = local[kept], fits[kept]
        member[target], regular[target], off[target] = True, fits, distance
        hk[target] = hk[source] + _SIDES[hop]
        around[target[fits]] = local[fits]
        frontier = target[fits]
    if regular.sum() < FEWEST or len(np.unique(hk[regular], axis=0)) < FEWEST:
        return None
    members = np.flatnonzero(member)
    return Grain(members, hk[members], regular[members], off[members])


def _next(
    points: np.ndarray, tree: cKDTree, frontier: np.ndarray, around: np.ndarray, member: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The columns that those of the frontier expect and that are new, each once."""
    cells = around[frontier]
    expected = points[frontier][:, None] + _SIDES @ cells
    distance, there = tree.query(expected)
    near = (distance < _NEAR * _shorter(cells)[:, None]) & ~member[there]
    row, hop = np.nonzero(near)
    target, distance = there[row, hop], distance[row, hop]
    order = np.argsort(distance, kind="stable")
    _, first = np.unique(target[order], return_index=True)
    chosen = order[first]
    return frontier[row[chosen]], target[chosen], hop[chosen], distance[chosen]


def _cells(
    points: np.ndarray, tree: cKDTree, index: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells (n, 2, 2) fitted to the neighbours of some columns, the neighbours' median misfit [px],
    and whether enough of them are there to tell."""
    expected = points[index][:, None] + _AROUND @ start
    distance, there = tree.query(expected)
    seen = (distance < _NEAR * 2**0.5 * _shorter(start)[:, None]).astype(float)
    steps = points[there] - points[index][:, None]
    square = np.einsum("nk,ki,kj->nij", seen, _AROUND, _AROUND)
    right = np.einsum("nk,ki,nkj->nij", seen, _AROUND, steps)
    number = seen.sum(1)
    held = (number >= 4) & (np.linalg.det(square) > 1)
    cells = start.copy()
    cells[held] = np.linalg.solve(square[held], right[held])
    off = np.where(seen > 0, np.linalg.norm(steps - _AROUND @ cells, axis=-1), np.nan)
    misfit = np.nanmedian(np.column_stack([off, np.where(number > 0, np.nan, np.inf)]), 1)
    held &= np.abs(np.linalg.det(cells)) > 0.3 * np.abs(np.linalg.det(start))
    cells[~held] = start[~held]
    return cells, misfit, held


def _shorter(cell: np.ndarray) -> np.ndarray:
    """Length of the shorter vector of each cell."""
    result: np.ndarray = np.linalg.norm(cell, axis=-1).min(-1)
    return result
