"""Unit cells from crystallographic information files, read by ASE."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from .crystals import CUBIC_ZONES, OTHER_ZONES, Material
from .scattering import ATOMIC_NUMBER

_WHAT_ASE_RAISES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
)


def read_cif(path: Path) -> Material:
    """Read the first structure of a CIF file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    SBDError
        If ASE is missing, or the file is unreadable, holds no atoms, elements that are none, or
        partly occupied sites.
    """
    try:
        from ase.io import read
    except ImportError:
        raise SBDError(
            "Reading CIF files needs ASE; install it with: pip install napari-sbd[simulation]"
        ) from None
    if not path.is_file():
        raise SBDError(f"The CIF file {path} does not exist.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            atoms: Any = read(path, format="cif", index=0)
        except _WHAT_ASE_RAISES as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            if isinstance(error, KeyError):
                reason = f"{reason} is not known"
            raise SBDError(
                f"{path.name} holds no crystal that can be read; a unit cell and atom sites are "
                f"needed ({reason})."
            ) from error
    if len(atoms) == 0:
        raise SBDError(f"{path.name} holds no atoms; atom sites are needed.")
    for site in atoms.info.get("occupancy", {}).values():
        if len(site) > 1 or any(abs(share - 1) > 1e-3 for share in site.values()):
            shares = ", ".join(f"{element} {share:g}" for element, share in site.items())
            raise SBDError(
                f"{path.name} has a site that is partly occupied ({shares}); "
                "give an ordered structure in which every site holds one whole atom."
            )
    symbols = atoms.get_chemical_symbols()
    if unknown := sorted(set(symbols) - set(ATOMIC_NUMBER)):
        raise SBDError(f"{path.name} holds {', '.join(unknown)}, which cannot be simulated.")
    vectors = np.array(atoms.cell)
    if abs(np.linalg.det(vectors)) < 1:
        raise SBDError(f"{path.name} has a unit cell without volume; it must be three-dimensional.")
    basis = tuple(
        (symbol, (float(u), float(v), float(w)))
        for symbol, (u, v, w) in zip(symbols, atoms.get_scaled_positions(), strict=True)
    )
    material = Material(vectors, basis, OTHER_ZONES)
    return Material(vectors, basis, CUBIC_ZONES) if material.is_cubic else material
