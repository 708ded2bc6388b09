"""What is known of a file that is looked at again and again, and whether it is still the same."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR

from ..streaming.journal import fingerprint
from .stacks import Stack

State = tuple[int, int, int]
"""Of a file: size, time of change, number on the disk."""


@dataclass
class Known:
    """What is known of a file.

    Parameters
    ----------
    state, changed
        What was seen last, and since when.
    looked_at
        The state in which it was read, and whether it had settled.
    take, told
        The number of its take, and how many frames of that were told.
    contents
        Fingerprints of the first and the last frame that were read, by number.
    doubtful
        The state of what was told, where the file may hold something else now.
    in_place
        Whether it was written over, so that old frames may lie behind new ones.
    replaced
        Whether another file took its place, which programs that do so have completed before.
    passed_over
        Whether a frame was given up before it was read.
    complained, others_named
        Whether it was said that it cannot be read, or that images are left out.
    trouble
        Why the last of it was not read.
    stack
        What of it can be read.
    """

    state: State = (0, 0, 0)
    changed: float = 0.0
    looked_at: tuple[State, bool] | None = None
    take: int = 1
    told: int = 0
    contents: dict[int, int] = field(default_factory=dict)
    doubtful: State | None = None
    in_place: bool = False
    replaced: bool = False
    passed_over: bool = False
    complained: bool = False
    others_named: bool = False
    trouble: str = "it had only just come"
    stack: Stack | None = None

    def see(self, state: State, now: float) -> None:
        """Note what the file looks like now."""
        if state == self.state:
            return
        if self.told and self.doubtful is None:
            self.doubtful = self.state
        another = self.state[2] not in (0, state[2])
        if another or state[0] < self.state[0]:
            self.stack = None
        if another:
            self.replaced = self.told < 2
        elif state[0] != self.state[0]:  # otherwise the number may be that of a file before
            self.replaced = False
        self.state, self.changed, self.complained = state, now, False

    def note(self, index: int, content: int) -> None:
        """Keep the fingerprint of a frame that was read."""
        self.contents[index] = content
        ends = min(self.contents), max(self.contents)
        self.contents = {k: self.contents[k] for k in ends}

    def is_another(self, stack: Stack, settled: bool) -> bool:
        """Whether the file holds other frames than those that were read of it.

        What they hold decides: numbers on the disk change when a network drive comes back, times
        when a file is copied, and a header may be written again at the end.
        """
        there = sorted(index for index in self.contents if index < stack.count)
        if there:
            ends = {there[0], there[-1]}  # the first frame may be blank in both
            return any(fingerprint(stack.frame(index)) != self.contents[index] for index in ends)
        before, now = self.doubtful, self.state
        if before and self.passed_over and now[0] <= before[0] and now[1] != before[1]:
            return True
        return stack.count < self.told and (settled or not self.contents)

    def begin_anew(self) -> None:
        """Count the next frames as those of another take."""
        before, self.doubtful = self.doubtful, None
        same = before is not None and self.state[::2] == before[::2]
        self.in_place = same and not self.replaced
        self.take, self.told, self.contents, self.stack = self.take + 1, 0, {}, None
        self.passed_over = self.others_named = False


@dataclass(frozen=True)
class Take:
    """What an earlier watch has noted of a file.

    Parameters
    ----------
    number
        Of the take.
    contents
        Fingerprints of frames that were read, by number.
    state
        Of the file when a frame was given up before it was read.
    """

    number: int
    contents: dict[int, int] = field(default_factory=dict)
    state: State | None = None


def state_of(path: Path) -> State:
    """Size, time of change and number on the disk; of a folder, those of what it holds."""
    info = path.stat()
    if not S_ISDIR(info.st_mode):
        return info.st_size, info.st_mtime_ns, info.st_ino
    size, newest, folders = 0, info.st_mtime_ns, [str(path)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file():
                    held = os.stat(entry.path)  # that of the entry may be old on Windows
                    size, newest = size + held.st_size, max(newest, held.st_mtime_ns)
    return size, newest, info.st_ino


def is_locked(path: Path) -> bool:
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
