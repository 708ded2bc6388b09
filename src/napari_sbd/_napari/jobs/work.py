"""A task in a background thread, from the click that asked for it to its end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

from qtpy.QtCore import QObject, Signal
from superqt.utils import WorkerBase, create_worker

from ...errors import Cancelled, in_words, listening, stopping
from .preferences import obey_limits
from .queue import Job, queue
from .when_gone import when_gone

Progress = Callable[[float, float], None]
ShouldStop = Callable[[], bool]
Task = Callable[[Progress, ShouldStop], Any]


def in_background(
    work: Callable[[], Any],
    then: Callable[[Any], None],
    failed: Callable[[Exception], None],
    heard: list[str] | None = None,
) -> WorkerBase[Any]:
    """A worker, not yet started, for a thread of its own.

    Parameters
    ----------
    work
        Called in the background.
    then, failed
        Called in the main thread with what it returned or raised.
    heard
        Gets what it warned of; superqt's own way to collect warnings changes the filters of all
        threads, so that workers that overlap lose or raise each other's.
    """

    def quietly() -> Any:
        obey_limits()
        with listening() as words:
            try:
                return work()
            finally:
                if heard is not None:
                    heard.extend(words)

    worker: WorkerBase[Any] = create_worker(quietly, _ignore_errors=True, _start_thread=False)
    worker.returned.connect(then)
    worker.errored.connect(failed)
    return worker


class Work(QObject):
    """One task, which begins as soon as the queue allows.

    Parameters
    ----------
    name
        For people.
    task
        Called in the background with a function that tells (done, total), and one that says
        whether to stop.
    parent
        The widget to which it belongs; its end is that of the work.
    in_line
        Whether it waits for those before it.

    Attributes
    ----------
    ended
        Signal: itself, and what the task returned or raised; ``Cancelled`` where it never began.
    share
        How much is done, 0 to 1.
    heard
        What was warned of on the way, each sentence once.
    told_of
        What it is done for, for whoever began it.
    """

    ended = Signal(object, object)

    def __init__(
        self,
        name: str,
        task: Task,
        parent: QObject,
        *,
        in_line: bool = True,
    ) -> None:
        super().__init__(parent)
        self.task, self.share = task, 0.0
        self.heard: list[str] = []
        self.told_of: Any = None
        stop = Event()

        def work() -> Any:
            with in_words(), stopping(stop.is_set):
                return task(self._tell, stop.is_set)

        worker = in_background(work, self._end, self._end, self.heard)
        self.job = Job(
            name,
            worker,
            share=lambda: self.share,
            stop=stop.set,
            dropped=lambda: self._end(Cancelled("It never began.")),
            in_line=in_line,
        )
        when_gone(self, self.job.abandon)

    def begin(self) -> None:
        """Join the queue."""
        queue().add(self.job)

    def _tell(self, done: float, total: float) -> None:
        self.share = done / total if total else 0.0

    def _end(self, outcome: Any) -> None:
        self.ended.emit(self, outcome)
        self.deleteLater()
