"""Which frames have come to a folder or a file, each told once and only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import SBDError
from ..files import some_of
from ..io import is_readable
from ..micrograph import Micrograph
from ..streaming.journal import fingerprint
from .known import Known, State, Take, is_locked, state_of
from .reading import so_far
from .stacks import Stack, grows

SETTLED = 0.2
"""Seconds without a change after which a file counts as written."""

PATIENCE = 10.0
"""Seconds after which a file that cannot be read is given up, until it changes again."""


_NO_IMAGES = (".", "~")  # how names of drafts and hidden files begin


class Overwritten(SBDError):
    """A frame that is lost, since another file has its name now."""


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
        The last ones of files that were watched before, by name.
    chosen
        How files are read, as ``io.choices`` gives it.
    """

    def __init__(
        self,
        source: Path,
        glob: str = "*",
        say: Callable[[str], None] = print,
        takes: Mapping[str, Take] | None = None,
        chosen: Mapping[str, int] | None = None,
    ) -> None:
        self.source, self.glob, self._say, self._chosen = source, glob, say, dict(chosen or {})
        self._takes = dict(takes or {})
        self._files: dict[Path, Known] = {}
        self._readable: dict[str, Path | None] = {}
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

    def read(self, arrival: Arrival) -> Micrograph | None:
        """A frame that was told, with its calibration; None where it is written over just now.

        Raises
        ------
        Overwritten
            If it is not there any more, since another take has begun.
        SBDError, OSError, ValueError
            If it cannot be read.
        """
        known = self._files[arrival.path]
        if known.take != arrival.take:
            raise Overwritten("another image took its place before it was read")
        path, before = arrival.path, known.state
        if _has_changed(path, before) and known.is_another(arrival.stack, settled=False):
            return None  # the next look begins another take
        try:
            image = arrival.stack.image(arrival.index, path)
        except (SBDError, ValueError):
            if _has_changed(path, before):
                return None
            raise
        if arrival.alone and not path.is_dir():
            now = state_of(path)
            if now != before and now[2] == before[2]:
                return None
        known.note(arrival.index, fingerprint(image.data))
        return image

    def pass_over(self, arrival: Arrival) -> State | None:
        """A frame that was told is given up: of what it held, only the state of its file is known;
        None if another one has its name now."""
        known = self._files[arrival.path]
        if known.take != arrival.take:
            return None
        known.passed_over = True
        return known.doubtful or known.state

    def unsettled(self, now: float) -> bool:
        """Whether a file may still turn out to be readable."""
        return any(
            now - known.changed < (SETTLED if known.looked_at else PATIENCE)
            and not known.complained
            for known in self._files.values()
        )

    def check_seen(self) -> None:
        """Refuse a source that never came.

        Raises
        ------
        SBDError
            If no look found it.
        """
        if self._begun is None:
            raise SBDError(f"{self.source} was never there; nothing was watched.")

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
        for path, known in self._files.items():
            stack = known.stack and known.stack.in_file
            if stack and (stack.stated or 0) > stack.count:
                self._say(
                    f"{path.name} says that it holds {stack.stated} frames; {stack.count} were "
                    "there when the watch ended."
                )
            if stack and known.stack and (rest := stack.count % known.stack.added):
                self._say(
                    f"The last {rest} of {stack.count} frames of {path.name} make no whole sum and "
                    "are left out."
                )

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
            stack = known.stack and known.stack.in_file
            late = now - known.changed >= PATIENCE
            if stack and stack.torn and not known.complained and late:
                known.complained = True
                self._say(
                    f"{path.name} ends in the middle of frame {stack.count}; the frames before are "
                    "taken."
                )

    def _paths(self) -> list[Path]:
        whole_store = self.source.suffix.lower() == ".zarr"
        if whole_store or not self.source.is_dir():
            os.stat(self.source)
            return [self.source]
        if self.glob != "*":
            found = self.source.glob(self.glob)
            return sorted(p for p in found if not p.name.startswith(_NO_IMAGES))
        paths = map(self._image, sorted(os.listdir(self.source)))  # fast, of thousands of files
        return [path for path in paths if path]

    def _image(self, name: str) -> Path | None:
        """Where a file of the folder is; None if it is no image by its name."""
        if name not in self._readable:
            path = self.source / name
            taken = is_readable(path) or path.suffix.lower() == ".zarr"
            self._readable[name] = path if taken and not name.startswith(_NO_IMAGES) else None
        return self._readable[name]

    def _new(self, path: Path, now: float) -> list[Arrival]:
        known = self._files.get(path) or self._files.setdefault(path, Known(changed=now))
        try:
            state = state_of(path)
        except OSError:
            return []  # gone again, as temporary files do
        known.see(state, now)
        waited = now - known.changed
        settled = waited >= SETTLED
        ready = settled or known.replaced or grows(path)
        if known.looked_at == (state, settled) or not ready:
            return []
        if is_locked(path):
            known.trouble = "another program had locked it"
            return []
        try:
            stack = so_far(path, known.stack, settled, self._chosen)
            if self._is_another_take(path, known, stack, settled):
                known.begin_anew()
                stack = so_far(path, None, settled, self._chosen)
            known.stack = stack
            arrivals = _ready(path, known, stack, settled)
        except (SBDError, OSError, ValueError, LookupError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            known.trouble, known.stack = reason.rstrip("."), None
            if waited >= PATIENCE and not known.complained:
                known.complained, known.looked_at = True, (state, settled)
                self._say(f"{path.name} cannot be read: {known.trouble}. It is left out.")
            return []
        known.looked_at, known.trouble = (state, settled), ""
        known.told += len(arrivals)
        self._name_others(path, known, settled)
        return arrivals

    def _is_another_take(self, path: Path, known: Known, stack: Stack, settled: bool) -> bool:
        """Whether what was told of a file, or is noted of an earlier watch, is not in it."""
        before = self._takes.get(path.name) if stack.count else None
        if before is not None:
            known.take, known.contents, known.doubtful = (
                before.number,
                before.contents,
                before.state,
            )
            known.passed_over = not known.contents
        elif known.doubtful is None:
            return False
        another = known.is_another(stack, settled)
        if before is not None:
            del self._takes[path.name]
        if not another and stack.count >= known.told:
            known.doubtful = None
        return another

    def _name_others(self, path: Path, known: Known, settled: bool) -> None:
        """Say once that pages of a file are left out."""
        assert known.stack is not None
        others = known.stack.others
        if others and not known.others_named and (settled or known.stack.count > 1):
            known.others_named = True
            self._say(
                f"{path.name} also holds images of {others[0]} x {others[1]} pixels, another size "
                "than that of its frames; they are left out."
            )


def _has_changed(path: Path, before: State) -> bool:
    """Whether a file is not what it was; of folders, which take long to look through, it may be."""
    return path.is_dir() or state_of(path) != before


def _ready(path: Path, known: Known, stack: Stack, settled: bool) -> list[Arrival]:
    """The frames of a file that were not told yet."""
    single = stack.count == 1 and not stack.more and not stack.parts
    if not settled and (known.in_place or (single and not known.replaced)):
        return []  # whether more will follow is known when it has settled
    known.in_place = False
    found = []
    for index in range(known.told, stack.count):
        if not settled and not _is_written(stack, index):
            break
        found.append(Arrival(path, known.take, index, stack, single))
    return found


def _is_written(stack: Stack, index: int) -> bool:
    """Whether all of a frame is there: a file that got its full length at first holds zeros where
    nothing was written yet. Rows of a camera may be dead, but then the next frame holds something.
    """
    if stack.parts is not None:  # the last of those that are added
        return _is_written(stack.parts, (index + 1) * stack.added - 1)
    if _holds(stack.frame(index)[-1]):
        return True
    return index + 1 < stack.count and _holds(stack.frame(index + 1))


def _holds(values: np.ndarray) -> bool:
    """Whether anything was written: neither zeros nor NaN."""
    return bool(((values != 0) & (values == values)).any())
