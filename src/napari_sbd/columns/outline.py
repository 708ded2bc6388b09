"""Outlines of groups of columns: alpha shapes in units of the column spacing."""

from __future__ import annotations

import numpy as np

_LONGER, _LONGEST = 1.25, 4.0  # times the larger circumradii of a lattice; spacings
_LARGER = 75  # percentile: cells with several columns have triangles of several sizes
ALPHA = 1.08  # spacings; the SBD paper's 40 px at its 37 px


def reach(points: np.ndarray, gap: float) -> float:
    """The alpha that holds a crystal together [unit of the points].

    ``ALPHA`` spacings; more where the cell is long, so that the triangles of the lattice are larger
    than those of columns that are equally near on all sides.

    Parameters
    ----------
    points
        (N, 2).
    gap
        Their spacing.
    """
    corners = _corners(points)
    large = float(np.percentile(_circumradius(points[corners]), _LARGER)) if len(corners) else 0.0
    return max(ALPHA * gap, min(_LONGER * large, _LONGEST * gap))


def outline(points: np.ndarray, alpha: float) -> np.ndarray:
    """Boundary of an alpha shape.

    Delaunay triangles with a circumradius below ``alpha`` are kept; the boundary is made of the
    edges that belong to one of them only.

    Parameters
    ----------
    points
        (N, 2).
    alpha
        In the unit of the points. Triangles inside a lattice have a circumradius of 0.58
        (hexagonal) to 0.71 (square) spacings; larger alphas bridge wider gaps.

    Returns
    -------
    (E, 2) indices of the points at the ends of each boundary edge. Empty for fewer than three
    points and for points on a line.
    """
    return _boundary(points, alpha)[:, :2]


def on_surface(
    points: np.ndarray, alpha: float, frame: tuple[int, int] | None = None, margin: float = 0.0
) -> np.ndarray:
    """Which points lie on an outline.

    Parameters
    ----------
    points, alpha
        As in ``outline``.
    frame
        (Y, X) of the image. An outline along the frame is where the image ends and not the
        crystal: an edge counts where the empty circle of radius ``alpha`` outside of it lies on
        the image, ``margin`` or more from its sides.
    margin
        How near the sides columns may be missed [unit of the points].

    Returns
    -------
    (N,) bool. Points in no triangle, such as single columns, are surface.
    """
    edges = _boundary(points, alpha)
    flag = np.zeros(len(points), bool)
    if frame is not None and len(edges):
        start, end, within = np.moveaxis(points[edges], 1, 0)
        middle, along = (start + end) / 2, end - start
        normal = np.stack([-along[:, 1], along[:, 0]], 1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        outside = -np.sign(((within - middle) * normal).sum(1, keepdims=True)) * normal
        far = np.sqrt(np.maximum(alpha**2 - (along**2).sum(1, keepdims=True) / 4, 0))
        centre = middle + far * outside
        least = alpha + margin
        seen = (centre >= least) & (centre <= np.array(frame) - 1 - least)
        edges = edges[seen.all(1)]
    flag[edges[:, :2]] = True
    result: np.ndarray = flag | ~_in_triangles(points, alpha)
    return result


def polygons(points: np.ndarray, alpha: float) -> list[np.ndarray]:
    """Closed outlines, largest first, each (n, 2) points in order: one shape each for a viewer."""
    edges = outline(points, alpha)
    ahead: dict[int, list[int]] = {}
    for a, b in edges.tolist():
        ahead.setdefault(a, []).append(b)
        ahead.setdefault(b, []).append(a)
    shapes = []
    while ahead:
        start = at = next(iter(ahead))
        ring = [start]
        while ahead.get(at):
            to = ahead[at].pop()
            ahead[to].remove(at)
            at = to
            if at == start:
                break
            ring.append(at)
        ahead = {k: v for k, v in ahead.items() if v}
        shapes.append(points[ring])
    return sorted(shapes, key=len, reverse=True)


def hollows(points: np.ndarray) -> np.ndarray:
    """(T, 2) centres of the empty circles through three points each, where these are on no line."""
    corners = points[_corners(points)]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    kept = np.abs(across) > 1e-9 * ((u**2).sum(1) + (v**2).sum(1))
    u, v, across = u[kept], v[kept], across[kept, None]
    turned = (v[:, ::-1] * (u**2).sum(1)[:, None] - u[:, ::-1] * (v**2).sum(1)[:, None]) * [-1, 1]
    result: np.ndarray = corners[kept, 0] - turned / (2 * across)
    return result


def _boundary(points: np.ndarray, alpha: float) -> np.ndarray:
    """(E, 3) indices: the ends of each edge of one kept triangle only, and its third corner."""
    around = _triangles(points, alpha)[:, [[0, 1, 2], [1, 2, 0], [2, 0, 1]]].reshape(-1, 3)
    edges = np.sort(around[:, :2], 1)
    unique, first, count = np.unique(edges, axis=0, return_index=True, return_counts=True)
    once = count == 1
    return np.column_stack([unique[once], around[first[once], 2]])


def _triangles(points: np.ndarray, alpha: float) -> np.ndarray:
    """(T, 3) indices of the Delaunay triangles whose circumradius is below alpha."""
    triangles = _corners(points)
    small: np.ndarray = triangles[_circumradius(points[triangles]) < alpha]
    return small


def _corners(points: np.ndarray) -> np.ndarray:
    """(T, 3) indices of the Delaunay triangles."""
    from scipy.spatial import Delaunay, QhullError

    none = np.zeros((0, 3), int)
    if len(points) < 3:
        return none
    try:
        triangles: np.ndarray = Delaunay(points - points.mean(0)).simplices
    except QhullError:
        return none
    return triangles


def _in_triangles(points: np.ndarray, alpha: float) -> np.ndarray:
    flag = np.zeros(len(points), bool)
    flag[_triangles(points, alpha)] = True
    return flag


def _circumradius(corners: np.ndarray) -> np.ndarray:
    """(T,) circumradii of triangles (T, 3, 2); infinite for degenerate ones."""
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).prod(1)
    with np.errstate(divide="ignore"):
        return np.where(area > 1e-9 * sides ** (2 / 3), sides / (4 * area), np.inf)
