"""Which frames have come to a folder or a file, each told once and only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import SBDError
from ..files import some_of
from ..io import is_readable
from ..streaming.journal import fingerprint
from .stacks import Stack, grows, so_far

SETTLED = 0.2
"""Seconds without a change after which a file counts as written."""

PATIENCE = 10.0
"""Seconds after which a file that cannot be read is given up, until it changes again."""


@dataclass(frozen=True)
class Arrival:
    """A frame that can be read.

    Parameters
    ----------
    path
        Its file.
    take
        1, and one more each time that the file was begun anew under the same name.
    index
        Number of the frame in the file.
    stack
        Reads it.
    alone
        Whether the file is complete and holds nothing else.
    """

    path: Path
    take: int
    index: int
    stack: Stack = field(compare=False, repr=False)
    alone: bool = field(default=False, compare=False)

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells it from all others."""
        return self.path.name, self.take, self.index


@dataclass
class _File:
    """What is known of a file."""

    state: tuple[int, int, int] = (0, 0, 0)  # size, time of change, number on the disk
    changed: float = 0.0
    looked_at: tuple[tuple[int, int, int], bool] | None = None
    take: int = 1
    told: int = 0  # frames
    complained: bool = False
    trouble: str = "it had only just come"  # why the last of it was not read
    stack: Stack | None = None


