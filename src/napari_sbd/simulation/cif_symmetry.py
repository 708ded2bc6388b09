"""The symmetry operations that a CIF file lists, or of the group that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

_LISTED = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
_MAGNETIC = "_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_centering_xyz"
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m")
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_SETTING = "_symmetry_space_group_setting"
_ENDINGS = {"1": 1, "S": 1, "H": 1, "2": 2, "Z": 2, "R": 2}  # of names, and ASE's settings
_ENDING = re.compile(r"(?:\s+|:\s*)([SZHR])$|:\s*([12])$")
_ADD = "add the operations, _space_group_symop_operation_xyz"
_UNKNOWN = ("?", ".", "")


@dataclass(frozen=True)
class Symmetry:
    """Operations that bring the sites of a file to all atoms of its unit cell.

    Parameters
    ----------
    rotations, translations
        (N, 3, 3) and (N, 3), of fractions of the cell.
    name
        Of the group; empty where a file lists operations alone.
    """

    rotations: np.ndarray
    translations: np.ndarray
    name: str


def symmetries(block: Mapping[str, Any]) -> list[Symmetry]:
    """The symmetry of a block, or both of a group that has two origins or settings.

    Parameters
    ----------
    block
        Tags in small letters and their values.

    Raises
    ------
    ValueError
        If operations cannot be read, or the group is not known or may be set in other ways.
    """
    tags = {key.replace(".", "_"): value for key, value in block.items()}
    name = _text(tags, _NAMES)
    for tag in _LISTED:
        if listed := _list(tags.get(tag, "?")):
            return [Symmetry(*_read(listed), name)]
    if listed := _list(tags.get(_MAGNETIC[0], "?")):
        turns, shifts = _read(listed)
        _, centring = _read(_list(tags.get(_MAGNETIC[1], "x,y,z")))
        every = (shifts[None] + centring[:, None]).reshape(-1, 3)
        return [Symmetry(np.tile(turns, (len(centring), 1, 1)), every, name)]
    return _of_group(name, _text(tags, _NUMBERS), _text(tags, (_SETTING,)), _text(tags, _HALL))


def _of_group(name: str, number: str, setting: str, hall: str) -> list[Symmetry]:
    if not name and not number:
        if hall:
            raise ValueError(f"the group is told by its Hall symbol {hall} alone; {_ADD}")
        return [Symmetry(np.eye(3, dtype=int)[None], np.zeros((1, 3)), "P 1")]
    ending = _ENDING.search(name.upper())
    plain = name[: ending.start()] if ending else name
    wanted = [int(setting)] if setting.isdigit() else [1, 2]
    if ending:
        wanted = [_ENDINGS[ending[1] or ending[2]]]
    for symbol in _spellings(plain) if plain else [""]:
        groups = [group for one in wanted if (group := _group(symbol or int(number), one))]
        found = [group for group in groups if not number.isdigit() or group.no == int(number)]
        if groups and not found:
            raise ValueError(f"the space group {name} is not number {number}; correct one of them")
        if found:
            operations = [(*group.get_op(), group.symbol) for group in found]
            return [Symmetry(turns, shifts, symbol) for turns, shifts, symbol in operations]
    of = f" of number {number}" if number and name else number
    raise ValueError(f"the space group {name}{of} is not known in this setting; {_ADD}")


def _group(which: str | int, setting: int) -> Any:
    from ase.spacegroup import Spacegroup
    from ase.spacegroup.spacegroup import SpacegroupError

    try:
        return Spacegroup(which, setting)
    except SpacegroupError:
        return None


def _spellings(name: str) -> Iterator[str]:
    """Ways to write the name of a group, from the file's to the standard one."""
    name = name[:1].upper() + name[1:].lower()
    yield name
    yield re.sub(r"(?<!-)3", "-3", name)  # F m 3 m, of before 1995
    full = re.fullmatch(r"(\w) 1 (\S+) 1", name)
    if full:
        yield f"{full[1]} {full[2]}"


def _read(operations: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and translations of operations such as ``-x, y+1/2, 0.5-z``; what tells of the
    reversal of time, a fourth part, moves no atom."""
    turns, shifts = np.zeros((len(operations), 3, 3), int), np.zeros((len(operations), 3))
    for turn, shift, words in zip(turns, shifts, operations, strict=True):
        parts = re.sub(r"\s", "", words.lower()).split(",")
        if len(parts) not in (3, 4):
            raise ValueError(f"{words!r} is no symmetry operation")
        for row, part in enumerate(parts[:3]):
            terms = re.findall(r"[+-]?[^+-]+", part)
            if not terms or "".join(terms) != part:
                raise ValueError(f"{words!r} is no symmetry operation")
            for term in terms:
                sign, value = (-1 if term[0] == "-" else 1), term.lstrip("+-")
                if value in ("x", "y", "z"):
                    turn[row, "xyz".index(value)] += sign
                    continue
                try:
                    shift[row] += sign * float(Fraction(value))
                except (ValueError, ZeroDivisionError):
                    raise ValueError(f"{words!r} is no symmetry operation") from None
        if abs(round(np.linalg.det(turn))) != 1:
            raise ValueError(f"{words!r} is no symmetry operation")
    return turns, shifts


def _list(value: Any) -> list[str]:
    words = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
    return [one for one in words if one.strip() not in _UNKNOWN]


def _text(tags: Mapping[str, Any], names: tuple[str, ...]) -> str:
    told = (str(tags[name]).strip() for name in names if name in tags)
    return next((words for words in told if words not in _UNKNOWN), "")
