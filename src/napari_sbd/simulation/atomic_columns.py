"""The atomic columns of a model: where they are, what they hold, and which form its surface."""

from __future__ import annotations

import numpy as np

from .crystals import AMORPHOUS, Atoms
from .scattering import ATOMIC_NUMBER

FIELDS = ("x", "y", "number", "atoms", "surface", "tag")
_WIDEST_MESH = 2.8  # Å; wider gaps between columns are holes in any crystal
_HOLE = 1.4  # gaps that exceed the crystal's own by this factor are outside


def columns_of(atoms: Atoms, tolerance: float = 0.8) -> np.ndarray:
    """Group atoms that lie behind each other along the beam.

    Parameters
    ----------
    atoms
        A model, possibly tilted by a few degrees.
    tolerance
        Å in projection within which successive atoms belong to one column.

    Returns
    -------
    (N, 6) array: mean x [Å], mean y [Å], atomic number, number of atoms, 1 if the column is at the
    surface (see ``at_surface``), tag of its atoms. Amorphous atoms are listed as columns of one or
    a few atoms that are never at the surface.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    numbers = np.array([ATOMIC_NUMBER[str(e)] for e in atoms.elements])
    amorphous = atoms.tags == AMORPHOUS
    found = [np.zeros((0, len(FIELDS)))]
    for number in np.unique(numbers):
        for same in (numbers == number) & np.stack([~amorphous, amorphous]):
            p, tags = atoms.positions[same] * (1, 1, 0.1), atoms.tags[same]
            if len(p) == 0:
                continue
            pairs = cKDTree(p).query_pairs(tolerance, output_type="ndarray")
            links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(p), len(p)))
            count, label = connected_components(links, directed=False)
            size = np.bincount(label, minlength=count)
            x, y, tag = (
                np.bincount(label, values, minlength=count) / size for values in (*p.T[:2], tags)
            )
            flat = np.full(count, float(number)), size, np.zeros(count), np.round(tag)
            found.append(np.stack([x, y, *flat], 1))
    columns = np.concatenate(found)
    crystalline = columns[:, 5] != AMORPHOUS
    columns[crystalline, 4] = at_surface(columns[crystalline, :2])
    return columns


def at_surface(xy: np.ndarray) -> np.ndarray:
    """Whether columns lie on the outline of their crystal in projection.

    A column is at the surface if an empty circle touches it that is too large to lie between the
    columns of the crystal: the outline is an alpha shape (Edelsbrunner, Kirkpatrick & Seidel 1983)
    of all columns together. So columns at the interface of particle and support are inside, and
    the rim of a hole wider than one missing column is outline, as is the cut where a crystal ends
    with the field.

    Parameters
    ----------
    xy
        (N, 2) positions [Å] of the columns of everything crystalline.

    Returns
    -------
    (N,) bool.
    """
    from scipy.spatial import Delaunay, QhullError

    surface = np.ones(len(xy), dtype=bool)
    if len(xy) < 4:
        return surface
    try:
        mesh = Delaunay(xy)
    except QhullError:  # all on one line
        return surface
    radius = circumradius(xy[mesh.simplices])
    inner = radius[radius < _WIDEST_MESH]
    if not len(inner):
        return surface
    outside = radius > min(_HOLE * np.quantile(inner, 0.9), _WIDEST_MESH)
    surface[:] = False
    surface[mesh.simplices[outside]] = True
    surface[mesh.convex_hull] = True
    surface[mesh.coplanar[:, 0]] |= surface[mesh.coplanar[:, 2]]
    return surface


def circumradius(triangles: np.ndarray) -> np.ndarray:
    """Radius of the circle through the corners of each of (N, 3, 2) triangles."""
    a, b, c = (triangles[:, i] - triangles[:, j] for i, j in ((1, 0), (2, 1), (0, 2)))
    twice_area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    sides = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) * np.linalg.norm(c, axis=1)
    result: np.ndarray = sides / np.maximum(2 * twice_area, 1e-12)
    return result
