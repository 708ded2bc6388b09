"""Which frames of an unfinished result are done: one line of JSON for each, never rewritten."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..errors import SBDError
from ..session import Fate


@dataclass(frozen=True)
class Entry:
    """A frame that is done.

    Parameters
    ----------
    frame
        Its number in the result.
    crc
        CRC-32 of its float32 values, by which a frame that never reached the disk is found out.
    fate
        Blank frames were left as they are, unreadable ones are NaN.
    reason
        Why it could not be read.
    filled
        How many of its pixels are outliers.
    """

    frame: int
    crc: int
    fate: Fate = "denoised"
    reason: str = ""
    filled: int = 0


def entry_of(
    frame: int, values: np.ndarray, fate: Fate = "denoised", reason: str = "", filled: int = 0
) -> Entry:
    """The entry of a frame (Y, X) that was written."""
    return Entry(frame, fingerprint(values), fate, reason, filled)


def fingerprint(values: np.ndarray) -> int:
    """CRC-32 of the values of a frame, which tells them from those of others."""
    return zlib.crc32(np.ascontiguousarray(values).data)


class Journal:
    """The record of an unfinished result.

    Parameters
    ----------
    path
        Of its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, job: Mapping[str, Any]) -> None:
        """Start a record of a job, described by plain values."""
        self.path.write_text(json.dumps(job) + "\n", "utf-8")

    def add(self, entry: Entry) -> None:
        """Note that a frame is done.

        A process that is killed leaves what was added; a line that a power cut tore is passed over.
        """
        with self.path.open("ab", buffering=0) as file:
            file.write(b"\n" + json.dumps(asdict(entry)).encode())

    def frames(self) -> int:
        """How many frames are noted as done."""
        if not self.path.exists():
            return 0
        return self.path.read_bytes().count(b'"crc"')

    def read(self) -> tuple[dict[str, Any], dict[int, Entry]] | None:
        """The job and the entries by frame; None where no record was started.

        Raises
        ------
        SBDError
            If the description of the job is damaged.
        """
        if not self.path.exists():
            return None
        first, *rest = self.path.read_text("utf-8", errors="replace").split("\n")
        job = _parse(first)
        if not job:
            raise SBDError(f"The record {self.path} is damaged; delete its folder and start again.")
        entries = [entry for fields in map(_parse, rest) if (entry := _entry(fields))]
        return job, {entry.frame: entry for entry in entries}


def _entry(fields: dict[str, Any]) -> Entry | None:
    """What a line says of a frame; None where it lacks something, so that it is done again."""
    try:
        entry = Entry(**fields)
    except TypeError:
        return None
    numbers = entry.frame, entry.crc, entry.filled
    whole = all(type(number) is int and number >= 0 for number in numbers)
    known = entry.fate in get_args(Fate) and isinstance(entry.reason, str)
    return entry if whole and known else None


def _parse(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
