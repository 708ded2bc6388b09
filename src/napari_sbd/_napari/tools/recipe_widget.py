"""The Recipe dock widget: copy how a result was made, or do the same with another image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import napari.viewer
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QPushButton

from ...errors import SBDError
from ...micrograph import Micrograph
from ...provenance.replay import apply, as_command, as_python
from ..forms.fields import beside, text
from ..forms.layer_box import LayerBox
from ..forms.recipe import copy_recipe, recipe_of
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..layers import micrographs as layers
from ..layers.pairs import is_denoised, is_raw


class RecipeWidget(TaskWidget):
    """Show a result's recipe; copy it as Python or as a command; re-run it on another layer.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Re-run", "Do with this image what was done for the result.")
        self.result = LayerBox(viewer, "A result, which carries its recipe.", is_denoised)
        self.image = LayerBox(viewer, "The raw image or movie to treat likewise.", is_raw)
        self.line = text("The recipe as a command.")
        self.python = QPushButton("Copy as Python")
        self.python.setToolTip("A script that makes this result again.")
        self.command = QPushButton("Copy as command")
        self.command.setToolTip("A line for a terminal that makes this result again.")
        self.add_row("Result", self.result)
        self.add_row("Recipe", self.line)
        self.add_row("", beside(self.python, self.command))
        self.add_row("On", self.image)
        self.result.chosen.connect(self._show_line)
        self.python.clicked.connect(partial(self._copy, as_python))
        self.command.clicked.connect(partial(self._copy, as_command))
        self._show_line()

    def prepare(self) -> Task:
        """Read the fields."""
        result = layers.needed(self.result.layer, layers.NO_RESULT)
        image = layers.needed(self.image.layer)
        self._source = image
        return partial(_apply, recipe_of(result), layers.micrograph_of(image))

    def show_result(self, result: Any) -> str:
        """Add the layer."""
        if not isinstance(result, Micrograph):
            raise SBDError("This recipe makes no image; use the widget that made the result.")
        source = layers.still_there(self.viewer, self._source)
        layers.add_result(self.viewer, source, result, "re-run")
        return "Done with the same model and settings."

    def _show_line(self) -> None:
        layer = self.result.layer
        try:
            self.line.setText("" if layer is None else as_command(recipe_of(layer)))
        except SBDError as error:
            self.line.setText(str(error))

    def _copy(self, writer: Callable[[Any], str], _checked: bool) -> None:
        try:
            copy_recipe(layers.needed(self.result.layer, layers.NO_RESULT), writer)
            self.say("Copied.")
        except SBDError as error:
            self.say(str(error))


def copy_as_python(viewer: napari.viewer.Viewer) -> None:
    """Put the recipe of the active layer on the clipboard as a Python script."""
    _copy_active(viewer, as_python)


def copy_as_command(viewer: napari.viewer.Viewer) -> None:
    """Put the recipe of the active layer on the clipboard as a command."""
    _copy_active(viewer, as_command)


def _copy_active(viewer: napari.viewer.Viewer, writer: Callable[[Any], str]) -> None:
    try:
        copy_recipe(layers.needed(viewer.layers.selection.active, layers.NO_RESULT), writer)
        show_info("Copied to the clipboard.")
    except SBDError as error:
        show_error(str(error))


def _apply(recipe: Any, image: Micrograph, progress: Progress, should_stop: ShouldStop) -> Any:
    return apply(recipe, image, progress=progress, should_stop=should_stop)
