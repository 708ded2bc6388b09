"""The recipe that every result carries: what is needed to repeat it, as plain values."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph

if TYPE_CHECKING:
    from ..series.stack import Series

KEY = "napari_sbd"
_BESIDE = ".recipe.json"

Record = TypeVar("Record", Micrograph, "Series")


def recipe(
    operation: str, origin: Mapping[str, Any] | None = None, **settings: Any
) -> dict[str, Any]:
    """One step of a history: operation, versions and settings, as plain JSON values.

    Parameters
    ----------
    operation
        What was done, one of ``provenance.steps.SETTINGS``.
    origin
        The file that the step began with, as ``origin_of`` gives it; None where the step took what
        the step before it gave, or what was in memory.
    **settings
        Arguments, and what was chosen from the data.
    """
    versions = {"python": platform.python_version()}
    versions |= {name: version(name) for name in ("napari-sbd", "torch", "numpy")}
    entry = {"operation": operation, "versions": versions}
    if origin is not None:
        entry["source"] = dict(origin)
    values = {key: v.item() if isinstance(v, np.generic) else v for key, v in settings.items()}
    return {**entry, "settings": values}


def with_recipe(result: Record, entry: dict[str, Any]) -> Record:
    """Return a micrograph or series whose metadata hold one more step of its history."""
    steps = [*history(result.metadata), entry]
    return result.replace(metadata={**result.metadata, KEY: {"history": steps}})


def history(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps in the metadata of a micrograph, oldest first; none where they hold no history."""
    kept = metadata.get(KEY)
    steps = kept.get("history") if isinstance(kept, Mapping) else None
    return steps if isinstance(steps, list) else []


def is_result(metadata: Mapping[str, Any]) -> bool:
    """Whether metadata are those of a result, and not those of a raw or a simulated image."""
    operations = [s.get("operation") for s in history(metadata) if isinstance(s, Mapping)]
    return any(operation != "simulate" for operation in operations)


def origin_of(source: Micrograph | Series, checksum: bool = True) -> dict[str, Any] | None:
    """Path and SHA-256 of the file that a micrograph or series was read from.

    None where it was not read from a file, or was made from that file by the steps of its history,
    which say so already.

    Parameters
    ----------
    source
        What a step began with.
    checksum
        Whether to read the whole file, once.
    """
    if source.source is None:
        return None
    path = str(source.source)
    steps = [s.get("source") for s in history(source.metadata) if isinstance(s, Mapping)]
    known = [s.get("path") for s in steps if isinstance(s, Mapping)]
    if known and known[-1] == path:
        return None
    return {"path": path, "sha256": file_checksum(source.source) if checksum else None}


def file_checksum(path: str | Path) -> str | None:
    """SHA-256 of a file, read once as long as it does not change; None where it cannot be read."""
    try:
        state = os.stat(path)
        return _checksum(str(path), state.st_size, state.st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=1024)
def _checksum(path: str, size: int, changed: int) -> str:
    from ..networks import checksum

    return checksum(Path(path))


def forget_beside(path: Path) -> None:
    """Remove the ``FILE.recipe.json`` of an earlier result, which would speak for a new one."""
    path.with_name(path.name + _BESIDE).unlink(missing_ok=True)


def write_beside(path: Path, kept: Mapping[str, Any]) -> Path:
    """Write ``FILE.recipe.json`` for a file that has no place for a recipe.

    Raises
    ------
    SBDError
        If it cannot be written.
    """
    from ..files import replacing

    target = path.with_name(path.name + _BESIDE)
    try:
        with replacing(target) as draft:
            draft.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise SBDError(f"The recipe cannot be written to {target}: {error.strerror}.") from error
    return target


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The recipe of a result: in the file, or in ``FILE.recipe.json`` beside it.

    Parameters
    ----------
    path
        An image, movie or NIfTI stack, a CSV table of columns, any file with a recipe beside it,
        or a ``.recipe.json`` itself.

    Raises
    ------
    SBDError
        If there is no such file, or it carries no recipe.
    """
    from ..io import check_readable

    path = Path(path).absolute()
    check_readable(path)
    beside = path if path.suffix == ".json" else path.with_name(path.name + _BESIDE)
    if beside.is_file():
        return _parsed(beside)
    if path.suffix.lower() == ".csv":
        from ..columns.export import read_columns

        kept = read_columns(path).attrs.get("recipe")
    else:
        from .sources import read_source

        kept = read_source(path).metadata.get(KEY)
    if not isinstance(kept, dict):
        raise SBDError(
            f"{path.name} carries no recipe: it was not made by napari-sbd, or another program has "
            "saved it again since."
        )
    return kept


def _parsed(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        raise SBDError(f"{path.name} holds no recipe; give a result of napari-sbd.")
    return kept
