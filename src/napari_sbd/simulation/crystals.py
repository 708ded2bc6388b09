"""Atoms, unit cells and their orientation to the beam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SBDError

Direction = tuple[int, int, int]

FCC = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
CUBIC_ZONES: tuple[Direction, ...] = ((1, -1, 0), (1, 0, 0), (1, 1, 1), (1, 1, -2))
OTHER_ZONES: tuple[Direction, ...] = ((0, 0, 1), (1, 0, 0), (1, 1, 0))
AMORPHOUS = 3  # tag of atoms that form no columns


@dataclass(frozen=True)
class Atoms:
    """Atoms of a model.

    Parameters
    ----------
    positions
        (N, 3) x, y, z in Å; the beam runs along z.
    elements
        (N,) element symbols.
    tags
        (N,) 0 support or matrix, 1 particle, 2 added atom or second grain, 3 amorphous.
    """

    positions: np.ndarray
    elements: np.ndarray
    tags: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def select(self, keep: np.ndarray) -> Atoms:
        """Return the atoms that a boolean mask or an index keeps."""
        return Atoms(self.positions[keep], self.elements[keep], self.tags[keep])

    def moved(self, positions: np.ndarray) -> Atoms:
        """Return the same atoms at other positions."""
        return Atoms(positions, self.elements, self.tags)

    def tagged(self, tag: int) -> Atoms:
        """Return the same atoms with one tag."""
        return Atoms(self.positions, self.elements, np.full(len(self), tag))

    def __add__(self, other: Atoms) -> Atoms:
        return Atoms(
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.elements, other.elements]),
            np.concatenate([self.tags, other.tags]),
        )


@dataclass(frozen=True)
class Material:
    """A unit cell: lattice vectors as rows [Å], (element, fraction) pairs, and usual zones."""

    vectors: np.ndarray
    basis: tuple[tuple[str, tuple[float, float, float]], ...]
    zones: tuple[Direction, ...]

    @property
    def is_cubic(self) -> bool:
        """Whether the unit cell is a cube with its edges along x, y and z."""
        return np.allclose(self.vectors, self.vectors[0, 0] * np.eye(3), rtol=1e-4)

    @property
    def is_fcc(self) -> bool:
        """Whether this is a face-centred cubic crystal of one element."""
        sites = {tuple(np.round(fraction, 4) % 1) for _, fraction in self.basis}
        return self.is_cubic and len({e for e, _ in self.basis}) == 1 and sites == set(FCC)


def lattice_direction(zone: Any) -> Direction:
    """Return three whole numbers [uvw] as a tuple.

    Raises
    ------
    SBDError
        If they are something else, or all zero.
    """
    indices = np.asarray(zone)
    if indices.shape != (3,) or not np.issubdtype(indices.dtype, np.integer) or not indices.any():
        raise SBDError(
            f"A zone axis is three whole numbers [uvw] that are not all zero, not {zone}."
        )
    u, v, w = indices.tolist()
    return u, v, w


def frame(crystal: Material, zone: Direction, up: Direction | None = None) -> np.ndarray:
    """Axes of the image in the crystal's own Cartesian coordinates.

    Parameters
    ----------
    crystal
        The unit cell.
    zone
        Lattice direction [uvw] along the beam.
    up
        Normal (hkl) of the planes stacked along y; None takes any normal of the zone.

    Returns
    -------
    (3, 3) array, rows x, y, z.

    Raises
    ------
    SBDError
        If the zone is no lattice direction, or the plane normal is not perpendicular to it.
    """
    z = np.asarray(lattice_direction(zone)) @ crystal.vectors
    z = z / np.linalg.norm(z)
    reciprocal = np.linalg.inv(crystal.vectors).T
    if up is None:
        trial = np.cross(z, reciprocal[np.argmin(np.abs(reciprocal @ z))])
        y = np.cross(z, trial)
    else:
        y = np.asarray(up) @ reciprocal
    y = y / np.linalg.norm(y)
    if abs(y @ z) > 1e-6:
        raise SBDError(f"The planes {up} do not contain the zone axis {zone}.")
    return np.stack([np.cross(y, z), y, z])
