"""What all our dock widgets share: one task in the background, its progress, its end in words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget
from superqt.utils import create_worker

from ...errors import Cancelled, SBDError, in_words
from ..jobs.queue import Job, queue
from .fields import BAR_STEPS, Form, beside, show_or_hide, text
from .job_list import JobList
from .layer_box import LayerBox
from .preferences import obey_limits

if TYPE_CHECKING:
    import napari

_POLL = 200  # ms between looks at the progress

Progress = Callable[[float, float], None]
ShouldStop = Callable[[], bool]
Task = Callable[[Progress, ShouldStop], Any]


class TaskWidget(Form):
    """A form with one button that does one thing in a background thread.

    A subclass adds its fields with ``add_row`` and says what to do in three methods: ``prepare``,
    ``show_result`` and, where something is to be seen meanwhile, ``watch``.

    Parameters
    ----------
    viewer
        The viewer.
    verb
        On the button.
    tip
        Tooltip of the button.

    Attributes
    ----------
    in_line
        Whether its task waits for those that were asked for before.
    """

    in_line = True

    def __init__(self, viewer: napari.viewer.Viewer, verb: str, tip: str) -> None:
        super().__init__()
        self.viewer = viewer
        self._job: Job | None = None
        self._share = 0.0
        self._rows = QGridLayout()  # unlike a form layout, it gives wrapped texts their height
        self._rows.setColumnStretch(1, 1)
        self.start = QPushButton(verb)
        self.start.setToolTip(tip)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop at the next step.")
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.message = text("What has come of it.")
        whole = QVBoxLayout(self)
        whole.addLayout(self._rows)
        for part in (beside(self.start, self.cancel), self.bar, self.message):
            whole.addWidget(part)
        self.below = QVBoxLayout()
        whole.addLayout(self.below)
        whole.addWidget(JobList())
        whole.addStretch()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL)
        self._timer.timeout.connect(self._poll)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(self._cancel)
        # a lambda, since slots of this widget are gone by then
        self.destroyed.connect(lambda: self._let_go())
        self._follows: list[LayerBox] = []
        self.say("")
        self._set_running(False)

    def prepare(self) -> Task:
        """Read the fields, in the main thread; return the work for the background thread.

        Raises
        ------
        SBDError
            If a field is wrong, with the sentence to show.
        """
        raise NotImplementedError

    def show_result(self, result: Any) -> str:
        """Show what the task returned, in the main thread; return one sentence about it."""
        raise NotImplementedError

    def watch(self) -> None:
        """Show what the task has done so far; called five times a second in the main thread."""

    @property
    def running(self) -> bool:
        """Whether the task is under way."""
        return self._job is not None

    def add_row(self, name: str, part: QWidget) -> None:
        """Add a field with its name."""
        row = self._rows.rowCount()
        self._rows.addWidget(QLabel(name), row, 0)
        self._rows.addWidget(part, row, 1)
        if isinstance(part, LayerBox) and not part.held:
            self._follows.append(part)

    def say(self, sentence: str) -> None:
        """Show one sentence below the buttons."""
        show_or_hide(self.message, sentence)

    def _start(self) -> None:
        if self.running:
            return
        try:
            task = self.prepare()
        except SBDError as error:
            self._complain(str(error))
            return
        stop, self._share = Event(), 0.0

        def work() -> Any:
            obey_limits()
            with in_words():
                return task(self._tell, stop.is_set)

        worker = create_worker(work, _ignore_errors=True, _start_thread=False)
        worker.returned.connect(self._done)
        worker.errored.connect(self._failed)
        self.say("")
        self._job = Job(
            self.start.text().rstrip("…"),
            worker,
            share=lambda: self._share,
            stop=stop.set,
            dropped=self._dropped,
            in_line=self.in_line,
        )
        self._set_running(True)
        self._timer.start()
        queue().add(self._job)

    def _tell(self, done: float, total: float) -> None:
        self._share = done / total if total else 0.0

    def _poll(self) -> None:
        if self._job is None:
            return
        self.bar.setValue(round(self._share * BAR_STEPS))
        self.bar.setFormat(self._job.words)
        if self._job.begun is not None:
            self.watch()

    def _cancel(self) -> None:
        if self._job is not None:
            self.cancel.setEnabled(False)
            self._job.cancel()

    def _dropped(self) -> None:
        self._finish()
        self.say("Cancelled.")

    def _done(self, result: Any) -> None:
        try:
            self.say(self.show_result(result))
        except SBDError as error:
            self._complain(str(error))
        finally:
            self._finish()

    def _failed(self, error: Exception) -> None:
        self._finish()
        if isinstance(error, Cancelled):
            self.say("Cancelled.")
        else:
            self._complain(sentence(error))

    def _finish(self) -> None:
        self._timer.stop()
        self._job = None
        self._set_running(False)
        self.watch()

    def _complain(self, words: str) -> None:
        self.say(words)
        show_error(words)

    def _set_running(self, running: bool) -> None:
        for index in range(self._rows.count()):
            item = self._rows.itemAt(index)
            if item is not None and item.widget() is not None:
                item.widget().setEnabled(not running)  # type: ignore[union-attr]
        # a new layer, such as the result itself, does not become the chosen one meanwhile
        for box in self._follows:
            box.held = running
        self.start.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.bar.setVisible(running)

    def _let_go(self) -> None:
        if self._job is not None:
            self._job.abandon()


def sentence(error: Exception) -> str:
    """An error in words; one that nobody foresaw is logged with its traceback."""
    if isinstance(error, SBDError):
        return str(error)
    logging.getLogger(__name__).error("A task failed", exc_info=error)
    return f"Something unforeseen went wrong ({type(error).__name__}: {error})."
