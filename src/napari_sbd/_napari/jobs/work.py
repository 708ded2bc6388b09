"""A task in a background thread, from the click that asked for it to its end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

from qtpy.QtCore import QObject, Signal
from superqt.utils import create_worker

from ...errors import Cancelled, in_words
from .preferences import obey_limits
from .queue import Job, queue

Progress = Callable[[float, float], None]
ShouldStop = Callable[[], bool]
Task = Callable[[Progress, ShouldStop], Any]


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
    """

    ended = Signal(object, object)

    def __init__(self, name: str, task: Task, parent: QObject, *, in_line: bool = True) -> None:
        super().__init__(parent)
        self.task, self.share = task, 0.0
        stop = Event()

        def work() -> Any:
            obey_limits()
            with in_words():
                return task(self._tell, stop.is_set)

        worker = create_worker(work, _ignore_errors=True, _start_thread=False)
        worker.returned.connect(self._end)
        worker.errored.connect(self._end)
        self.job = Job(
            name,
            worker,
            share=lambda: self.share,
            stop=stop.set,
            dropped=lambda: self._end(Cancelled("It never began.")),
            in_line=in_line,
        )
        # lambdas, since slots of this object are gone by then
        self.destroyed.connect(lambda: self.job.abandon())

    def begin(self) -> None:
        """Join the queue."""
        queue().add(self.job)

    def _tell(self, done: float, total: float) -> None:
        self.share = done / total if total else 0.0

    def _end(self, outcome: Any) -> None:
        self.ended.emit(self, outcome)
        self.deleteLater()
