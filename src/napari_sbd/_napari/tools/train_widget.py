"""The Train dock widget: a model for one's own material and microscope."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QLineEdit, QPushButton

from ...errors import SBDError
from ...networks import models
from ...simulation.materials import MATERIALS
from ...training.specialist import keep_recipe, kept_recipe
from ...units import parse_number
from ..forms.curve import Curve
from ..forms.fields import beside, choices, field, path_in, show_or_hide, text
from ..forms.model_box import own_models
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..jobs.preferences import preference
from ..jobs.subprocess_task import apart
from .train_form import Wishes, plan_of, recipe_of

if TYPE_CHECKING:
    import napari

    from ...training.recipe import Recipe

_CIF = "CIF file…"
_CURVE = 100  # a new point when this part of the time has passed: a long run draws seldom
_LOSS = re.compile(r"loss (\d+\.?\d*)")  # in the line that training shows at each step


class TrainWidget(TaskWidget):
    """Simulate images of a material and fine-tune a model with them.

    Parameters
    ----------
    viewer
        The viewer.
    """

    in_line = False  # hours should not keep a denoising waiting

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer, "Train", "Simulate, then train; the model then stands in the model boxes."
        )
        self.name = field("own", "Name of the model.")
        self.material = choices([*MATERIALS, _CIF], "The crystal: a known one, or a CIF file.")
        self.material.activated.connect(self._choose_cif)
        self.zones = field("the usual ones", "Directions along the beam: 1 0 0, 1 1 0.")
        self.kilovolt = field("any", "Accelerating voltage [kV]: one number, or 200 to 300.")
        self.cs = field("corrected", "Spherical aberration [µm]: one number, or -15 to -11.")
        self.defocus = field("any", "Defocus [nm], positive is overfocus: 2 to 12.")
        self.pixel_size = field("0.0061", "Pixel size of your raw images [nm].")
        self.dose = field("0.1 to 2", "Electrons per raw pixel, down to your weakest frames.")
        self.waves = field("400", "Exit waves to simulate: more know more, and take longer.")
        self.minutes = field("15", "Minutes of training, after the simulation.")
        self.origin = choices(
            [card.name for card in models() if card.frames == 1], "The model to fine-tune."
        )
        self.folder = field(str(Path.home() / "napari-sbd" / "own"), "Where the run is kept.")
        self.browse = QPushButton("…")
        self.browse.setToolTip("Choose a folder.")
        self.browse.setFixedWidth(28)
        self.browse.clicked.connect(self._choose_folder)
        self.resume = QCheckBox("go on with the run in this folder")
        self.resume.setToolTip("Continue from its last checkpoint, with its own recipe.")
        for name, part in {
            "Name": beside(self.name, QLabel("from"), self.origin),
            "Material": self.material,
            "Zones": self.zones,
            "kV": beside(self.kilovolt, QLabel("Cs"), self.cs, QLabel("µm")),
            "Defocus": beside(self.defocus, QLabel("nm")),
            "Pixel size": beside(self.pixel_size, QLabel("nm")),
            "Dose": beside(self.dose, QLabel("e⁻ per pixel")),
            "Waves": beside(self.waves, QLabel("minutes"), self.minutes),
            "Folder": beside(self.folder, self.browse),
            "": self.resume,
        }.items():
            self.add_row(name, part)
        self.plan = text("What Train will do, and how long that takes on a computer like this.")
        self.add_whole_row(self.plan)
        for box in (self.material, self.origin):
            box.currentTextChanged.connect(self._show_plan)
        for typed in self.findChildren(QLineEdit):
            typed.textChanged.connect(self._show_plan)
        self.resume.toggled.connect(self._show_plan)
        self._show_plan()
        self.now = text("What the training does.")
        self.below.addWidget(self.now)
        self.curve = Curve("minutes", "training loss")
        self.below.addWidget(self.curve)
        self._points: list[tuple[float, float]] = []
        self._status = [""]

    def prepare(self) -> Task:
        """Read the fields."""
        folder = path_in(self.folder)
        self._points, self._status = [], [""]
        if self.resume.isChecked():
            recipe = kept_recipe(folder)
            minutes = parse_number(self.minutes.text(), "time") or recipe.minutes
            recipe = recipe.model_copy(update={"minutes": minutes})
        else:
            recipe = recipe_of(self._wishes())
        return partial(
            _train,
            recipe,
            folder,
            None if self.resume.isChecked() else self.origin.currentText(),
            self.resume.isChecked(),
            self._points,
            self._status,
        )

    def watch(self) -> None:
        """Show the line of the moment and let the curve grow."""
        show_or_hide(self.now, self._status[-1])
        self.curve.show_points(list(self._points))

    def show_result(self, result: Path) -> str:
        """Put the model into the model boxes."""
        own_models().add(str(result))
        self.resume.setChecked(False)
        return f"{result.stem} is ready; choose it in the Model box of Denoise or GainTune."

    def _wishes(self) -> Wishes:
        return Wishes(
            name=_typed(self.name),
            material=self.material.currentText(),
            zones=self.zones.text(),
            kilovolt=self.kilovolt.text(),
            cs_um=self.cs.text(),
            defocus_nm=self.defocus.text(),
            pixel_nm=_typed(self.pixel_size),
            dose=_typed(self.dose),
            waves=_typed(self.waves),
            minutes=_typed(self.minutes),
        )

    def _show_plan(self) -> None:
        """Say what would be done, or why it cannot."""
        try:
            if self.resume.isChecked():
                kept = kept_recipe(path_in(self.folder))
                minutes = parse_number(self.minutes.text(), "time") or kept.minutes
                words = f"Goes on with {kept.name} until it was trained for {minutes:g} min in all."
            elif self.material.currentText() == _CIF:
                words = ""
            else:
                cores = os.cpu_count() or 1
                words = plan_of(recipe_of(self._wishes()), self.origin.currentText(), cores)
        except SBDError as error:
            words = str(error)
        show_or_hide(self.plan, words)

    def _choose_cif(self) -> None:
        if self.material.currentText() != _CIF:
            return
        path, _ = QFileDialog.getOpenFileName(self, "Choose a crystal", "", "Crystals (*.cif)")
        if path:
            self.material.insertItem(self.material.count() - 1, path)
        self.material.setCurrentText(path or next(iter(MATERIALS)))

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder for the run")
        if path:
            self.folder.setText(path)


def _typed(part: QLineEdit) -> str:
    """What was typed, or what the empty field shows."""
    return part.text().strip() or part.placeholderText()


def _train(
    recipe: Recipe,
    folder: Path,
    start: str | None,
    resume: bool,
    points: list[tuple[float, float]],
    status: list[str],
    progress: Progress,
    should_stop: ShouldStop,
) -> Path:
    """Train as the command line does; a run that is cancelled keeps its checkpoint."""
    if not resume:
        keep_recipe(recipe, folder)
    task = partial(_train_there, recipe, folder, start, resume, preference("threads"))
    return Path(apart(task, listener(recipe.minutes, points, status, progress), should_stop))


def _train_there(
    recipe: Recipe,
    folder: Path,
    start: str | None,
    resume: bool,
    threads: int,
    tell: Callable[[str], None],
    should_stop: ShouldStop,
) -> Path:
    """Train in a process that does not know the preferences."""
    import torch

    from ...training.session import train

    if threads:
        torch.set_num_threads(threads)
    return train(
        recipe,
        folder,
        minutes=recipe.minutes if resume else None,
        start=start,
        resume=resume,
        status=tell,
        should_stop=should_stop,
    )


def listener(
    minutes: float, points: list[tuple[float, float]], status: list[str], progress: Progress
) -> Callable[[str], None]:
    """Hears what the training says at each step; makes the curve and the progress of it."""
    begun: list[float] = []

    def hear(line: str) -> None:
        status[:] = [line]
        loss = _LOSS.search(line)
        if loss is None:
            return
        begun[:] = begun or [time.monotonic()]
        spent = (time.monotonic() - begun[0]) / 60
        if not points or spent - points[-1][0] >= spent / _CURVE:
            points.append((spent, float(loss[1])))
        progress(min(spent, minutes), minutes)

    return hear
