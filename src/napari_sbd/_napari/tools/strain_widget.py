"""The Strain dock widget: maps of strain, spacings and displacements from columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Points, Shapes
from qtpy.QtWidgets import QCheckBox, QPushButton

from ...columns import species, write_columns
from ...errors import SBDError
from ...measure.phase import PhaseStrain, phase_strain, reflections_of
from ...measure.strain import in_box, off_centre, strain_table
from ..forms.fields import beside, choices, file_to_write
from ..forms.layer_box import LayerBox
from ..forms.strain_map import SHOWN, StrainMap, scaled
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..layers import columns as columns_layer
from ..layers import micrographs as layers
from ..layers.earlier import refuse_earlier
from ..layers.results import take_away
from ..layers.shapes import add_box, box_on, take_up
from ..layers.strain import ARROWS, show_arrows, show_map, show_phases

if TYPE_CHECKING:
    import pandas as pd

    import napari

_ALL, _BOX = "all columns", "columns in the box"
_POLAR = {"weaker in stronger": (0, 1), "stronger in weaker": (1, 0)}
_POLAR_NAME = "polar displacement"
_ARROW = 0.4  # of the spacing, the longest arrow


@dataclass(frozen=True)
class _Strained:
    table: pd.DataFrame
    polar: pd.DataFrame | None
    phases: PhaseStrain | None
    note: str


class StrainWidget(TaskWidget):
    """Measure strain of the columns of a points layer, and draw maps of it.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Measure strain", "Against the lattice of the reference.")
        self.columns = LayerBox(viewer, "Columns found in an image.", columns_layer.is_columns)
        self.reference = choices([_ALL, _BOX], "Whose lattice is the reference.")
        self.box = QPushButton("Box")
        self.box.setToolTip("Put a box on the image, to be dragged onto unstrained crystal.")
        self.show_what = choices([*SHOWN, _POLAR_NAME], "What the map shows.")
        self.polar = choices(list(_POLAR), "For polar displacement: which columns in which.")
        self.phases = QCheckBox("check by geometric phases")
        self.phases.setToolTip("Strain from the phases of two reflections too, as a layer.")
        self.add_row("Columns", self.columns)
        self.add_row("Reference", beside(self.reference, self.box))
        self.add_row("Map", self.show_what)
        self.add_row("Polar", self.polar)
        self.add_row("", self.phases)
        self.map = StrainMap()
        self.below.addWidget(self.map)
        self.save = QPushButton("Save table…")
        self.picture = QPushButton("Picture…")
        self.buttons = beside(self.save, self.picture)
        self.buttons.setVisible(False)
        self.below.addWidget(self.buttons)
        self.found: _Strained | None = None
        self.shapes: Shapes | None = None
        self._source: Points | None = None
        self.box.clicked.connect(self._add_box)
        self.show_what.currentTextChanged.connect(self._show)
        self.save.clicked.connect(self._save)
        self.picture.clicked.connect(self._save_picture)

    def _image(self) -> Image | None:
        """The image of the columns."""
        made_from = self.columns.layer.metadata.get(layers.MADE_FROM)
        images = (one for one in self.viewer.layers if isinstance(one, Image))
        return next((one for one in images if str(one.unique_id) == made_from), None)

    def _add_box(self) -> None:
        try:
            source = layers.needed(self.columns.layer, _NO_COLUMNS)
            image = layers.needed(self._image(), "The image of these columns is gone.")
        except SBDError as error:
            self._complain(str(error))
            return
        self.shapes = take_up(self.viewer, add_box, image, "reference", self.shapes)
        self.columns.choose(source)
        self.reference.setCurrentText(_BOX)

    def prepare(self) -> Task:
        """Read the fields."""
        layer = layers.needed(self.columns.layer, _NO_COLUMNS)
        table = columns_layer.table_of(layer)
        box = None
        if self.reference.currentText() == _BOX:
            if self.shapes is None or self.shapes not in self.viewer.layers:
                raise SBDError(
                    "Click Box and drag it onto unstrained crystal, or take all columns."
                )
            image = layers.needed(self._image(), "The image of these columns is gone.")
            box = box_on(image, self.shapes)
        picture = None
        if self.phases.isChecked():
            image = layers.needed(self._image(), "The image of these columns is gone.")
            frame = layer.metadata[columns_layer.KEY]["frame"]
            picture = np.asarray(image.data if frame is None else image.data[frame])
        self._source = layer
        polar = None
        if self.show_what.currentText() == _POLAR_NAME:
            polar = _POLAR[self.polar.currentText()]
        return partial(_strained, table, box, picture, polar)

    def depends_on(self) -> list[Any]:
        """The columns, and the box where it is the reference."""
        boxed = self.shapes is not None and self.reference.currentText() == _BOX
        return [*super().depends_on(), *([self.shapes] if boxed else [])]

    def show_result(self, result: _Strained) -> str:
        """Draw the map; add the geometric phases as a layer."""
        self.found = result
        self.buttons.setVisible(True)
        self._show()
        self.reveal(self.buttons)
        words = self._summary()
        if result.phases is not None:
            words += f" {self._show_phases(result.phases)}"
        return f"{words} {result.note}".strip()

    def _show(self) -> None:
        """Show the chosen quantity as points, arrows and a map with a colour bar."""
        result, source = self.found, self._source
        what = self.show_what.currentText()
        if result is None or source is None or source not in self.viewer.layers:
            return
        polar = what == _POLAR_NAME
        table = result.polar if polar else result.table
        if table is None:  # and no map of something else stands for it
            self.map.setVisible(False)
            self.say("Click Measure strain once more for the polar displacement.")
            return
        name = "displacement" if polar else what
        unit = result.table.attrs["strain"]["unit"]
        values, label = scaled(table, name, unit)
        arrows = name == "displacement"
        self.map.show_map(table, values, label, arrows)
        show_map(self.viewer, source, table, values, what)
        if arrows:
            show_arrows(self.viewer, source, table, unit)
        else:
            take_away(self.viewer, source, ARROWS)

    def _show_phases(self, phases: PhaseStrain) -> str:
        """Add the map of the geometric phases; compare it with the columns."""
        image = self._image()
        what = self.show_what.currentText()
        name = what if what.startswith("strain") else "strain_xx"
        if image is None or self.found is None:
            return ""
        values = show_phases(self.viewer, image, phases, name)
        table = self.found.table
        rows = np.rint(table[["y", "x"]].to_numpy()).astype(int)
        rows = np.clip(rows, 0, np.array(values.shape) - 1)
        off = 100 * (values[tuple(rows.T)] - table[name].to_numpy())
        off = off[np.isfinite(off)]
        if not len(off):
            return "Geometric phases and columns have no place in common."
        return (
            f"Geometric phases less columns, {name}: {np.median(off):.2g} % in the median, scatter "
            f"{np.std(off):.2g} % (they blur over {phases.resolution:.0f} px)."
        )

    def _summary(self) -> str:
        if self.found is None:
            return ""
        table = self.found.table
        facts = table.attrs["strain"]
        lattices = len(facts["cells"])
        words = f"{int(table['strain_xx'].notna().sum())} of {len(table)} columns have strain"
        if lattices > 1:
            words += f", on {lattices} lattices, each against its own reference"
        for name in ("strain_xx", "strain_yy", "strain_xy"):
            value, error = table[name].median(), table[f"{name}_err"].median()
            words += f"; {name[7:]} {100 * value:.2f} %"
            if np.isfinite(error):
                words += f" (single columns ± {100 * error:.2g} %)"
        common = max(facts["reference_err"].values())
        return f"{words}. Medians; the reference itself is known to {100 * common:.1g} %."

    def _save(self) -> None:
        if self.found is None:
            return
        try:
            self.refuse_outdated()
            refuse_earlier(self._source)
            path = file_to_write(self, "Save strain", "strain.csv", {"CSV": ".csv"})
            if path:
                write_columns(self.found.table, Path(path))
                self.say(f"Wrote {path}.")
        except SBDError as error:
            self._complain(str(error))

    def _save_picture(self) -> None:
        try:
            self.refuse_outdated()
            if self.map.isHidden():
                raise SBDError("There is no map of what is chosen; click Measure strain.")
            self.say(self.map.ask_and_save(self, "strain.png"))
        except SBDError as error:
            self._complain(str(error))


