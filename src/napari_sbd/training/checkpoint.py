"""Checkpoints that survive a kill at any moment: the last two are kept, each with checksums."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..errors import SBDError
from ..files import is_whole, replacing

LATEST, PREVIOUS = "checkpoint.pt", "checkpoint-previous.pt"


def exists(folder: Path) -> bool:
    """Whether a folder holds a checkpoint, whole or not."""
    return any((folder / name).exists() for name in (LATEST, PREVIOUS))


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; the one before it is kept as a second.

    Raises
    ------
    OSError
        If it cannot be written; the checkpoints that are there stay as they are.
    """
    blob = io.BytesIO()
    torch.save(state, blob)
    with replacing(folder / LATEST, keep=folder / PREVIOUS) as draft:
        draft.write_bytes(blob.getbuffer())


def load(folder: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Read the newest checkpoint that is whole, on the CPU.

    Parameters
    ----------
    folder
        Of the run.
    report
        Told when the newest one is damaged and the one before it is taken.

    Raises
    ------
    SBDError
        If there is none, or none is whole.
    """
    if not exists(folder):
        raise SBDError(
            f"There is no checkpoint in {folder} to resume from; begin anew there, and what was "
            "simulated is used."
        )
    for name in (LATEST, PREVIOUS):
        path = folder / name
        if is_whole(path):
            if name == PREVIOUS:
                report(f"{folder / LATEST} is damaged or missing; going on from {name}.")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            if "architecture" not in state:
                raise SBDError(
                    f"{path} is of an older version; fine-tune the model of that run instead."
                )
            return state
    raise SBDError(f"The checkpoints in {folder} are damaged; delete them and begin anew.")
