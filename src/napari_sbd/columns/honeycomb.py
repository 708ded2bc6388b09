"""Middles of hexagons that look like columns.

Where the atoms of a honeycomb flow together, as in graphene or MoS2 at low dose, the middles of its
hexagons are the narrow extrema of the opposite sign, on a triangular lattice as columns would be.
The first reflections alone do not tell one from the other. The way between two neighbouring sites
of the honeycomb does where more is seen: columns on its sites leave it lower than the sites,
columns on the triangular lattice make it hardly so.
"""

from __future__ import annotations

import numpy as np

from ..errors import warn
from ..spots import spacing

_EVEN = 0.15  # of the spacing, by which the sides of a triangle may differ from it
_MOST_LOW = 0.105  # fall on the way over that to the column; 1/9 for the first reflections alone
_FEWEST = 12  # triangles
_SHARE = 0.5  # of the triangles that a triangular lattice has, two for each column
_CLOSEST = 0.2  # nm between middles; those of graphene are 0.246 nm apart


def may_be_middles(image: np.ndarray, points: np.ndarray, pixel_nm: float | None) -> bool:
    """Whether columns may as well be the middles between the columns of a honeycomb.

    Parameters
    ----------
    image
        (Y, X) denoised.
    points
        (N, 2) y, x of columns [px].
    pixel_nm
        Size of a pixel; None where it is unknown.
    """
    from scipy.ndimage import map_coordinates
    from scipy.spatial import Delaunay

    gap = spacing(points)
    if len(points) < _FEWEST or (pixel_nm is not None and gap * pixel_nm < _CLOSEST):
        return False
    corners = points[Delaunay(points).simplices]
    sides = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2)
    corners = corners[(np.abs(sides / np.median(sides.min(1)) - 1) < _EVEN).all(1)]
    if len(corners) < max(_FEWEST, _SHARE * 2 * len(points)):
        return False
    filled = np.where(np.isfinite(image), image, np.nanmean(image))

    def seen(places: np.ndarray) -> np.ndarray:
        return np.asarray(map_coordinates(filled, places.reshape(-1, 2).T, order=1, mode="nearest"))

    site = float(np.mean(seen(corners.mean(1))))
    between = float(np.mean(seen((corners + np.roll(corners, 1, 1)) / 2)))
    column = float(np.mean(seen(corners)))
    return (site - between) / (site - column) > _MOST_LOW


def warn_of_middles(
    image: np.ndarray,
    points: np.ndarray,
    bright: bool,
    size: tuple[float, float] | None,
) -> None:
    """Warn where a polarity that nobody chose may have taken middles for columns.

    Parameters
    ----------
    image, points
        As ``may_be_middles`` takes them.
    bright
        The polarity that was taken.
    size
        Of a pixel along y and x [nm].
    """
    if may_be_middles(image, points, None if size is None else float(np.sqrt(size[0] * size[1]))):
        taken, other = ("bright", "dark") if bright else ("dark", "bright")
        warn(
            f"The {taken} spots were taken for columns, but may as well be the middles of the "
            f"hexagons of a honeycomb, whose atoms are the {other} spots around them; choose the "
            f"polarity '{other}' if they are."
        )


def warn_of_even(even: bool, bright: bool) -> None:
    """Warn where nothing tells which polarity is that of the columns, and nobody chose one.

    Parameters
    ----------
    even
        Whether bright and dark spots are equally sharp.
    bright
        The polarity that was taken.
    """
    if even:
        taken, other = ("bright", "dark") if bright else ("dark", "bright")
        warn(
            f"Bright and dark spots of the image are equally sharp: the {taken} ones were taken "
            f"for columns, but may as well be the gaps between; choose the polarity '{other}' if "
            "they are."
        )
