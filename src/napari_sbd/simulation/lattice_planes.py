"""Spacings of the lattice planes of a crystal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from .crystals import Material
from .materials import material

_SAME = 1e-3  # of the unit cell: sites closer than this are one
_APART = 0.005  # relative difference of spacings that are told apart


def plane_spacings(crystal: Material, shortest: float = 1.2) -> list[float]:
    """Spacings of all lattice planes, those between the points of the primitive lattice.

    Planes that a screw axis or a glide plane forbids are among them: several reflections together,
    and their interference in an image, give their period all the same.

    Parameters
    ----------
    crystal
        The unit cell.
    shortest
        Where to end [Å].

    Returns
    -------
    Spacings [Å], longest first.
    """
    reciprocal = np.linalg.inv(crystal.vectors).T
    reach = np.ceil(np.linalg.norm(crystal.vectors, axis=1) / shortest).astype(int)
    planes = np.array(list(product(*(range(-n, n + 1) for n in reach))))
    # a plane counts where all points of the lattice lie on planes of its family
    phase = planes @ _centring(crystal).T
    whole = (np.abs(phase - np.round(phase)) < 0.05).all(1) & planes.any(1)
    spacing = np.sort(1 / np.linalg.norm(planes[whole] @ reciprocal, axis=1))[::-1]
    spacing = spacing[spacing >= shortest]
    if not len(spacing):
        return []
    first = np.append(True, spacing[1:] < spacing[:-1] * (1 - _APART))
    return [float(d) for d in spacing[first]]


def spacings_nm(materials: Sequence[str]) -> list[float]:
    """Spacings [nm] of the lattice planes of some materials, longest first."""
    found = {round(d / 10, 4) for m in materials for d in plane_spacings(material(m))}
    return sorted(found, reverse=True)


def _centring(crystal: Material) -> np.ndarray:
    """(N, 3) translations of the unit cell's fractions that leave the crystal as it is."""
    elements = np.array([element for element, _ in crystal.basis])
    sites = np.array([site for _, site in crystal.basis])
    rarest = min(elements, key=lambda e: int((elements == e).sum()))
    same = sites[elements == rarest]
    return np.array([t for t in same - same[0] if _fits(elements, sites, t)])


def _fits(elements: np.ndarray, sites: np.ndarray, translation: np.ndarray) -> bool:
    apart = (sites + translation)[:, None] - sites
    apart = np.abs(apart - np.round(apart)).max(2)
    return bool(((apart < _SAME) & (elements[:, None] == elements)).any(1).all())
