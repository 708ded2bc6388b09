"""The recipe that every result carries: what is needed to repeat it, as plain values."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from .errors import SBDError
from .files import file_checksum, writing

KEY = "napari_sbd"
CHOSEN = "read"
"""Key in the metadata for what was chosen of how to read a file, such as a sum of frames."""
HALVES = "halves"
"""Key beside the history for how far halves of the data agree."""
BESIDE = ".recipe.json"
_MOVED = "correct_drift"
_LEAVE_RAW = {"simulate", _MOVED}  # operations after which values are still a detector's


class Record(Protocol):
    """What carries a recipe: a ``Micrograph`` or a ``Series``."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Plain nested dicts."""

    @property
    def source(self) -> Path | None:
        """The file that the data came from."""

    def replace(self, **changes: Any) -> Any:
        """A copy with other values."""


AnyRecord = TypeVar("AnyRecord", bound=Record)


def recipe(
    operation: str, origin: Mapping[str, Any] | None = None, **settings: Any
) -> dict[str, Any]:
    """One step of a history: operation, versions and settings, as plain JSON values.

    Parameters
    ----------
    operation
        What was done, one of ``provenance.steps.KINDS``.
    origin
        The file that the step began with, as ``origin_of`` gives it. None if it began with the
        result of the step before, or with data in memory.
    **settings
        Arguments, and what was chosen from the data.
    """
    entry: dict[str, Any] = {"operation": operation, "versions": dict(_versions())}
    if origin is not None:
        entry["source"] = dict(origin)
    values = {key: v.item() if isinstance(v, np.generic) else v for key, v in settings.items()}
    return {**entry, "settings": values}


def after(earlier: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry that holds the steps ``before`` it, of one that may hold some itself."""
    step = {key: value for key, value in earlier.items() if key != "before"}
    return {**entry, "before": [*earlier.get("before", []), step]}


@cache
def _versions() -> dict[str, str]:
    """Of Python and the packages that compute; looking them up takes milliseconds."""
    packages = ("napari-sbd", "torch", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def with_recipe(result: AnyRecord, entry: dict[str, Any]) -> AnyRecord:
    """Return a micrograph or series whose metadata hold one more step of its history."""
    steps = [*history(result.metadata), entry]
    noted: AnyRecord = result.replace(metadata={**result.metadata, KEY: {"history": steps}})
    return noted


def with_halves(result: AnyRecord, found: Mapping[str, Any]) -> AnyRecord:
    """Return a result whose recipe also says how far halves of its data agree.

    It stands beside the history, so a further step, which makes another image, leaves it out.

    Parameters
    ----------
    result
        With a recipe.
    found
        As ``SplitHalf.facts`` gives it.

    Raises
    ------
    SBDError
        If it has no recipe.
    """
    if not history(result.metadata):
        raise SBDError("This image carries no recipe in which the halves could be kept.")
    kept = {**result.metadata[KEY], HALVES: dict(found)}
    noted: AnyRecord = result.replace(metadata={**result.metadata, KEY: kept})
    return noted


def history(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps in the metadata of a micrograph, oldest first; none where they hold no history."""
    kept = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    steps = kept.get("history") if isinstance(kept, Mapping) else None
    return steps if isinstance(steps, list) else []


def kept_as_text(text: Any) -> dict[str, Any]:
    """The metadata that hold a recipe written as JSON; empty where it is none."""
    try:
        kept = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return {KEY: kept} if isinstance(kept, dict) else {}


def block_of(metadata: Mapping[str, Any]) -> tuple[int, int] | None:
    """Pixels along y and x whose sums were denoised; None where no recipe says so."""
    match setting_of(metadata, "block"):
        case [int(y), int(x)] if min(y, x) > 0:
            return y, x
    return None


def setting_of(metadata: Mapping[str, Any], name: str) -> Any:
    """A setting of the last step that has it; None where none does."""
    for step in reversed(history(metadata)):
        settings = step.get("settings") if isinstance(step, Mapping) else None
        if isinstance(settings, Mapping) and name in settings:
            return settings[name]
    return None


def is_result(metadata: Mapping[str, Any]) -> bool:
    """Whether metadata are those of a result, and not those of a raw or a simulated image.

    Raw frames that were moved by their drift are raw.
    """
    operations = [s.get("operation") for s in history(metadata) if isinstance(s, Mapping)]
    return any(operation not in _LEAVE_RAW for operation in operations)


def was_moved(metadata: Mapping[str, Any]) -> bool:
    """Whether frames were moved by their drift, off the camera's pixels that they came from."""
    return any(isinstance(s, Mapping) and s.get("operation") == _MOVED for s in history(metadata))


def origin_of(source: Record, checksum: bool = True) -> dict[str, Any] | None:
    """Path and SHA-256 of the file that a micrograph or series was read from, and how it was read.

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
    origin = {"path": path, "sha256": file_checksum(source.source) if checksum else None}
    return {**origin, **source.metadata.get(CHOSEN, {})}


def forget_beside(path: Path) -> None:
    """Remove the ``FILE.recipe.json`` of an earlier result, which would speak for a new one."""
    path.with_name(path.name + BESIDE).unlink(missing_ok=True)


def write_beside(path: Path, kept: Mapping[str, Any]) -> Path:
    """Write ``FILE.recipe.json`` for a file that has no place for a recipe.

    Raises
    ------
    SBDError
        If it cannot be written.
    """
    target = path.with_name(path.name + BESIDE)
    with writing(target, "recipe") as draft:
        draft.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    return target
