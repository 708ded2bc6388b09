"""Where the results of a watched source go, and what was done with each of its frames."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..files import Table, held, replacing_folder, written_at
from ..io import WRITE_SUFFIXES, ome_zarr, read, stem, write
from ..micrograph import Micrograph
from ..recipe import history, setting_of, with_recipe
from .arrivals import Arrival
from .begun import READ, go_on, note
from .known import Take
from .recipes import begun_by, with_checksum, with_frame

JOURNAL = "watch.csv"

_NOTHING = -1  # the fingerprint of no frame


@dataclass(frozen=True)
class Line:
    """A line of the journal.

    Parameters
    ----------
    file, take, frame
        As in ``Arrival.key``.
    fate
        denoised, blank, unreadable or skipped.
    delay_s
        From the moment when the frame was there to that when its result was [s].
    output
        Where the result is.
    reason
        Why it was not denoised.
    content
        ``fingerprint`` of the raw frame; None where it was not read.
    state
        Of a frame that was not read, size [bytes] and time of change [ns] of its file.
    """

    file: str
    take: int
    frame: int
    fate: str
    delay_s: float
    output: str
    reason: str = ""
    content: int | None = None
    state: str = ""


class Results:
    """A folder of results with its journal; what was there goes on.

    Parameters
    ----------
    folder
        Made where it is missing.
    to
        Suffix of single images; stacks become OME-Zarr stores, which grow.
    asked
        What determines the results, as ``begun.asked`` gives it.

    Raises
    ------
    SBDError
        If there is no such suffix, the folder cannot be written, another batch or watch writes into
        it, or what is there was begun otherwise.

    Attributes
    ----------
    done
        Keys of the frames that need not be done again.
    takes
        For each file the last take.
    """

    def __init__(self, folder: Path, to: str, asked: dict[str, Any]) -> None:
        self.folder, self.to = folder, f".{to.lower().lstrip('.')}"
        if self.to not in (known := (*WRITE_SUFFIXES, ".zarr", ".ome.zarr")):
            raise SBDError(f"Single images are written as {', '.join(known)}, not {to!r}.")
        self._lock = held(folder)
        self._journal = folder / JOURNAL
        try:
            self._begin(asked)
        except SBDError:
            self.close()
            raise

    def _begin(self, asked: dict[str, Any]) -> None:
        """Take up what is there."""
        with written_at(self._journal):
            lines = list(self._lines())
            has_results = any(line.output for line in lines)
            self._asked, self._looked = asked, go_on(self.folder, asked, has_results)
        self._table = Table(self._journal, [f.name for f in fields(Line)], go_on=True)
        self.done = {(line.file, line.take, line.frame) for line in lines}
        self.takes = _last_takes(lines)
        self._owners = {line.output.casefold(): line.file for line in lines if line.output}

    def close(self) -> None:
        """Let others write into the folder."""
        self._lock.release()

    def note(self, line: Line) -> None:
        """Add a line, through to the disk: what stands there is not done again.

        Raises
        ------
        SBDError
            If it cannot be written.
        """
        self._table.add(astuple(line))
        self.done.add((line.file, line.take, line.frame))

    def place(self, arrival: Arrival) -> Path:
        """Where the result of a frame goes.

        Files whose names differ by their suffix only, or where case does not count by that, have
        results of other names.
        """
        again = f"_{arrival.take}" if arrival.take > 1 else ""
        ending = self.to if arrival.alone else ".zarr"
        file = arrival.path.name
        whole = file.replace(".", "_")
        for name in (stem(arrival.path), whole, f"{whole}_{zlib.crc32(file.encode()):08x}"):
            path = self.folder / f"{name}{again}_denoised{ending}"
            if self._owners.setdefault(path.name.casefold(), file) == file:
                break
        return path

    def looked_at(self) -> Iterator[Micrograph]:
        """The frames by which models were made ready for what is there, newest first, so that a
        watch that goes on does as one that was not ended; without those that are gone."""
        for looked in reversed(self._looked):
            with suppress(SBDError, OSError, ValueError, LookupError):
                yield begun_by(Path(looked["path"]), looked["frame"], self._asked[READ])

    def put(self, arrival: Arrival, result: Micrograph, fate: str) -> Path:
        """Write the result (Y, X) of a frame, and what became of it.

        Raises
        ------
        SBDError
            If the folder cannot be written, or is not there any more.
        """
        self._check_there()
        path = self.place(arrival)
        looked = setting_of(result.metadata, "looked_at")
        if looked is not None and looked not in self._looked:
            with written_at(self.folder):
                note(self.folder, self._asked, [*self._looked, looked])
            self._looked.append(looked)
        if arrival.alone:
            write(with_checksum(result), path)
            return path
        with written_at(path):
            if not path.exists():
                self._take_along(arrival, path)
            _put_frame(path, arrival.index, result, fate)
        return path

    def _take_along(self, arrival: Arrival, path: Path) -> None:
        """Begin a store by the first frame, where that had looked like a single image."""
        single = self.place(replace(arrival, alone=True))
        if (arrival.path.name, arrival.take, 0) in self.done and single.exists():
            first = read(single)
            if first.data.dtype == np.float32:  # others were rounded
                fate = "denoised" if history(first.metadata) else "blank"
                _put_frame(path, 0, first, fate)

    def _check_there(self) -> None:
        """Refuse to begin the folder anew where it was moved, or its drive has gone."""
        if not self._journal.is_file():
            raise SBDError(
                f"The results in {self.folder} have vanished ({JOURNAL} is not there any more); "
                "bring them back"
            )

    def _lines(self) -> Iterator[Line]:
        if not self._journal.exists():
            return
        with self._journal.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                try:
                    name, take, frame, fate, delay, output, reason, content, *state = row
                    place = int(take), int(frame), fate, float(delay), output, reason
                    yield Line(name, *place, int(content) if content else None, *state)
                except ValueError:
                    continue  # the header; or cut short by a kill, and that frame is done again


def _last_takes(lines: list[Line]) -> dict[str, Take]:
    """The last take of each file."""
    takes: dict[str, Take] = {}
    for line in sorted(lines, key=lambda line: line.take):
        take = takes.get(line.file)
        if take is None or line.take > take.number:
            take = Take(line.take)
        if line.content is not None:
            take.contents[line.frame] = line.content
        elif line.state:
            size, changed = map(int, line.state.split("@"))
            take = replace(take, state=(size, changed, 0))
        takes[line.file] = take
    lost = {(line.file, line.take) for line in lines if line.fate == "unreadable"}
    for name, take in takes.items():
        # a file of which nothing could be read is another one once it can be
        if not take.contents and (name, take.number) in lost:
            take.contents[0] = _NOTHING
    return takes


def _put_frame(path: Path, index: int, result: Micrograph, fate: str) -> None:
    """Write a frame into a store that grows; frames that are not there yet are NaN."""
    if not path.exists():
        data = np.broadcast_to(np.asarray(result.data, np.float32), (1, *result.shape))
        with replacing_folder(path) as draft:
            ome_zarr.allocate(result.replace(data=data, metadata={}), draft)
    array: Any = ome_zarr.open_frames(path)
    if index >= array.shape[0]:
        array.resize((index + 1, *array.shape[1:]))
    array[index] = result.data
    kept, new = (next(iter(history(m)), None) for m in (ome_zarr.recipe_of(path), result.metadata))
    whole = result.replace(data=np.broadcast_to(np.float32(0), array.shape), metadata={})
    step = with_frame(kept, new, fate, index, array.shape)
    ome_zarr.describe(with_recipe(whole, step) if step else whole, path)
