"""An unfinished result: a folder ``NAME.partial`` beside the place where it will appear."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import locked, take_place, written_at
from ..io import frame_writer
from ..micrograph import Micrograph
from ..units import number_of
from .journal import Entry, Journal, entry_of

_LOCK = "lock"
_GROWTH = 4096  # bytes that notes about frames may add to a recipe, beside their numbers


class Unfinished:
    """Frames of a result on the disk, and the record of those that are done.

    Parameters
    ----------
    target
        Where the result will appear; its suffix chooses the format.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = target.with_name(target.name + ".partial")
        self.data = self.folder / target.name
        self.journal = Journal(self.folder / "frames.jsonl")
        self.entries: dict[int, Entry] = {}

    def open(self, template: Micrograph, job: Mapping[str, Any]) -> None:
        """Begin, or go on with what is there.

        Parameters
        ----------
        template
            Gives shape and calibration; its data are not looked at.
        job
            What determines the result, as plain values.

        Raises
        ------
        SBDError
            If what is there was begun with another job.
        """
        begun = self.journal.read()
        if begun is None:
            self._begin(template, job)
        else:
            _check_same(begun[0], job, self.folder)
        self.frames = frame_writer(self.target).open_frames(self.data)
        if begun:
            self.entries = {i: e for i, e in begun[1].items() if self._is_whole(e)}

    def put(self, index: int, values: np.ndarray, *noted: Any) -> None:
        """Write a frame, then note that it is done; what is noted is as in ``Entry``."""
        self.frames[index] = values
        self.entries[index] = entry_of(index, values, *noted)
        self.journal.add(self.entries[index])

    def finish(self, result: Micrograph) -> None:
        """Write calibration and recipe of ``result``, and give the result its name."""
        frame_writer(self.target).seal(result, self.data)
        take_place(self.data, self.target)

    def clear(self) -> None:
        """Take away what was begun, of which no frame counts, but for the lock."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()

    def _begin(self, template: Micrograph, job: Mapping[str, Any]) -> None:
        digits = len(str(template.shape[0])) + 2
        room = _GROWTH + 2 * digits * template.shape[0]
        frame_writer(self.target).allocate(template, self.data, room)
        self.journal.begin(job)

    def _is_whole(self, entry: Entry) -> bool:
        try:
            return entry_of(entry.frame, self.frames[entry.frame]).crc == entry.crc
        except Exception:  # noqa: BLE001 - whatever a library says of damaged frames
            return False


@contextmanager
def unfinished(target: Path, resume: bool) -> Iterator[Unfinished]:
    """Hold the unfinished result of a target against other processes.

    At the end its folder goes away when the result is finished, or when no frame is.

    Parameters
    ----------
    target
        Where the result will appear.
    resume
        Whether to go on with frames that are there.

    Raises
    ------
    SBDError
        If another process holds it, or there are frames and ``resume`` is false.
    """
    work = Unfinished(target)
    with written_at(target):
        work.folder.mkdir(exist_ok=True)
        lock = locked(
            work.folder / _LOCK,
            lambda: (
                f"{target} is being written by another process ({_holder(work.folder)}); wait for "
                "it, or choose another name."
            ),
        )
    try:
        if work.journal.frames() and not resume:
            raise SBDError(
                f"{work.folder} holds {number_of(work.journal.frames(), 'frame')} of an "
                "unfinished result; resume it, or delete that folder."
            )
        with written_at(target):
            if not resume or not work.journal.path.exists():
                work.clear()
            (work.folder / "process").write_text(str(os.getpid()), "utf-8")
        yield work
    finally:
        lock.release()
        if not work.data.exists() or not work.journal.frames():
            shutil.rmtree(work.folder, ignore_errors=True)


def _holder(folder: Path) -> str:
    try:
        return f"number {(folder / 'process').read_text('utf-8')}"
    except OSError:
        return "of unknown number"


def _check_same(begun: Mapping[str, Any], job: Mapping[str, Any], folder: Path) -> None:
    keys = sorted(begun.keys() | job.keys())
    other = [key for key in keys if begun.get(key) != job.get(key)]
    if "source_state" in other:
        raise SBDError(
            f"The unfinished result in {folder} was begun with the file as it was before; since "
            "then its size or time has changed. Delete that folder to begin anew."
        )
    if other:
        raise SBDError(
            f"The unfinished result in {folder} was begun with other values of "
            f"{', '.join(other)}; give those again, or delete that folder."
        )
