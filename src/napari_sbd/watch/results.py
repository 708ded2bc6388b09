"""Where the results of a watched source go, and what was done with each of its frames."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..files import Table, held, replacing_folder, written_at
from ..io import ome_zarr, read, stem, write
from ..micrograph import Micrograph
from .arrivals import Arrival

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
        ``fingerprint`` of the raw frame; None where it could not be read.
    """

    file: str
    take: int
    frame: int
    fate: str
    delay_s: float
    output: str
    reason: str = ""
    content: int | None = None


class Results:
    """A folder of results with its journal; what was there goes on.

    Parameters
    ----------
    folder
        Made where it is missing.
    to
        Suffix of single images; stacks become OME-Zarr stores, which grow.

    Raises
    ------
    SBDError
        If the folder cannot be written, or another batch or watch writes into it.

    Attributes
    ----------
    done
        Keys of the frames that need not be done again.
    takes
        For each file the last take, and fingerprints of its frames by number.
    """

    def __init__(self, folder: Path, to: str = "ome.tif") -> None:
        self.folder, self.to = folder, to
        self._lock = held(folder)
        self._journal = folder / JOURNAL
        with written_at(self._journal):
            lines = list(self._lines())
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
        ending = f".{self.to.lstrip('.')}" if arrival.alone else ".zarr"
        file = arrival.path.name
        whole = file.replace(".", "_")
        for name in (stem(arrival.path), whole, f"{whole}_{zlib.crc32(file.encode()):08x}"):
            path = self.folder / f"{name}{again}_denoised{ending}"
            if self._owners.setdefault(path.name.casefold(), file) == file:
                break
        return path

    def put(self, arrival: Arrival, result: Micrograph) -> Path:
        """Write the result (Y, X) of a frame.

        Raises
        ------
        SBDError
            If the folder cannot be written.
        """
        path = self.place(arrival)
        if arrival.alone:
            write(result, path)
            return path
        with written_at(path):
            if not path.exists():
                self._take_along(arrival, path)
            _put_frame(path, arrival.index, result)
        return path

    def _take_along(self, arrival: Arrival, path: Path) -> None:
        """Begin a store by the first frame, where that had looked like a single image."""
        single = self.place(replace(arrival, alone=True))
        if (arrival.path.name, arrival.take, 0) in self.done and single.exists():
            first = read(single)
            if first.data.dtype == np.float32:  # others were rounded
                _put_frame(path, 0, first)

    def _lines(self) -> Iterator[Line]:
        if not self._journal.exists():
            return
        with self._journal.open(newline="", encoding="utf-8") as file:
            for row in list(csv.reader(file))[1:]:
                try:
                    name, take, frame, fate, delay, output, reason, content = row
                    place = int(take), int(frame), fate, float(delay), output, reason
                    yield Line(name, *place, int(content) if content else None)
                except ValueError:
                    continue  # cut short when the program was killed: that frame is done again


def _last_takes(lines: list[Line]) -> dict[str, tuple[int, dict[int, int]]]:
    """The last take of each file, with the fingerprints of those of its frames that were read."""
    takes: dict[str, tuple[int, dict[int, int]]] = {}
    for line in sorted(lines, key=lambda line: line.take):
        take, contents = takes.get(line.file, (0, {}))
        if line.take > take:
            contents = {}
        if line.content is not None:
            contents[line.frame] = line.content
        takes[line.file] = line.take, contents
    lost = {(line.file, line.take) for line in lines if line.fate == "unreadable"}
    return {  # a file of which nothing could be read is another one once it can be
        name: (take, contents or ({0: _NOTHING} if (name, take) in lost else {}))
        for name, (take, contents) in takes.items()
    }


def _put_frame(path: Path, index: int, result: Micrograph) -> None:
    """Write a frame into a store that grows; frames that are not there yet are NaN."""
    if not path.exists():
        data = np.broadcast_to(np.asarray(result.data, np.float32), (1, *result.shape))
        with replacing_folder(path) as draft:
            ome_zarr.allocate(result.replace(data=data), draft)
    array: Any = ome_zarr.open_frames(path)
    if index >= array.shape[0]:
        array.resize((index + 1, *array.shape[1:]))
    array[index] = result.data
