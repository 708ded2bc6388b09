"""The Compare dock widget: which denoiser is best for this image, by its own electrons?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QCheckBox, QHeaderView, QTableWidget, QTableWidgetItem

from ...errors import Cancelled
from ...micrograph import Micrograph
from ...noise import counts as electrons
from ...quality import candidates, compare
from ...quality.samples import HANDS
from ..forms.fields import choices
from ..forms.layer_box import LayerBox
from ..forms.model_box import ModelBox
from ..forms.pair_boxes import is_raw
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..layers import micrographs as layers
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    import pandas as pd

    import napari

_WAYS = {
    "one image, thinned": "thinning",
    "neighbouring frames": "frames",
    "frames of a still scene": "exposures",
}
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
            list(_WAYS),
            "Where independent electrons come from: one image dealt into five hands; each frame "
            "judged by its neighbours; or by all others, if nothing moves.",
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
        self.below.addWidget(self.table)

    def prepare(self) -> Task:
        """Read the fields; thinning takes the frame that is shown."""
        layer = layers.needed(self.layer.layer)
        m = layers.micrograph_of(layer)
        way = _WAYS[self.way.currentText()]
        if m.is_movie and way == "thinning":
            m = m.frame(frame_shown(self.viewer, layer))
        self.table.setVisible(False)
        options = {
            "model": self.model.chosen,
            "every": self.every.isChecked(),
            "gain_tuning": self.tuned.isChecked(),
        }
        return partial(_compare, m, way, options)

    def show_result(self, result: pd.DataFrame) -> str:
        """Fill the table, the best on top."""
        ranked = result.sort_values("umse")
        score = f"uPSNR [dB, peak {result.attrs['peak']:.3g} e⁻]"
        self.table.setHorizontalHeaderLabels(["denoiser", score, ""])
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
        level = [name for name, v in ranked["verdict"].items() if v.startswith("not dist")]
        best = str(ranked.index[0])
        if level:
            others = '", "'.join(map(str, level))
            return f'Best: "{best}". Not distinguishable from it: "{others}".'
        return f'Best, and clearly so: "{best}".'


def _score(row: pd.Series[Any]) -> str:
    if row["high"] < float("inf"):
        return f"{row['upsnr']:.1f} ({row['low']:.1f}–{row['high']:.1f})"
    return f"above {row['low']:.1f}"


def _short(verdict: str) -> str:
    """A verdict on the best one, in a word."""
    words = {"reference": "best", "worse": "worse", "not": "level"}
    return words[verdict.split()[0]]


def _compare(
    m: Micrograph,
    way: Any,
    options: dict[str, Any],
    progress: Progress,
    should_stop: ShouldStop,
) -> pd.DataFrame:
    counts = electrons.counted(m)
    table = candidates(pixel_size=m.pixel_size, method=way, should_stop=should_stop, **options)
    passes = len(table) * {"thinning": HANDS, "subsampling": 4}.get(way, m.shape[0])
    done = 0

    def watched(image: np.ndarray, denoiser: Any) -> Any:
        nonlocal done
        if should_stop():
            raise Cancelled("Stopped before the comparison was complete.")
        result = denoiser(image)
        done += 1
        progress(done, passes)
        return result

    judged: dict[str, Any] = {name: partial(watched, denoiser=d) for name, d in table.items()}
    return compare(counts, judged, method=way)