_NO_COLUMNS = "There are no columns yet; find them first (Layers > Measure > Columns)."


def _strained(
    table: pd.DataFrame,
    box: Any,
    picture: np.ndarray | None,
    polar: tuple[int, int] | None,
    progress: Progress,
    should_stop: ShouldStop,
) -> _Strained:
    region, note = None, ""
    if box is not None:
        region = in_box(table, box)
    found = strain_table(table, region)
    moved, phases = None, None
    if polar is not None:
        try:
            moved = off_centre(table, species(table["intensity"].to_numpy(), 2), *polar)
        except SBDError as error:
            note = f"No polar displacement: {error}"
    if picture is not None:
        number = min(found.attrs["strain"]["cells"])
        size = np.broadcast_to(table.attrs.get("pixel_size_nm") or 1.0, 2)
        cell = np.array(found.attrs["strain"]["cells"][number]) / size
        marked = None
        if box is not None:
            (top, bottom), (left, right) = box
            marked = np.zeros(picture.shape, bool)
            marked[max(top, 0) : bottom, max(left, 0) : right] = True
        try:
            phases = phase_strain(
                picture, reflections_of(cell), reference=marked, pixel_size_yx=tuple(size)
            )
        except SBDError as error:
            note = f"{note} No geometric phases: {error}".strip()
    return _Strained(found, moved, phases, note)
