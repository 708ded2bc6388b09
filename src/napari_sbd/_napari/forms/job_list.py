"""The list of jobs under way and waiting, each with its progress and a button that cancels it."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from ..jobs.queue import Job, queue
from .fields import BAR_STEPS, beside, text

_POLL = 250  # ms between looks at the progress


class JobList(QWidget):
    """Shows the shared queue for as long as it holds several jobs, since one has its own bar."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[Job, QProgressBar, QPushButton]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL)
        self._timer.timeout.connect(self._show)
        queue().changed.connect(self._list)
        self._list()

    @property
    def cancels(self) -> list[QPushButton]:
        """The buttons that cancel, in the order of the jobs."""
        return [button for _, _, button in self._rows]

    def _list(self) -> None:
        while self._layout.count():
            item = self._layout.takeAt(0)
            if item is not None and (part := item.widget()) is not None:
                part.hide()
                part.deleteLater()
        jobs = queue().jobs
        several = len(jobs) > 1
        self._rows = [self._row(job) for job in jobs] if several else []
        self.setVisible(several)
        if several:
            self._timer.start()
            self._show()
        else:
            self._timer.stop()

    def _row(self, job: Job) -> tuple[Job, QProgressBar, QPushButton]:
        bar, button = QProgressBar(), QPushButton("×")
        bar.setRange(0, BAR_STEPS)
        button.setFixedWidth(28)
        button.setToolTip(f"Cancel {job.name}.")
        button.clicked.connect(partial(_cancel, job))
        name = text(job.name)
        name.setText(job.name)
        self._layout.addWidget(name)
        self._layout.addWidget(beside(bar, button))
        return job, bar, button

    def _show(self) -> None:
        for job, bar, button in self._rows:
            bar.setValue(round(BAR_STEPS * (job.share() if job.begun else 0)))
            bar.setFormat(job.words)
            button.setEnabled(not job.cancelled)


def _cancel(job: Job, _checked: bool) -> None:
    job.cancel()
