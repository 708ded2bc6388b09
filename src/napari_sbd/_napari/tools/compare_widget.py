"""The Compare dock widget: which denoiser is best for this image, by its own electrons?"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QCheckBox, QHeaderView, QPushButton, QTableWidget, QTableWidgetItem

from ...errors import SBDError
from ..forms.docks import TO_COME
from ..forms.fields import choices
from ..forms.layer_box import LayerBox
from ..forms.modality import modality_for
from ..forms.model_box import ModelBox
from ..forms.task_widget import Task, TaskWidget
from ..jobs.comparing import OF_ONE, WAYS, Made, compare_denoisers, made
from ..layers import micrographs as layers
from ..layers.pairs import is_raw
from ..layers.results import AS_DENOISED, correction_of, put, region_of
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    import pandas as pd

    import napari

_COMPARED = "napari_sbd_compared"  # in the metadata of the picture of the row that is chosen
_ROW_HEIGHT = 24  # pixels


class CompareWidget(TaskWidget):
    """Score denoisers on noisy data alone, in one small table.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer, "Compare", "Denoise in several ways; electrons put aside judge the results."
        )
        self.layer = LayerBox(viewer, "The raw image or movie.", is_raw)
        self.way = choices(
            list(WAYS),
            "Where independent data come from: the electrons of one image dealt into five hands; "
            "its pixels, judged by those beside them, for images without counts whose noise is "
            "independent from pixel to pixel; each frame judged by its neighbours; or by all "
            "others, if nothing moves.",
        )
        self.model = ModelBox()
        self.every = QCheckBox("all filters")
        self.every.setToolTip("Also non-local means, wavelet, total variation, Bragg filters.")
        self.tuned = QCheckBox("GainTuned network")
        self.tuned.setToolTip("Tuned anew for each sample, so it takes a minute or two.")
        self.tuned.setChecked(True)
        self.add_row("Image", self.layer)
        self.add_row("Judge by", self.way)
        self.add_row("Model", self.model)
        self.add_row("", self.every)
        self.add_row("", self.tuned)
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["denoiser", "uPSNR [dB]", ""])
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().setVisible(False)  # type: ignore[union-attr]
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)  # type: ignore[union-attr]
        self.table.setVisible(False)
        self.table.setProperty(TO_COME, 8 * _ROW_HEIGHT)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.table.setToolTip("Click a denoiser to see its picture.")
        self.take = QPushButton("Use this")
        self.take.setToolTip("Denoise the whole image or movie in the way that is chosen above.")
        self.take.setVisible(False)
        self.below.addWidget(self.table)
        self.below.addWidget(self.take)
        self.table.itemSelectionChanged.connect(self._show_picture)
        self.take.clicked.connect(self._use)
        self._pictures: dict[str, np.ndarray] = {}
        self._source: Image | None = None
        self._where = ""  # the frame of a movie that is shown
        self._of_one = False  # whether it alone is compared
        self._told: dict[str, Any] = {}
        self._correction: dict[str, Any] = {}  # for the camera, as the denoised image had it
        self._region: str | None = None
        self._wanted: str | None = None

    def prepare(self) -> Task:
        """Read the fields; thinning takes the frame that is shown."""
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            source = layers.needed(self._source if self._source in self.viewer.layers else None)
            m = layers.micrograph_of(source)
            return partial(made, m, wanted, self._told, self._correction)
        layer = layers.needed(self.layer.layer)
        m = layers.micrograph_of(layer)
        way = WAYS[self.way.currentText()]
        number = frame_shown(self.viewer, layer)
        self.table.setVisible(False)
        self.take.setVisible(False)
        self._source = layer
        self._where = f", frame {number}" if m.is_movie else ""
        self._of_one = m.is_movie and way in OF_ONE
        self._told = {"model": self.model.chosen, "modality": modality_for(layer)}
        self._correction = correction_of(self.viewer.layers, layer)
        self._region = None
        with suppress(SBDError):  # all of the image is compared, whatever is drawn
            self._region = region_of(self.viewer.layers, layer)
        options = {
            **self._told,
            "every": self.every.isChecked(),
            "gain_tuning": self.tuned.isChecked(),
        }
        return partial(compare_denoisers, m, number, way, options, self._correction)

    def show_result(self, result: tuple[pd.DataFrame, dict[str, np.ndarray]] | Made) -> str:
        """Fill the table, the best on top, whose picture is shown; or add what was asked for."""
        if isinstance(result, Made):
            return self._add(result)
        table, self._pictures = result
        ranked = table.sort_values("umse")
        unit = "e⁻" if table.attrs["unit"] == "electrons" else "image units"
        score = f"uPSNR [dB, peak {table.attrs['peak']:.3g} {unit}]"
        self.table.setHorizontalHeaderLabels(["denoiser", score, ""])
        self.table.clearSelection()  # or the picture of the comparison before would stay
        self.table.setRowCount(len(ranked))
        for row, (name, score) in enumerate(ranked.iterrows()):
            cells = (str(name), _score(score), _short(score["verdict"]))
            for column, words in enumerate(cells):
                item = QTableWidgetItem(words)
                item.setToolTip(score["verdict"])
                self.table.setItem(row, column, item)
        rows = self.table.verticalHeader().length()  # type: ignore[union-attr]
        self.table.setFixedHeight(rows + 2 * _ROW_HEIGHT)
        self.table.setVisible(True)
        self.take.setVisible(True)
        self.table.selectRow(0)
        level = [name for name, v in ranked["verdict"].items() if v.startswith("not dist")]
        best = str(ranked.index[0])
        words = f'Best, and clearly so: "{best}".'
        if level:
            others = '", "'.join(map(str, level))
            words = f'Best: "{best}". Not distinguishable from it: "{others}".'
        if self._of_one:
            words += f" That is of{self._where.removeprefix(',')} alone."
        if self._correction:
            words += f" {AS_DENOISED}"
        if self._region is not None:
            words += " Compared on all of the image, not only on the region of Denoise."
        return words

    @property
    def _chosen(self) -> str | None:
        """The denoiser of the row that is selected."""
        item = self.table.item(self.table.currentRow(), 0)
        return None if item is None or not self.table.selectedItems() else item.text()

    def _show_picture(self) -> None:
        """Show what the chosen denoiser makes of the frame, on the image."""
        name, source = self._chosen, self._source
        if name not in self._pictures or source is None or source not in self.viewer.layers:
            return
        picture, title = self._pictures[name], f"{source.name} compared{self._where}"
        shown = self._preview_of(source)
        if shown is None:
            limits = layers.contrast_limits(picture)
            preview = Image(
                picture,
                name=title,
                contrast_limits=layers.readable_limits(tuple(source.contrast_limits), limits),
                colormap=source.colormap,
                metadata={layers.AIDS: True, _COMPARED: True, **layers.made_from(source)},
                **layers.place_in_the_plane(source),
            )
            self.viewer.add_layer(preview)
            return
        shown.data, shown.name = picture, title

    def _preview_of(self, source: Image) -> Any:
        """The picture of an image that is there, whatever both are called by now."""
        mine = str(source.unique_id)
        pictures = (one for one in self.viewer.layers if one.metadata.get(_COMPARED))
        return next((p for p in pictures if p.metadata.get(layers.MADE_FROM) == mine), None)

    def _use(self) -> None:
        self._wanted = self._chosen
        if self._wanted is not None:
            self._start()

    def _add(self, found: Made) -> str:
        source = layers.still_there(self.viewer, self._source)
        if (preview := self._preview_of(source)) is not None:
            self.viewer.layers.remove(preview)
        layer = layers.result_layer(source, found.result, found.name)
        put(self.viewer, layer, "denoised", keep=True)
        return f'Added the image as "{found.name}" makes it.'


def _score(row: pd.Series[Any]) -> str:
    if row["high"] < float("inf"):
        return f"{row['upsnr']:.1f} ({row['low']:.1f}–{row['high']:.1f})"
    return f"above {row['low']:.1f}"


def _short(verdict: str) -> str:
    """A verdict on the best one, in a word."""
    words = {"reference": "best", "worse": "worse", "not": "level"}
    return words[verdict.split()[0]]
