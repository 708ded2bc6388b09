"""With what the results of a folder were begun, so that others are not mixed into them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..denoising.settings import Settings
from ..errors import SBDError
from ..files import file_checksum, read_note, write_bytes

NOTE = "watch.json"
READ = "read"
"""Under which the note has how files are read."""
_LOOKED = "looked_at"

_FREE = {"device", "seed", "frames", "neighbours", "fixed_pattern"}
"""Settings that leave the result of a frame as it is, or are not for a watch."""
_WORDS = {READ: "sum and super-resolution"}
_FILES = "model", "dark", "gain_reference", "noise", "gain_tuning"


def asked(settings: Settings, preview: bool, chosen: Mapping[str, int]) -> dict[str, Any]:
    """What determines the results of frames, as plain values; files by their checksum.

    Parameters
    ----------
    settings, preview
        How they are denoised.
    chosen
        How files are read, as ``io.choices`` gives it.
    """
    values = settings.model_dump(exclude=_FREE)
    for name in _FILES:
        given = values[name]
        told = getattr(given, "sha256", None) or (isinstance(given, str | Path) and str(given))
        values[name] = told and (file_checksum(told) or told)
    return dict(json.loads(json.dumps({**values, "preview": preview, READ: chosen})))


def note(folder: Path, now: dict[str, Any], looked_at: list[dict[str, Any]]) -> None:
    """Write with what the results of a folder are begun, and by what frames models are ready."""
    text = json.dumps({**now, _LOOKED: looked_at}, indent=1)
    write_bytes(folder / NOTE, text.encode() + b"\n")


def go_on(folder: Path, now: dict[str, Any], has_results: bool) -> list[dict[str, Any]]:
    """Note with what results are begun, or see that those that are there were begun so.

    Parameters
    ----------
    folder
        Of the results.
    now
        As ``asked`` gives it.
    has_results
        Whether there are any.

    Returns
    -------
    The frames by which models were made ready, as recipes name them, oldest first.

    Raises
    ------
    SBDError
        If they were begun otherwise; OSError if the note cannot be written.
    """
    path = folder / NOTE
    if not has_results or not path.exists():
        note(folder, now, [])
        return []
    begun = {READ: {}, **read_note(path, "watch into another folder")}
    if begun.get("preview") != now["preview"]:
        kinds = "whole frames", "a preview, the middle of large frames alone"
        there, this = kinds if now["preview"] else kinds[::-1]
        raise SBDError(
            f"The results in {folder} are {there}; watch into another folder for {this}."
        )
    other = sorted(name for name in now if begun.get(name) != now[name])
    if other:
        words = ", ".join(_WORDS.get(name, name.replace("_", " ")) for name in other)
        raise SBDError(
            f"The results in {folder} were begun with other values of {words}; give those again, "
            "or watch into another folder."
        )
    return list(begun.get(_LOOKED, ()))
