"""What happens to each frame of a movie: read, denoise, write."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..denoising.denoiser import Denoiser
from ..errors import BlankImage, SBDError
from ..io.raw_frames import frame_reader
from ..micrograph import Micrograph
from ..provenance import history
from .journal import Fate
from .unfinished import Unfinished

if TYPE_CHECKING:
    from ..gaintuning import Tuned


@dataclass(frozen=True)
class Lost:
    """A frame that could not be read."""

    reason: str


@dataclass(frozen=True)
class Done:
    """A frame of the result, and what became of it."""

    values: np.ndarray
    fate: Fate = "denoised"
    reason: str = ""


class Steps:
    """The three steps of a movie; each may run in a thread of its own.

    Parameters
    ----------
    m
        The whole movie of the source.
    numbers
        Of the frames in the source, for each frame of the result.
    worker, tuned
        The model, and the gains over it.
    work
        The unfinished result.
    stop
        Asked before every tile.
    """

    def __init__(
        self,
        m: Micrograph,
        numbers: Sequence[int],
        worker: Denoiser,
        tuned: Tuned | None,
        work: Unfinished,
        stop: Callable[[], bool],
    ) -> None:
        self.numbers, self.worker, self.work = numbers, worker, work
        self._movie, self._tuned, self._stop = m, tuned, stop
        self._frame = frame_reader(m.data)
        self._state = self._source_state()
        # gains of the whole movie are laid over the network once, those of frames when needed
        shared = tuned is not None and len(tuned.reports) == 1
        self._network = tuned.over(worker.network) if tuned and shared else None

    def begin(self, template: Micrograph) -> None:
        """Make room for the result, or find the frames that are done."""
        entry = history(template.metadata)[-1]
        job = {**entry["versions"], **entry["settings"], "source": str(self._movie.source)}
        job["source_state"] = self._state
        if job["gain_tuning"]:  # the text of the gains varies; their checksum stands for them
            tuning = job["gain_tuning"].items()
            job["gain_tuning"] = {key: value for key, value in tuning if key != "gains"}
        with self._writing():
            self.work.open(template, json.loads(json.dumps(job)))

    def read(self, index: int) -> np.ndarray | Lost:
        """A frame in file units, or why it cannot be read.

        Raises
        ------
        SBDError
            If the source as a whole has vanished or changed.
        """
        try:
            return self._frame(self.numbers[index])
        except MemoryError:
            raise
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            if self._source_state() != self._state:
                raise SBDError(
                    f"{self._movie.source} has vanished or changed while it was read ({reason}); "
                    "the frames done so far are kept, resume when it is back."
                ) from error
            return Lost(reason)

    def compute(self, index: int, frame: np.ndarray | Lost) -> Done:
        """Denoise a frame."""
        if isinstance(frame, Lost):
            missing = np.full(self._movie.shape[1:], np.nan, np.float32)
            return Done(missing, "unreadable", frame.reason)
        worker = self.worker
        if self._tuned:
            worker = copy.copy(worker)
            worker.network = self._network or self._tuned.over(self.worker.network, index)
        try:
            return Done(worker(frame, should_stop=self._stop))
        except BlankImage:
            return Done(np.asarray(frame, np.float32), "blank")

    def write(self, index: int, done: Done) -> None:
        """Write a frame and note that it is done."""
        with self._writing():
            self.work.put(index, done.values, done.fate, done.reason)

    def finish(self, template: Micrograph) -> None:
        """Write the recipe, which now lists the frames that were not denoised, and end."""
        from ..networks.hardware import precision

        settings = history(template.metadata)[-1]["settings"]
        device = self.worker.passes.device  # another one where memory did not suffice
        settings |= {"device": str(device), "precision": str(precision(device))[len("torch.") :]}
        for fate in ("blank", "unreadable"):
            if found := self.having(fate):
                settings[f"{fate}_frames"] = found
        with self._writing():
            self.work.finish(template)

    def having(self, fate: Fate) -> list[int]:
        """Frames of the result with a fate."""
        return sorted(i for i, entry in self.work.entries.items() if entry.fate == fate)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SBDError(
                f"{self.work.target} cannot be written ({error.strerror or error}); make room or "
                f"check the rights of its folder, then resume: {len(self.work.entries)} frames "
                f"are kept in {self.work.folder.name}."
            ) from error

    def _source_state(self) -> tuple[int, int] | None:
        """Size [bytes] and time of change [ns] of the source; None where it is not there."""
        if self._movie.source is None:
            return None
        try:
            state = os.stat(self._movie.source)
        except OSError:
            return None
        return state.st_size, state.st_mtime_ns
