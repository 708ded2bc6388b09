"""Unit cells from crystallographic information files, read by ASE."""

from __future__ import annotations

import codecs
import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import some_of
from .cif_symmetry import Symmetry, symmetries
from .crystals import CUBIC_ZONES, OTHER_ZONES, Material
from .scattering import ATOMIC_NUMBER

_CLOSEST = 0.5  # Å; even the nuclei of hydrogen in H2 are 0.74 apart
_OVERLAP = 0.55  # of the sum of covalent radii; the shortest bonds, as in uranyl, have two thirds
_SAME = 0.1  # Å, within which an operation leaves a site where it is: files round 1/3 to 0.333
_METRIC = 0.02  # relative, by which a cell may miss its symmetry
_DEFAULT = ("?", ".")  # values that a file leaves out
_WHOLE = 1e-3  # by which the occupancy of a whole atom may miss one


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
            content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
            parsed: Any = parse_cif(io.StringIO(content.decode("latin-1"), newline=None))
            blocks = [block for block in parsed if block.has_structure()]
            atoms, symmetry = _all_atoms(blocks[0])
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
    if why := _disorder(blocks[0]):
        raise SBDError(
            f"{path.name} has {why}; give an ordered structure in which every site holds one whole "
            "atom."
        )
    symbols = atoms.get_chemical_symbols()
    if unknown := sorted(set(symbols) - set(ATOMIC_NUMBER)):
        raise SBDError(f"{path.name} holds {', '.join(unknown)}, which cannot be simulated.")
    vectors = np.array(atoms.cell)
    if not abs(np.linalg.det(vectors)) >= 1:
        raise SBDError(
            f"{path.name} has a unit cell without volume; its lengths must be in Å, all three."
        )
    if why := _impossible(atoms, symmetry):
        raise SBDError(f"{path.name} {why}.")
    basis = tuple(
        (symbol, (float(u), float(v), float(w)))
        for symbol, (u, v, w) in zip(symbols, atoms.get_scaled_positions(), strict=True)
    )
    material = Material(vectors, basis, OTHER_ZONES)
    return Material(vectors, basis, CUBIC_ZONES) if material.is_cubic else material


def _all_atoms(block: Any) -> tuple[Any, Symmetry]:
    """All atoms of the cell; of a group with two origins or settings, in that of a crystal.

    Files seldom say which of the two they mean.
    """
    sites = _sites(block)
    ways = [(_repeated(sites, symmetry), symmetry) for symmetry in symmetries(dict(block))]
    possible = [way for way in ways if not _impossible(*way)]
    if len(possible) == 2 and not _are_alike(*(atoms for atoms, _ in possible)):
        raise ValueError(
            f"its group {possible[0][1].name} has two origins, and atoms may lie about either; add "
            "the operations, _space_group_symop_operation_xyz"
        )
    return (possible or ways)[-1 if possible else 0]


def _repeated(sites: Any, symmetry: Symmetry) -> Any:
    """All atoms of the cell, each once: what an operation leaves where it is counts once."""
    from ase import Atoms
    from ase.geometry import get_distances

    symbols, places, cell = [], [], sites.cell
    for symbol, site in zip(sites.symbols, sites.get_scaled_positions(wrap=False), strict=True):
        moved = (symmetry.rotations @ site + symmetry.translations) % 1
        distances: Any = get_distances
        apart = distances(moved @ cell, cell=cell, pbc=True)[1]
        first = np.argmax(apart < _SAME, axis=1)
        kept = moved[first == np.arange(len(moved))]
        symbols += [symbol] * len(kept)
        places += kept.tolist()
    return Atoms(symbols, scaled_positions=places or None, cell=cell, pbc=True)


def _are_alike(one: Any, other: Any) -> bool:
    """Whether two cells hold the same atoms at the same distances from each other."""
    if sorted(one.symbols) != sorted(other.symbols):
        return False
    here, there = (np.sort(a.get_all_distances(mic=True), axis=None) for a in (one, other))
    return bool(np.allclose(here, there, atol=1e-3))


def _sites(block: Any) -> Any:
    """The atom sites of a block, once what files write in ways that ASE misreads is put right.

    ASE takes the symbol SI for sulphur and CE for carbon. Where there are labels alone, CA may be
    calcium or a carbon atom.
    """
    from ase.io.cif import CIFBlock

    tags = dict(block)
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
    sites = CIFBlock(block.name, tags).get_unsymmetrized_structure()
    if sites.cell.rank < 3:
        raise ValueError("its cell has no volume")
    return sites


def _disorder(block: Any) -> str:
    """What is not the same in all cells, in words; else empty."""
    sites = _sites(block)
    told = block.get("_atom_site_occupancy") or [1.0] * len(sites)
    shares = np.array([1.0 if one in _DEFAULT else float(one) for one in told])
    partly = np.flatnonzero(np.abs(shares - 1) > _WHOLE)
    if len(partly):
        places = sites.get_scaled_positions()
        here = np.flatnonzero((np.abs(places - places[partly[0]]) < _WHOLE).all(1))
        words = ", ".join(f"{sites.symbols[int(i)]} {shares[i]:g}" for i in here)
        return f"a site that is partly occupied ({words})"
    groups = {str(one) for one in block.get("_atom_site_disorder_group", ())} - {*_DEFAULT, "0"}
    return f"sites of disorder groups {', '.join(sorted(groups))}" if len(groups) > 1 else ""


def _symbol(written: str) -> str:
    letters = re.match("[A-Za-z]*", written.strip())
    return letters[0].capitalize() if letters else written


def _impossible(atoms: Any, symmetry: Symmetry) -> str:
    """What no crystal can have, in words; else empty."""
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list

    metric = np.array(atoms.cell) @ np.array(atoms.cell).T
    for turn in np.unique(symmetry.rotations, axis=0):
        if not np.allclose(turn.T @ metric @ turn, metric, atol=_METRIC * np.abs(metric).max()):
            a, b, c, *angles = atoms.cell.cellpar()
            turned = ", ".join(f"{angle:g}" for angle in angles)
            whose = f"space group {symmetry.name}" if symmetry.name else "symmetry operations"
            return (
                f"has a unit cell of {a:g} x {b:g} x {c:g} Å and {turned} degrees, which "
                f"contradicts its {whose}; correct one of them"
            )
    pairs: Any = neighbor_list
    least = np.maximum(_OVERLAP * covalent_radii[atoms.numbers], _CLOSEST / 2)
    first, second, apart = pairs("ijd", atoms, least)
    if len(apart):
        nearest = int(np.argmin(apart))
        one, other = (atoms.symbols[int(i[nearest])] for i in (first, second))
        return (
            f"has {one} and {other} {apart[nearest]:.2g} Å apart, which atoms cannot be; leave out "
            "all but one of sites that share an atom, add the operations of a group that is not "
            "set in the standard way, or give lengths of the cell in Å"
        )
    return ""
