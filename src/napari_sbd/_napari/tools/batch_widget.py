"""File > IO Utilities > Denoise a folder: one recipe over many files, without opening them."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QLineEdit, QPushButton, QSpinBox

from ...errors import SBDError
from ..forms.fields import beside, choices, field, path_in, show_or_hide, text
from ..forms.modality import modality_box
from ..forms.model_box import ModelBox
from ..forms.reading import ReadingBox
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..jobs.preferences import preference

if TYPE_CHECKING:
    import napari

    from ...batch import Outcome

_SENTENCE = re.compile(r"(?<=[.]) (?=[A-Z])")
_END = 18  # signs
_LONG = re.compile(rf"\S{{{2 * _END + 4},}}")  # nothing of which can be put into the next line
_SHOWN = 8  # the latest files
_MOST_NEIGHBOURS = 32


class BatchWidget(TaskWidget):
    """Denoise all files of a folder into another.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Denoise folder", "Denoise every file; a bad one is left out.")
        self.source = field("", "Folder with the raw files.")
        self.target = field("", "Folder for the results and the report batch.csv.")
        self.pattern = field("*", "Which files: *.mrc, or with subfolders **/*.dm4.")
        self.suffix = choices(["ome.tif", "tif", "mrc", "npy"], "Format of the results.")
        self.model = ModelBox()
        self.modality = modality_box(self.source)
        self.quality = choices(["fast", "best"], "best: slower, better.")
        self.device = choices(["auto", "cpu", "cuda", "mps"], "Where to compute.")
        for box, name in ((self.quality, "quality"), (self.device, "device")):
            box.setCurrentText(preference(name))
        self.neighbours = QSpinBox()
        self.neighbours.setRange(0, _MOST_NEIGHBOURS)
        self.neighbours.setToolTip(
            "Frames on each side of a movie's frame that help to denoise it, where the scene is "
            "still; 0 denoises each frame alone. Single images have none and fail."
        )
        self.reading = ReadingBox()
        self.resume = QCheckBox("skip what is finished")
        self.resume.setToolTip("Results of the same file with the same settings are left alone.")
        self.judge = QCheckBox("judge and measure")
        self.judge.setToolTip("Compare halves of the data; find columns: NAME_columns.csv.")
        self.report = QCheckBox("report")
        self.report.setToolTip("A page for the lab book for each file: NAME_report.pdf.")
        for name, part in {
            "From": beside(self.source, _browse_button(self.source)),
            "To": beside(self.target, _browse_button(self.target)),
            "Files": beside(self.pattern, QLabel("to"), self.suffix),
            "Sum frames": self.reading,
            "Model": beside(self.model, self.modality),
            "Quality": beside(self.quality, QLabel("device"), self.device),
            "Neighbours": self.neighbours,
            "Also": beside(self.judge, self.report),
            "": self.resume,
        }.items():
            self.add_row(name, part)
        self.log = text("The latest files.")
        self.below.addWidget(self.log)
        self._outcomes: list[Outcome] = []

    def prepare(self) -> Task:
        """Read the fields."""
        if not (self.source.text().strip() and self.target.text().strip()):
            raise SBDError("Choose the folder with the files and the one for the results.")
        self._outcomes = []
        return partial(
            _batch,
            path_in(self.source),
            path_in(self.target),
            self._outcomes,
            {
                "glob": self.pattern.text().strip() or "*",
                "to": self.suffix.currentText(),
                "resume": self.resume.isChecked(),
                "model": self.model.chosen,
                "modality": self.modality.currentText(),
                "quality": self.quality.currentText(),
                "device": self.device.currentText(),
                "neighbours": self.neighbours.value(),
                "judge": self.judge.isChecked(),
                "report": self.report.isChecked(),
                **self.reading.chosen,
            },
        )

    def watch(self) -> None:
        """List the latest files."""
        show_or_hide(self.log, "\n".join(map(line_of, self._outcomes[-_SHOWN:])))

    def show_result(self, result: list[Outcome]) -> str:
        """Count what came of the files."""
        return summary_of(result)


def line_of(outcome: Outcome) -> str:
    """One file in a line: of what was warned of a result the first sentence, and of names that no
    line holds both ends."""
    first, *more = _SENTENCE.split(outcome.reason)
    words = f"{first} …" if outcome.status == "done" and more else outcome.reason
    line = f"{outcome.source.name}: {outcome.status}" + (f", {words}" if words else "")
    return _LONG.sub(lambda word: f"{word[0][:_END]}…{word[0][-_END:]}", line)


def summary_of(outcomes: list[Outcome]) -> str:
    """How many files met which end."""
    counts = Counter(outcome.status for outcome in outcomes)
    words = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{words or 'no files'}; batch.csv in the folder of the results has the details."


def _browse_button(line: QLineEdit) -> QPushButton:
    button = QPushButton("…")
    button.setToolTip("Choose a folder.")
    button.setFixedWidth(28)
    button.clicked.connect(partial(_browse, line))
    return button


def _browse(line: QLineEdit, _checked: bool) -> None:
    path = QFileDialog.getExistingDirectory(line, "Choose a folder", line.text())
    if path:
        line.setText(path)


def _batch(
    source: Path,
    target: Path,
    outcomes: list[Outcome],
    options: dict[str, Any],
    progress: Progress,
    should_stop: ShouldStop,
) -> list[Outcome]:
    from ...batch import batch

    return batch(
        source,
        target,
        on_file=outcomes.append,
        progress=progress,
        should_stop=should_stop,
        **options,
    )
