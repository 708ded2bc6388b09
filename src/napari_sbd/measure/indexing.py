"""Which planes of a material give the spots of a spectrum.

Spacings and angles come from the unit cell, extinctions from the structure factor of whole atoms
(kinematical; multiple scattering can light up what is forbidden).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from math import gcd

import numpy as np

from ..simulation.crystals import Material
from ..simulation.scattering import ATOMIC_NUMBER

Plane = tuple[int, int, int]

_FAINT = 0.02  # structure factor over that of all atoms in phase: absent
_SAME = 1e-4  # relative: spacings of one family


@dataclass(frozen=True)
class Ring:
    """Planes of one spacing [nm]."""

    plane: Plane
    spacing: float


@dataclass(frozen=True)
class Indexed:
    """A way to index spots.

    Parameters
    ----------
    planes
        One for each spot.
    zone
        Direction [uvw] along the beam; None for one spot.
    spacings
        That the planes have [nm].
    angle
        Between the first two [degrees]; None for one spot.
    misfit
        Root mean square of the deviations over what was allowed; 0 to 1.
    """

    planes: tuple[Plane, ...]
    zone: Plane | None
    spacings: tuple[float, ...]
    angle: float | None
    misfit: float


def rings(material: Material, shortest: float) -> list[Ring]:
    """Spacings of a material that are not extinct, the longest first.

    Parameters
    ----------
    material
        From ``simulation.materials.material``.
    shortest
        Spacing at which to end [nm].
    """
    planes, vectors = _reflections(material, shortest)
    lengths = 1 / np.linalg.norm(vectors, axis=1)
    found: list[Ring] = []
    for n in np.lexsort((planes.sum(1) * -1, -np.round(lengths, 9))):
        if not found or lengths[n] < found[-1].spacing * (1 - _SAME):
            family = planes[np.abs(lengths / lengths[n] - 1) < _SAME]
            found.append(Ring(_simplest(family), float(lengths[n])))
    return found


def index_spots(
    material: Material,
    spots: list[tuple[float, float]],
    *,
    tolerance: float = 0.03,
    angle_tolerance: float = 2.0,
    most: int = 5,
) -> list[Indexed]:
    """Index one to a few spots of one crystal against a material.

    Parameters
    ----------
    material
        From ``simulation.materials.material``.
    spots
        Frequencies (y, x) [1/nm].
    tolerance
        Relative deviation of spacings that is allowed.
    angle_tolerance
        Of angles [degrees].
    most
        Ways to return at most.

    Returns
    -------
    The ways that fit, the best first; ways that a symmetry of the crystal turns into each other
    count once. Empty where none fits.
    """
    g = np.asarray(spots, float).reshape(-1, 2)
    lengths = np.linalg.norm(g, axis=1)
    planes, vectors = _reflections(material, 1 / (lengths.max() * (1 + tolerance)))
    norms = np.linalg.norm(vectors, axis=1)
    near = [np.flatnonzero(np.abs(length / norms - 1) <= tolerance) for length in lengths]
    ways: list[tuple[float, tuple[int, ...]]] = [((0.0), ())]
    for spot, candidates in enumerate(near):
        longer = []
        for cost, way in ways:
            for n in candidates:
                more = ((lengths[spot] / norms[n] - 1) / tolerance) ** 2
                for other, m in enumerate(way):
                    turned = _angle(vectors[m], vectors[n]) - _angle(g[other], g[spot])
                    more += (turned / angle_tolerance) ** 2
                    if abs(turned) > angle_tolerance:
                        more = np.inf
                if np.isfinite(more) and _in_plane(planes, (*way, int(n))):
                    longer.append((cost + more, (*way, int(n))))
        ways = _distinct(longer, vectors, planes)
    terms = len(g) + len(list(combinations(range(len(g)), 2)))
    return [_indexed(way, planes, norms, vectors, cost / terms) for cost, way in ways[:most]]


def _reflections(material: Material, shortest: float) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) indices of all reflections to a spacing [nm], and their vectors [1/nm]."""
    reciprocal = np.linalg.inv(material.vectors / 10).T
    # an index is at most the length of the cell's edge over the spacing
    top = np.floor(np.linalg.norm(material.vectors / 10, axis=1) / shortest + 1e-9).astype(int)
    hkl = np.array(list(product(*(range(-n, n + 1) for n in top))))
    hkl = hkl[hkl.any(1)]
    vectors = hkl @ reciprocal
    kept = np.linalg.norm(vectors, axis=1) <= (1 + 1e-9) / shortest
    weight = np.array([ATOMIC_NUMBER[e] for e, _ in material.basis], float)
    places = np.array([p for _, p in material.basis])
    factor = np.abs(np.exp(2j * np.pi * hkl @ places.T) @ weight) / weight.sum()
    kept &= factor > _FAINT
    return hkl[kept], vectors[kept]


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _in_plane(planes: np.ndarray, way: tuple[int, ...]) -> bool:
    """Whether planes belong to one zone."""
    return len(way) < 3 or np.linalg.matrix_rank(planes[list(way)]) <= 2


def _distinct(
    ways: list[tuple[float, tuple[int, ...]]], vectors: np.ndarray, planes: np.ndarray
) -> list[tuple[float, tuple[int, ...]]]:
    """The best first, one of those with the same lengths and angles; the simplest signs."""
    seen: dict[tuple, tuple[float, tuple[int, ...]]] = {}
    order = sorted(ways, key=lambda w: (round(w[0], 6), *(_simple(planes[n]) for n in w[1])))
    for cost, way in order:
        chosen = vectors[list(way)]
        key = tuple(np.round(chosen @ chosen.T, 6).ravel())
        seen.setdefault(key, (cost, way))
    return list(seen.values())


def _indexed(
    way: tuple[int, ...], planes: np.ndarray, norms: np.ndarray, vectors: np.ndarray, cost: float
) -> Indexed:
    chosen = planes[list(way)]
    zone, angle = None, None
    if len(way) > 1:
        angle = _angle(vectors[way[0]], vectors[way[1]])
        cross = np.cross(chosen[0], chosen[1])
        if cross.any():
            u, v, w = (int(c) // gcd(*(int(c) for c in cross)) for c in cross)
            zone = (u, v, w)
    return Indexed(
        tuple(_plane(p) for p in chosen),
        zone,
        tuple(float(1 / norms[n]) for n in way),
        angle,
        float(np.sqrt(cost)),
    )


def _simplest(family: np.ndarray) -> Plane:
    return _plane(min(family, key=_simple))


def _simple(plane: np.ndarray) -> tuple:
    """Order of planes: few minus signs, large indices first."""
    return int((plane < 0).sum()), tuple(-int(i) for i in plane)


def _plane(indices: np.ndarray) -> Plane:
    h, k, index = (int(i) for i in indices)
    return h, k, index
