"""Which files of a folder, and where their results go."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..errors import SBDError

_STORES = (".zarr", ".ome.zarr")  # folders that count as files


@dataclass(frozen=True)
class Item:
    """A file and where its result goes."""

    source: Path
    target: Path


def plan(
    folder: str | os.PathLike[str], output: str | os.PathLike[str], glob: str = "*", to: str = "tif"
) -> list[Item]:
    """Choose files and name their results; nothing is read or written.

    Parameters
    ----------
    folder, output, glob, to
        As in ``batch``.

    Raises
    ------
    SBDError
        If folders or pattern cannot be used, no file fits, or a result would lie outside of the
        output folder.
    """
    root, place = Path(folder).absolute(), Path(output).absolute()
    if not root.is_dir():
        raise SBDError(f"There is no folder {root}; give the folder with the images.")
    if place.resolve() == root.resolve():
        raise SBDError("The results need another folder than the images.")
    if place.exists() and not place.is_dir():
        raise SBDError(f"{place} is a file; give a folder for the results.")
    ending = _ending(to)
    files = _files(root, place, glob)
    items = []
    for path, name in zip(files, _names(files, root), strict=True):
        target = place / path.relative_to(root).parent / f"{name}_denoised{ending}"
        if not target.resolve().is_relative_to(place.resolve()):
            raise SBDError(f"The result {target} would lie outside of {place}; remove the link.")
        items.append(Item(path, target))
    return items


def _ending(to: str) -> str:
    from ..io import WRITE_SUFFIXES

    ending = f".{to.lower().lstrip('.')}"
    known = (*WRITE_SUFFIXES, *_STORES)
    if ending not in known:
        raise SBDError(f"Results are written as {', '.join(known)}, not {to!r}.")
    return ending


def _files(root: Path, output: Path, glob: str) -> list[Path]:
    """Files that fit the pattern, without earlier results and, of ``*``, without other files."""
    from ..io import is_readable

    if Path(glob).is_absolute() or ".." in Path(glob).parts or not glob:
        raise SBDError(f"The pattern {glob!r} must stay in the folder, such as '**/*.mrc'.")
    everything = Path(glob).name in ("*", "**")
    found = []
    try:
        paths = sorted(root.glob(glob))
    except (ValueError, NotImplementedError) as error:
        raise SBDError(f"The pattern {glob!r} is not understood: {error}.") from error
    for path in paths:
        store = path.suffix.lower() in _STORES and path.is_dir()
        wanted = is_readable(path) or store or not everything
        wanted &= not path.name.startswith(".") and not path.is_relative_to(output)
        if wanted and (store or path.is_file()):
            found.append(path)
    if not found:
        raise SBDError(f"No file in {root} fits {glob!r}.")
    return found


def _names(files: list[Path], root: Path) -> list[str]:
    """Names of the results, apart from their ending; different also where case does not count."""
    from ..io import stem

    plain = [stem(path) for path in files]
    full = [path.name.replace(".", "_") for path in files]
    keys = [(path.parent, name.casefold()) for path, name in zip(files, plain, strict=True)]
    taken = Counter(keys)
    names = [f if taken[k] > 1 else p for k, p, f in zip(keys, plain, full, strict=True)]
    final = Counter((p.parent, n.casefold()) for p, n in zip(files, names, strict=True))
    (parent, name), count = final.most_common(1)[0]
    if count > 1:
        raise SBDError(
            f"Several files in {parent} would have the result {name}; choose fewer by the pattern."
        )
    return names