class Arrivals:
    """Looks at a source again and again.

    Parameters
    ----------
    source
        A folder, of which subfolders are not looked into, or one file; it need not exist yet.
    glob
        Which files of a folder; of ``*`` those that can be read.
    say
        Called with a sentence when something cannot be read, or the source is missing or back.
    takes
        For files that were watched before, the last take and the fingerprint of its first frame.
    """

    def __init__(
        self,
        source: Path,
        glob: str = "*",
        say: Callable[[str], None] = print,
        takes: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self.source, self.glob, self._say = source, glob, say
        self._takes = dict(takes or {})
        self._files: dict[Path, _File] = {}
        self._missing = False
        self._begun: float | None = None
        self._unfit_said = False

    def poll(self, now: float) -> list[Arrival]:
        """The frames that have come since the last call, oldest first.

        Parameters
        ----------
        now
            Time of a clock that never goes back [s].
        """
        try:
            paths = self._paths()
        except OSError as error:
            if not self._missing:
                self._say(f"{self.source} is not there ({error.strerror}); waiting for it.")
            self._missing = True
            return []
        if self._missing:
            self._say(f"{self.source} is there now.")
        self._missing = False
        self._begun = now if self._begun is None else self._begun
        self._say_unfit(now)
        found = [arrival for path in paths for arrival in self._new(path, now)]
        self.say_torn(now)
        return found

    def unsettled(self, now: float) -> bool:
        """Whether a file may still turn out to be readable."""
        return any(
            now - known.changed < (SETTLED if known.looked_at else PATIENCE)
            and not known.complained
            for known in self._files.values()
        )

    def say_left(self) -> None:
        """Name what was not read when nobody looks any more."""
        self.say_torn(float("inf"))
        self._say_unfit(float("inf"))
        alike: dict[str, list[str]] = {}
        for path, known in self._files.items():
            if known.trouble and not known.complained and path.exists():
                known.complained = True
                alike.setdefault(known.trouble, []).append(path.name)
        for trouble, names in alike.items():
            self._say(f"Not read before the watch ended: {some_of(names)} ({trouble}).")

    def _say_unfit(self, now: float) -> None:
        """Say once where a folder holds files, and for long none that fits has come."""
        waited = now - (now if self._begun is None else self._begun)
        if self._files or self._unfit_said or waited < PATIENCE or not self.source.is_dir():
            return
        names = sorted(p.name for p in self.source.iterdir() if p.is_file())
        names = [name for name in names if not name.startswith((".", "~"))]
        if names:
            self._unfit_said = True
            fits = "can be read" if self.glob == "*" else f"fits {self.glob}"
            self._say(
                f"No file in {self.source} {fits} (there: {some_of(names)}); have frames written "
                "as MRC or TIFF, or watch another folder."
            )

    def say_torn(self, now: float) -> None:
        """Name files that end in the middle of a frame and have not changed for long, once."""
        for path, known in self._files.items():
            torn = known.stack is not None and known.stack.torn
            if torn and not known.complained and now - known.changed >= PATIENCE:
                known.complained = True
                self._say(
                    f"{path.name} ends in the middle of frame {known.stack.count}; the frames "  # type: ignore[union-attr]
                    "before are taken."
                )

    def _paths(self) -> list[Path]:
        whole_store = self.source.suffix.lower() == ".zarr"
        if whole_store or not self.source.is_dir():
            os.stat(self.source)
            return [self.source]
        found = [p for p in self.source.glob(self.glob) if not p.name.startswith((".", "~"))]
        if self.glob == "*":
            found = [p for p in found if is_readable(p) or p.suffix.lower() == ".zarr"]
        return sorted(found)

    def _new(self, path: Path, now: float) -> list[Arrival]:
        known = self._files.setdefault(path, _File(changed=now))
        try:
            state = _state(path)
        except OSError:
            return []  # gone again, as temporary files do
        if state != known.state:
            if state[0] < known.state[0] or (known.state[2] and state[2] != known.state[2]):
                known.take, known.told = known.take + (known.told > 0), 0
                known.stack = None
            known.state, known.changed, known.complained = state, now, False
        waited = now - known.changed
        settled = waited >= SETTLED
        if known.looked_at == (state, settled) or not (settled or grows(path)):
            return []
        if _is_locked(path):
            known.trouble = "another program had locked it"
            return []
        try:
            known.stack = so_far(path, known.stack)
            if known.stack.count and path.name in self._takes:
                take, content = self._takes.pop(path.name)
                same = fingerprint(known.stack.frame(0)) == content
                known.take = take if same else take + 1
            arrivals = _ready(path, known, known.stack, settled)
        except (SBDError, OSError, ValueError, LookupError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            known.trouble = reason.rstrip(".")
            if waited >= PATIENCE and not known.complained:
                known.complained, known.looked_at = True, (state, settled)
                self._say(f"{path.name} cannot be read: {known.trouble}. It is left out.")
            return []
        known.looked_at, known.trouble = (state, settled), ""
        known.told += len(arrivals)
        return arrivals


def _ready(path: Path, known: _File, stack: Stack, settled: bool) -> list[Arrival]:
    """The frames of a file that were not told yet."""
    if not settled and stack.count == 1:
        return []  # whether more will follow is known when it has settled
    found = []
    for index in range(known.told, stack.count):
        # a file that got its full length at first holds zeros where nothing was written yet
        if not settled and _is_unwritten(stack.frame(index)):
            break
        found.append(Arrival(path, known.take, index, stack, settled and stack.count == 1))
    return found


def _state(path: Path) -> tuple[int, int, int]:
    """Size, time of change and number on the disk; of a folder, those of what it holds."""
    info = path.stat()
    if not path.is_dir():
        return info.st_size, info.st_mtime_ns, info.st_ino
    inside = [p.stat() for p in path.rglob("*") if p.is_file()]
    newest = max((p.st_mtime_ns for p in inside), default=info.st_mtime_ns)
    return sum(p.st_size for p in inside), newest, info.st_ino


def _is_unwritten(frame: np.ndarray) -> bool:
    last = frame[-1]
    return bool((last == 0).all() or (last != last).all())


def _is_locked(path: Path) -> bool:
    """Whether the program that writes a file keeps others out."""
    if path.is_dir():
        return False
    try:
        file = path.open("rb")
    except PermissionError:
        return os.name == "nt"  # elsewhere this is no lock, and reading says what it is
    except OSError:
        return True
    with file, suppress(ImportError, OSError):
        import fcntl

        for lock in (fcntl.flock, fcntl.lockf):
            try:
                lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                lock(file, fcntl.LOCK_UN)
            except BlockingIOError:
                return True
    return False
