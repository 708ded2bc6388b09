"""Electron scattering factors, thermal vibration, and the relativistic constants of the beam.

Neutral atoms, H to Lr, by Lobato & Van Dyck, Acta Cryst. A70 (2014) 636: with k = 1/d in 1/Å,
f_e(k) = sum of a (2 + b k^2) / (1 + b k^2)^2 over five terms, in Å. Unlike sums of Gaussians it has
the right behaviour at large k, where f_e falls with 1/k^2. ``lobato.csv`` holds their a and b.
"""

from __future__ import annotations

import csv
import math
from importlib.resources import files

import numpy as np

from ..errors import SBDError


def _read_lobato() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    with (files(__package__) / "lobato.csv").open(encoding="ascii") as file:
        rows = list(csv.reader(file))[1:]
    return {e: (np.array(v[:5], float), np.array(v[5:], float)) for e, *v in rows}


_LOBATO = _read_lobato()  # in the order of the periodic table
ATOMIC_NUMBER = {symbol: number for number, symbol in enumerate(_LOBATO, 1)}

# B = 8 pi^2 <u^2> [Å^2] of elemental crystals near room temperature: Sears & Shelley, Acta Cryst.
# A47 (1991) 441.
_SEARS_B = {
    "Al": 0.81,
    "Si": 0.52,
    "V": 0.58,
    "Cr": 0.263,
    "Fe": 0.34,
    "Ni": 0.34,
    "Cu": 0.56,
    "Ge": 0.61,
    "Nb": 0.45,
    "Mo": 0.22,
    "Pd": 0.45,
    "Ag": 0.73,
    "Ta": 0.32,
    "W": 0.161,
    "Pt": 0.37,
    "Au": 0.62,
}
_TYPICAL_VIBRATION = 0.075  # Å, of atoms in oxides, semiconductors and carbon at room temperature

_VOLT_A2 = 47.877645  # h^2 / (2 pi m e) [V Å^2]: potential of a unit scattering amplitude
_REST_EV = 510998.95


def wavelength(kilovolt: float) -> float:
    """Relativistic electron wavelength [Å] at an accelerating voltage [kV]."""
    ev = kilovolt * 1e3
    return 12.2642597 / math.sqrt(ev * (1 + ev / (2 * _REST_EV)))


def interaction(kilovolt: float) -> float:
    """Interaction constant sigma [rad / (V Å)]: phase per projected potential."""
    ev = kilovolt * 1e3
    return 2 * math.pi / (wavelength(kilovolt) * ev) * (_REST_EV + ev) / (2 * _REST_EV + ev)


def vibration(element: str) -> float:
    """Thermal displacement of an atom along one direction [Å, rms] near room temperature.

    Metals and silicon by Sears & Shelley (1991); 0.075 Å for every other element.
    """
    if element in _SEARS_B:
        return math.sqrt(_SEARS_B[element] / (8 * math.pi**2))
    return _TYPICAL_VIBRATION


def scattering_factor(element: str, k: np.ndarray) -> np.ndarray:
    """Electron scattering factor f_e [Å] of an atom at rest, at spatial frequency k [1/Å].

    Raises
    ------
    SBDError
        If the element is not one of H to Lr.
    """
    if element not in ATOMIC_NUMBER:
        raise SBDError(f"There is no scattering factor for element {element!r}, only for H to Lr.")
    a, b = _LOBATO[element]
    bk2 = b * np.asarray(k)[..., None] ** 2
    result: np.ndarray = np.sum(a * (2 + bk2) / (1 + bk2) ** 2, axis=-1)
    return result


def projected_potential(element: str, k: np.ndarray) -> np.ndarray:
    """Fourier transform of one atom's projected potential [V Å^3] at spatial frequency k [1/Å].

    Raises
    ------
    SBDError
        If the element is not one of H to Lr.
    """
    return _VOLT_A2 * scattering_factor(element, k)
