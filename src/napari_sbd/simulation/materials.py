"""Unit cells of common materials, and blocks of them in a chosen orientation.

Lattice parameters [Å] are room-temperature textbook values.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from ..errors import SBDError
from .cif import read_cif
from .crystals import CUBIC_ZONES, FCC, OTHER_ZONES, Atoms, Direction, Material, frame

_Point = tuple[float, float, float]
_Points = Sequence[_Point]


def _cell(
    a: float,
    sites: Sequence[tuple[str, _Points]],
    b: float | None = None,
    c: float | None = None,
    gamma: float = 90.0,
    zones: tuple[Direction, ...] = CUBIC_ZONES,
) -> Material:
    b, c, g = b or a, c or a, np.deg2rad(gamma)
    vectors = np.array([[a, 0, 0], [b * np.cos(g), b * np.sin(g), 0], [0, 0, c]])
    return Material(vectors, tuple((e, p) for e, ps in sites for p in ps), zones)


def _shifted(points: _Points, shift: float | _Point) -> list[_Point]:
    moved = (np.asarray(points) + shift) % 1
    return [(x, y, z) for x, y, z in moved.tolist()]


def _fcc(element: str, a: float) -> Material:
    return _cell(a, [(element, FCC)])


def _bcc(element: str, a: float) -> Material:
    return _cell(a, [(element, [(0, 0, 0), (0.5, 0.5, 0.5)])])


def _fluorite(metal: str, anion: str, a: float) -> Material:
    anions = _shifted(FCC, 0.25) + _shifted(FCC, 0.75)
    return _cell(a, [(metal, FCC), (anion, anions)])


def _rocksalt(metal: str, anion: str, a: float) -> Material:
    return _cell(a, [(metal, FCC), (anion, _shifted(FCC, 0.5))])


def _zincblende(first: str, second: str, a: float) -> Material:
    return _cell(a, [(first, FCC), (second, _shifted(FCC, 0.25))])


def _perovskite(large: str, small: str, a: float, c: float | None = None) -> Material:
    oxygens = [(0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    sites: list[tuple[str, _Points]] = [
        (large, [(0, 0, 0)]),
        (small, [(0.5, 0.5, 0.5)]),
        ("O", oxygens),
    ]
    return _cell(a, sites, c=c, zones=((1, 0, 0), (1, -1, 0), (1, 1, 1)))


def _rutile(metal: str, a: float, c: float, u: float) -> Material:
    oxygens = [(u, u, 0.0), (-u, -u, 0.0), (0.5 + u, 0.5 - u, 0.5), (0.5 - u, 0.5 + u, 0.5)]
    sites: list[tuple[str, _Points]] = [(metal, [(0, 0, 0), (0.5, 0.5, 0.5)]), ("O", oxygens)]
    return _cell(a, sites, c=c, zones=OTHER_ZONES)


def _wurtzite(metal: str, anion: str, a: float, c: float, u: float) -> Material:
    metals = [(1 / 3, 2 / 3, 0.0), (2 / 3, 1 / 3, 0.5)]
    sites: list[tuple[str, _Points]] = [(metal, metals), (anion, _shifted(metals, (0, 0, u)))]
    return _cell(a, sites, c=c, gamma=120, zones=OTHER_ZONES)


def _layered(metal: str, chalcogen: str, a: float, c: float, z: float) -> Material:
    sites = [
        (metal, [(1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)]),
        (chalcogen, [(2 / 3, 1 / 3, 0.25 + z), (2 / 3, 1 / 3, 0.25 - z)]),
        (chalcogen, [(1 / 3, 2 / 3, 0.75 + z), (1 / 3, 2 / 3, 0.75 - z)]),
    ]
    return _cell(a, sites, c=c, gamma=120, zones=OTHER_ZONES)


def _honeycomb(first: str, second: str, a: float, c: float) -> Material:
    """Layers of (first, second) atop (second, first); graphite is stacked AB instead."""
    near, far, corner = (1 / 3, 2 / 3), (2 / 3, 1 / 3), (0, 0)
    lower, upper = (near, far), (far, near) if first != second else (near, corner)
    sites = [
        (first, [(*lower[0], 0.25), (*upper[0], 0.75)]),
        (second, [(*lower[1], 0.25), (*upper[1], 0.75)]),
    ]
    return _cell(a, sites, c=c, gamma=120, zones=OTHER_ZONES)


MATERIALS: dict[str, Material] = {
    "Pt": _fcc("Pt", 3.924),
    "Au": _fcc("Au", 4.078),
    "Pd": _fcc("Pd", 3.891),
    "Ag": _fcc("Ag", 4.086),
    "Cu": _fcc("Cu", 3.615),
    "Ni": _fcc("Ni", 3.524),
    "Rh": _fcc("Rh", 3.803),
    "Ir": _fcc("Ir", 3.839),
    "Al": _fcc("Al", 4.050),
    "Fe": _bcc("Fe", 2.867),
    "W": _bcc("W", 3.165),
    "Si": _zincblende("Si", "Si", 5.431),
    "GaAs": _zincblende("Ga", "As", 5.653),
    "MgO": _rocksalt("Mg", "O", 4.212),
    "NiO": _rocksalt("Ni", "O", 4.177),
    "CeO2": _fluorite("Ce", "O", 5.411),
    "ZrO2": _fluorite("Zr", "O", 5.090),
    "SrTiO3": _perovskite("Sr", "Ti", 3.905),
    "BaTiO3": _perovskite("Ba", "Ti", 3.992, 4.036),
    "TiO2": _rutile("Ti", 4.594, 2.959, 0.305),
    "RuO2": _rutile("Ru", 4.492, 3.107, 0.306),
    "ZnO": _wurtzite("Zn", "O", 3.250, 5.207, 0.382),
    "GaN": _wurtzite("Ga", "N", 3.189, 5.185, 0.377),
    "MoS2": _layered("Mo", "S", 3.160, 12.294, 0.129),
    "WS2": _layered("W", "S", 3.153, 12.323, 0.1275),
    "graphite": _honeycomb("C", "C", 2.461, 6.708),
    "hBN": _honeycomb("B", "N", 2.504, 6.661),
}
METALS = ("Pt", "Au", "Pd", "Ag", "Cu", "Ni", "Rh", "Ir")
OXIDE_SUPPORTS = ("CeO2", "TiO2", "MgO", "SrTiO3", "ZrO2")


def material(what: str | Path | Material) -> Material:
    """Look a material up by name, or read it from a CIF file.

    Parameters
    ----------
    what
        A key of ``MATERIALS``, or the path of a file that ends in ``.cif``.

    Raises
    ------
    SBDError
        If the name is not in the table, or the file cannot be used.
    """
    if isinstance(what, Material):
        return what
    if str(what).lower().endswith(".cif"):
        return read_cif(Path(what))
    if what not in MATERIALS:
        known = ", ".join(MATERIALS)
        raise SBDError(f"Unknown material {str(what)!r}; give a .cif file or one of: {known}.")
    return MATERIALS[str(what)]


def block(
    what: str | Path | Material,
    zone: Direction,
    up: Direction | None,
    half_size: tuple[float, float, float],
    origin: tuple[float, float, float] = (0, 0, 0),
) -> Atoms:
    """Cut a box out of a crystal.

    Parameters
    ----------
    what
        A material, its name in ``MATERIALS``, or a CIF file.
    zone
        Lattice direction [uvw] along the beam (z).
    up
        Normal (hkl) of the planes stacked along y; None takes any normal of the zone.
    half_size
        Half the box along x, y, z [Å], centred on zero.
    origin
        Fractional coordinates that come to lie at zero.

    Returns
    -------
    Atoms
        With tag 0.

    Raises
    ------
    SBDError
        If the material is unknown, the zone is impossible, or the plane normal is not
        perpendicular to it.
    """
    crystal = material(what)
    vectors = crystal.vectors @ frame(crystal, zone, up).T
    corners = np.array(list(product((-1, 1), repeat=3))) * half_size
    span = corners @ np.linalg.inv(vectors)
    low, high = np.floor(span.min(0)).astype(int) - 2, np.ceil(span.max(0)).astype(int) + 2
    cells = np.stack(
        np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1
    ).reshape(-1, 3)
    positions, elements = [], []
    for element, fraction in crystal.basis:
        p = (cells + np.asarray(fraction) - np.asarray(origin)) @ vectors
        p = p[(np.abs(p) <= half_size).all(1)]
        positions.append(p)
        elements.append(np.full(len(p), element))
    joined = np.concatenate(positions)
    return Atoms(joined, np.concatenate(elements), np.zeros(len(joined), dtype=int))
