"""The queue of jobs that all our dock widgets share: one works while the others wait."""

from __future__ import annotations

import atexit
import gc
import sys
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from qtpy.QtCore import QObject, QThreadPool, Signal
from superqt.utils import WorkerBase

from .run import time_left

_THREADS = 8  # at least: a long job must not keep live mode from its own
_PATIENCE = 20_000  # ms for work to end when the program does
_SELDOM = 500  # collections of newer garbage, at least, between two passes over all objects


class Job:
    """Something that takes its time.

    Parameters
    ----------
    name
        For people.
    worker
        Does it, in a background thread; not yet started.
    share
        Returns how much is done, 0 to 1.
    stop
        Asks the work to end soon.
    dropped
        Called instead of any result when the job is cancelled before its work began.
    in_line
        Whether it waits for those before it.
    """

    def __init__(
        self,
        name: str,
        worker: WorkerBase[Any],
        *,
        share: Callable[[], float],
        stop: Callable[[], None],
        dropped: Callable[[], None],
        in_line: bool = True,
    ) -> None:
        self.name, self.worker, self.share, self.in_line = name, worker, share, in_line
        self._stop, self.dropped = stop, dropped
        self.begun: float | None = None
        self.cancelled = False

    def start(self) -> None:
        """Begin the work."""
        self.begun = time.monotonic()
        self.worker.start()

    def cancel(self) -> None:
        """End the work soon, or never begin it."""
        self.cancelled = True
        self._stop()
        if self.begun is None:
            queue().drop(self)

    def abandon(self) -> None:
        """End it for an owner that is gone and must not be told."""
        self.dropped = _tell_nobody
        self.cancel()

    @property
    def words(self) -> str:
        """How it stands."""
        if self.cancelled:
            return "Cancelling"
        if self.begun is None:
            return "Waiting"
        return time_left(time.monotonic() - self.begun, self.share()) or "Working"


class Queue(QObject):
    """Jobs in the order in which they were asked for.

    Attributes
    ----------
    changed
        Signal: a job came, began or ended.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job] = []

    def add(self, job: Job) -> None:
        """Begin a job as soon as those before it have ended, or at once if it waits for none."""
        self.jobs.append(job)
        job.worker.finished.connect(partial(self._ended, job))
        if not job.in_line:
            job.start()
        self._go_on()

    def drop(self, job: Job) -> None:
        """Forget a job whose work never began."""
        if job in self.jobs:
            self.jobs.remove(job)
            job.dropped()
            self.changed.emit()

    def _ended(self, job: Job) -> None:
        self.jobs.remove(job)
        give_memory_back()
        self._go_on()

    def _go_on(self) -> None:
        line = [job for job in self.jobs if job.in_line]
        if line and line[0].begun is None:
            line[0].start()
        self.changed.emit()


@lru_cache
def queue() -> Queue:
    """The one queue of this program."""
    pool = QThreadPool.globalInstance()
    assert pool is not None
    pool.setMaxThreadCount(max(pool.maxThreadCount(), _THREADS))
    atexit.register(_end_all)
    _collect_seldom()
    return Queue()


def _collect_seldom() -> None:
    """Let the garbage collector seldom go through all objects of napari and PyTorch.

    There are a million, and every thread stands still for 0.3 s meanwhile. Images do not linger:
    napari asks for such a pass itself whenever a layer is removed.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, max(old, _SELDOM))


def _end_all() -> None:
    """Stop all work before Qt goes, under which its threads would crash."""
    for job in list(queue().jobs):
        job.abandon()
    WorkerBase.await_workers(_PATIENCE)


def give_memory_back() -> None:
    """Return the graphics card's memory that no tensor holds any more."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _tell_nobody() -> None:
    pass
