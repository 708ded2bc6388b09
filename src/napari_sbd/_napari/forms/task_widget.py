"""What all our dock widgets share: one task in the background, its progress, its end in words."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import Cancelled, SBDError
from ..jobs.work import Progress, ShouldStop, Task, Work
from ..layers.pairs import is_raw
from .fields import BAR_STEPS, Form, beside, show_or_hide, text
from .job_list import JobList
from .layer_box import LayerBox
from .standing import Standing, State, Subject

if TYPE_CHECKING:
    from napari.layers import Layer

    import napari

__all__ = ["Progress", "ShouldStop", "Task", "TaskWidget", "sentence"]

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_POLL = 200  # ms between looks at the progress


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
    keep
        A box that a subclass shows if its results replace each other: whether they do not.
    in_line
        Whether its task waits for those that were asked for before.
    again
        Whether another task can be asked for while one is under way; it then waits.
    meanwhile
        What is said while the task is under way, as ``prepare`` sets it.
    standing
        Whether what was told last still holds.
    """

    in_line = True
    again = False
    meanwhile = ""

    def __init__(self, viewer: napari.viewer.Viewer, verb: str, tip: str) -> None:
        super().__init__()
        self.viewer = viewer
        self._works: list[Work] = []
        self.keep = QCheckBox("Keep earlier")
        self.keep.setToolTip(
            "Add another layer; else the earlier result of this step and image is replaced."
        )
        self._rows = QGridLayout()  # unlike a form layout, it gives wrapped texts their height
        self._rows.setColumnStretch(1, 1)
        self.start = QPushButton(verb)
        self.start.setToolTip(tip)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop at the next step.")
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.message = text("What has come of it.")
        whole = QVBoxLayout(self.inner)
        whole.addLayout(self._rows)
        for part in (beside(self.start, self.cancel), self.bar, self.message):
            whole.addWidget(part)
        self.below = QVBoxLayout()
        whole.addLayout(self.below)
        self.jobs = JobList()
        whole.addWidget(self.jobs)
        whole.addStretch()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL)
        self._timer.timeout.connect(self._poll)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(self._cancel)
        self._follows: list[LayerBox] = []
        show = partial(show_or_hide, self.message)
        self.standing = Standing(self, self.message.text, show, self._is_named)
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

    def depends_on(self) -> list[Any]:
        """The layers of which the result is, told as of an earlier state where they change."""
        return [box.layer for box in self.findChildren(LayerBox) if box.layer is not None]

    def already_told(self) -> tuple[str, ...]:
        """Sentences that need not be said again when a task warns of the same."""
        return ()

    def watch(self) -> None:
        """Show what the task has done so far; called five times a second in the main thread."""

    @property
    def running(self) -> bool:
        """Whether a task is under way or waits."""
        return bool(self._works)

    @property
    def under_way(self) -> list[Any]:
        """What ``prepare`` returned for the tasks that have not ended, the first one first."""
        return [work.task for work in self._works]

    def name_of(self, task: Task) -> str:
        """What people call a task."""
        return self.start.text().rstrip("…")

    def subject(self) -> Layer | None:
        """The image that is worked on, or what was made of it; None without any."""
        return next((box.layer for box in self._follows if box.layer is not None), None)

    def words_of(self, work: Work) -> str:
        """How far a task is."""
        return work.job.words

    def add_row(self, name: str, part: QWidget) -> None:
        """Add a field with its name."""
        row = self._rows.rowCount()
        self._rows.addWidget(QLabel(name), row, 0)
        self._rows.addWidget(part, row, 1)
        if isinstance(part, LayerBox) and not part.held:
            self._follows.append(part)
            part.chosen.connect(self.standing.look)

    def add_whole_row(self, part: QWidget) -> None:
        """Add a part that needs no name."""
        self._rows.addWidget(part, self._rows.rowCount(), 0, 1, 2)

    def say(self, sentence: str) -> None:
        """Show one sentence below the buttons."""
        show_or_hide(self.message, sentence)
        if sentence:
            self.reveal(self.message)

    def _start(self) -> None:
        if self.running and not self.again:
            return
        try:
            task = self.prepare()
        except SBDError as error:
            self._complain(str(error))
            return
        self.say(self.meanwhile)
        work = Work(self.name_of(task), task, self, in_line=self.in_line)
        work.told_of = self._as_chosen()
        work.ended.connect(self._ended)
        self._works.append(work)
        self._set_running(True)
        self._timer.start()
        work.begin()
        self._poll()

    def refuse_outdated(self, of_choice: bool = True) -> None:
        """Refuse to go on with a result that is not that of what is chosen, as it is now.

        Parameters
        ----------
        of_choice
            Whether it must be of what is chosen, or can be of another image that is as it was.

        Raises
        ------
        SBDError
            If so, with the button to click.
        """
        other = of_choice and not self.standing.is_of(self.depends_on())
        if self.standing.is_old or other:
            raise SBDError(
                "What was found is of another choice, or of before the latest change of the image, "
                f"its calibration, region or columns; click {self.start.text()} again."
            )

    def tell_again(self) -> None:
        """Tell what was found last for what is chosen, after others."""
        self.standing.again(self.depends_on())

    def _poll(self) -> None:
        if not self._works:
            return
        first = self._works[0]
        self.cancel.setEnabled(not first.job.cancelled)
        self.bar.setValue(round(first.share * BAR_STEPS))
        self.bar.setFormat(self.words_of(first))
        if first.job.begun is not None:
            self.watch()

    def _cancel(self) -> None:
        if self._works:
            self._works[0].job.cancel()
            self._poll()

    def _ended(self, work: Work, outcome: Any) -> None:
        try:
            if isinstance(outcome, Cancelled):
                self.say("Cancelled.")
            elif isinstance(outcome, Exception):
                self._complain(sentence(outcome))
            else:
                told = self.already_told()
                more = merged(words for words in work.heard if words not in told)
                words = " ".join([self.show_result(outcome), *more]).strip()
                self.say(self.standing.told(words, *work.told_of))
        except SBDError as error:
            self._complain(str(error))
        finally:
            self._works.remove(work)
            if not self._works:
                self._timer.stop()
            self._set_running(self.running)
            self.watch()

    def tell(self, words: str) -> None:
        """Say what is known of what is chosen as it is now, in the place of what a task told."""
        self.say(self.standing.told(words, *self._as_chosen()))

    def _as_chosen(self) -> tuple[State, Subject]:
        """What is chosen, as it is now, and which of it is worked on."""
        layer = self.subject()
        subject = None if layer is None else (ref(layer), f"{layer.name}: ")
        return Standing.state(self.depends_on()), subject

    def _is_named(self, layer: Any) -> bool:
        """Whether what was told of a layer names it: of several images, and of another one than is
        chosen, or of one that is gone."""
        several = sum(map(is_raw, self.viewer.layers)) > 1
        chosen = [box.layer for box in self._follows if box.layer is not None]
        return several or layer not in chosen

    def _complain(self, words: str) -> None:
        self.say(words)
        show_error(words)

    def _set_running(self, running: bool) -> None:
        for index in range(self._rows.count()):
            item = self._rows.itemAt(index)
            if item is not None and item.widget() is not None:
                item.widget().setEnabled(self.again or not running)  # type: ignore[union-attr]
        # a new layer, such as the result itself, does not become the chosen one meanwhile
        for box in self._follows:
            box.held = running
        self.start.setEnabled(self.again or not running)
        self.cancel.setEnabled(running)
        self.bar.setVisible(running)


def merged(sentences: Iterable[str]) -> list[str]:
    """Sentences that differ by one number are one that lists it, as those of a movie's frames, from
    the least to the largest."""
    alike: dict[str, list[str]] = {}
    for one in sentences:
        alike.setdefault(_NUMBER.sub("#", one), []).append(one)
    told = []
    for same in alike.values():
        columns = zip(*map(_NUMBER.findall, same), strict=True)
        numbers = [sorted(dict.fromkeys(column), key=float) for column in columns]
        if sum(len(column) > 1 for column in numbers) > 1:
            told += same
        else:
            between = [*map(", ".join, numbers), ""]
            told.append("".join(map(str.__add__, _NUMBER.split(same[0]), between)))
    return told


def sentence(error: Exception) -> str:
    """An error in words; one that nobody foresaw is logged with its traceback."""
    if isinstance(error, SBDError):
        return str(error)
    logging.getLogger(__name__).error("A task failed", exc_info=error)
    return f"Something unforeseen went wrong ({type(error).__name__}: {error})."
