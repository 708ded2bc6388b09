"""Unit cells from crystallographic information files, read by ASE."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import some_of
from .crystals import CUBIC_ZONES, OTHER_ZONES, Material
from .scattering import ATOMIC_NUMBER

_CLOSEST = 0.5  # Å; even the nuclei of hydrogen in H2 are 0.74 apart
_METRIC = 0.02  # relative, by which a cell may miss its symmetry
_DEFAULT = ("?", ".")  # values that a file leaves out


def read_cif(path: Path) -> Material:
    """Read the structure of a CIF file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    SBDError
        If ASE is missing, or the file is unreadable, holds no atoms or several structures, elements
        that are none, partly occupied sites, a cell that contradicts its symmetry, atoms nearer to
        each other than atoms can be, or atoms about either origin of a group without operations.
    """
    try:
        from ase.io.cif import parse_cif
    except ImportError:
        raise SBDError(
            "Reading CIF files needs ASE; install it with: pip install napari-sbd[simulation]"
        ) from None
    if not path.is_file():
        raise SBDError(f"The CIF file {path} does not exist.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with path.open(encoding="latin-1") as file:
                parsed: Any = parse_cif(file)
                blocks = [block for block in parsed if block.has_structure()]
            atoms = _about_its_origin(blocks[0])
        except Exception as error:  # ASE raises of all kinds
            reason = str(error).partition("\n")[0] or "it is no CIF file"
            if isinstance(error, KeyError):
                reason = f"{reason} is not known"
            if isinstance(error, IndexError):
                reason = "no block of the file has them"
            raise SBDError(
                f"{path.name} holds no crystal that can be read; a unit cell and atom sites are "
                f"needed ({reason})."
            ) from error
    if len(blocks) > 1:
        names = some_of([block.name for block in blocks])
        raise SBDError(
            f"{path.name} holds {len(blocks)} structures ({names}); leave only the one you mean."
        )
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
    if not abs(np.linalg.det(vectors)) >= 1:
        raise SBDError(f"{path.name} has a unit cell without volume; it must be three-dimensional.")
    if why := _impossible(atoms):
        raise SBDError(f"{path.name} {why}.")
    basis = tuple(
        (symbol, (float(u), float(v), float(w)))
        for symbol, (u, v, w) in zip(symbols, atoms.get_scaled_positions(), strict=True)
    )
    material = Material(vectors, basis, OTHER_ZONES)
    return Material(vectors, basis, CUBIC_ZONES) if material.is_cubic else material


def _about_its_origin(block: Any) -> Any:
    """All atoms of the cell; of a group with two origins, about that which makes a crystal.

    Files seldom say which of the two they mean, and ASE takes the first.
    """
    from ase.spacegroup.spacegroup import SpacegroupNotFoundError

    atoms = _atoms(block)
    if any(tag.endswith(("operation_xyz", "pos_as_xyz", "group_setting")) for tag in block):
        return atoms
    try:
        other = _atoms(block, {"_symmetry_space_group_setting": 2})
    except SpacegroupNotFoundError:
        return atoms
    if _impossible(other):
        return atoms
    if not _impossible(atoms) and not _are_alike(atoms, other):
        raise ValueError(
            f"its group {atoms.info['spacegroup'].symbol} has two origins, and atoms may lie about "
            "either; add the operations, _space_group_symop_operation_xyz"
        )
    return other


def _are_alike(one: Any, other: Any) -> bool:
    """Whether two cells hold the same atoms at the same distances from each other."""
    if sorted(one.symbols) != sorted(other.symbols):
        return False
    here, there = (np.sort(a.get_all_distances(mic=True), axis=None) for a in (one, other))
    return bool(np.allclose(here, there, atol=1e-3))


def _atoms(block: Any, more: dict[str, Any] | None = None) -> Any:
    """All atoms of the cell, once what files write in ways that ASE misreads is put right.

    ASE takes the symbol SI for sulphur and CE for carbon, and an occupancy that is left out for
    text. Where there are labels alone, CA may be calcium or a carbon atom.
    """
    from ase.io.cif import CIFBlock

    tags = dict(block) | (more or {})
    symbols = tags.get("_atom_site_type_symbol")
    if symbols is not None:
        tags["_atom_site_type_symbol"] = [_symbol(str(s)) for s in symbols]
    for label in tags.get("_atom_site_label", ()) if symbols is None else ():
        pair = str(label)[:2]
        if pair.isupper() and {pair[0], pair.capitalize()} <= ATOMIC_NUMBER.keys() and pair[1:]:
            raise ValueError(
                f"the label {label} may be {pair[0]} or {pair.capitalize()}; add "
                "_atom_site_type_symbol"
            )
    shares = tags.get("_atom_site_occupancy")
    if shares is not None:
        tags["_atom_site_occupancy"] = [1.0 if s in _DEFAULT else s for s in shares]
    return CIFBlock(block.name, tags).get_atoms()


def _symbol(written: str) -> str:
    letters = re.match("[A-Za-z]*", written.strip())
    return letters[0].capitalize() if letters else written


def _impossible(atoms: Any) -> str:
    """What no crystal can have, in words; else empty."""
    from ase.neighborlist import neighbor_list

    metric = np.array(atoms.cell) @ np.array(atoms.cell).T
    group = atoms.info.get("spacegroup")
    for turn in [] if group is None else group.get_rotations():
        if not np.allclose(turn.T @ metric @ turn, metric, atol=_METRIC * np.abs(metric).max()):
            a, b, c, *angles = atoms.cell.cellpar()
            turned = ", ".join(f"{angle:g}" for angle in angles)
            return (
                f"has a unit cell of {a:g} x {b:g} x {c:g} Å and {turned} degrees, which "
                f"contradicts its space group {group.symbol}; correct one of them"
            )
    pairs: Any = neighbor_list
    first, second, apart = pairs("ijd", atoms, _CLOSEST)
    if len(apart):
        nearest = int(np.argmin(apart))
        one, other = (atoms.symbols[int(i[nearest])] for i in (first, second))
        return (
            f"has {one} and {other} {apart[nearest]:.2g} Å apart, which atoms cannot be; leave out "
            "all but one of sites that share an atom, or give lengths of the cell in Å"
        )
    return ""
