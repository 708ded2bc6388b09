"""The Histogram dock widget: values of columns, and kinds between thresholds to drag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from qtpy.QtWidgets import QPushButton
from superqt.utils import qdebounced

from ...errors import SBDError
from ...measure.histogram import Histogram, Kind, histogram, split, suggest_thresholds
from ...units import number_of, with_error
from ..forms.fields import beside, choices
from ..forms.layer_box import LayerBox
from ..forms.plot import Plot
from ..forms.tool import Tool
from ..jobs.when_gone import when_gone
from ..layers import columns as columns_layer
from ..layers import micrographs as layers
from ..layers.earlier import refuse_earlier

if TYPE_CHECKING:
    import napari

_HEIGHT = 240  # pixels
_WAIT = 50  # ms, in which changes of a layer are one
_GRIP = 8  # pixels, around a threshold, in which the mouse takes it
_COLOURS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#aa3377",
    "#bbbbbb",
)  # Tol's, the last: none
_FIRST = ("intensity", "sigma", "nearest neighbour")


class HistogramWidget(Tool):
    """Count what columns have; sort them by thresholds.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "What was counted.")
        self.layer = LayerBox(viewer, "Columns found in an image.", columns_layer.is_columns)
        self.value = choices(list(_FIRST), "What is counted.")
        self.add = QPushButton("Add threshold")
        self.suggest = QPushButton("Suggest")
        self.suggest.setToolTip("Thresholds between the kinds that a fit of normal curves finds.")
        self.clear = QPushButton("Clear")
        self.keep = QPushButton("Colour columns")
        self.keep.setToolTip("Keep the kinds as “species” of the columns, and colour them.")
        self.picture = QPushButton("Picture…")
        self.plot = Plot(_HEIGHT, "Drag a threshold with the mouse.")
        self.lay_out(
            (
                ("Columns", self.layer),
                ("Value", self.value),
                ("", beside(self.add, self.suggest, self.clear)),
            ),
            self.plot,
            beside(self.keep, self.picture),
        )
        self.thresholds: list[float] = []
        self.found: Histogram | None = None
        self.kinds: list[Kind] = []
        self._held: int | None = None
        self._lines: list[Any] = []
        self._watched: Points | None = None
        self.layer.chosen.connect(self._watch)
        self.value.currentTextChanged.connect(self._other)
        self.add.clicked.connect(lambda: self.attempt(self._add))
        self.suggest.clicked.connect(lambda: self.attempt(self._suggest))
        self.clear.clicked.connect(self._other)
        self.keep.clicked.connect(lambda: self.attempt(self._keep))
        self.picture.clicked.connect(lambda: self.attempt(self._save))
        when_gone(self, self._leave)
        self.plot.mpl_connect("button_press_event", self._press)
        self.plot.mpl_connect("motion_notify_event", self._move)
        self.plot.mpl_connect("button_release_event", self._release)
        self._watch()

    def values(self) -> tuple[np.ndarray, str]:
        """The values that are counted, and their unit."""
        from scipy.spatial import cKDTree

        layer: Points = layers.needed(
            self.layer.layer, "There are no columns yet; find them first."
        )
        name = self.value.currentText()
        if name == _FIRST[0]:
            refuse_earlier(layer)
        table = columns_layer.table_of(layer)
        if name != _FIRST[2]:
            if name not in table:
                raise SBDError(f"These columns have no {name}.")
            return table[name].to_numpy(float), table.attrs.get("unit", "") if name == _FIRST[
                0
            ] else "px"
        if len(table) < 2:
            raise SBDError("Spacings need two columns or more.")
        size = table.attrs.get("pixel_size_nm")
        points = table[["y", "x"]].to_numpy(float) * (1.0 if size is None else size)
        return cKDTree(points).query(points, 2)[0][:, 1], "px" if size is None else "nm"

    def refresh(self) -> None:
        """Count and draw again; nothing where the columns are gone."""
        if self.layer.layer is not None:
            self.attempt(self._draw)
        elif self.found is not None:
            self.found, self.kinds, self.thresholds = None, [], []
            self.plot.setVisible(False)
            self.say("")

    def _watch(self) -> None:
        """Count the columns that are chosen, and again when they are edited or calibrated."""
        if self._watched is not self.layer.layer:
            self.thresholds = []  # those of other columns
        self._leave()
        self._watched = self.layer.layer
        if self._watched is not None:
            events = self._watched.events
            for event in (events.data, events.features, events.metadata):
                event.connect(self._edited)
            events.scale.connect(self._scaled)
        self.refresh()

    def _leave(self) -> None:
        if self._watched is not None:
            events = self._watched.events
            for event in (events.data, events.features, events.metadata):
                event.disconnect(self._edited)
            events.scale.disconnect(self._scaled)
        self._watched = None

    @qdebounced(timeout=_WAIT)  # an edit changes places, numbers and facts one after the other
    def _edited(self, _event: Any = None) -> None:
        self.refresh()

    @qdebounced(timeout=_WAIT)
    def _scaled(self, _event: Any = None) -> None:
        if self.value.currentText() == _FIRST[2]:
            self.thresholds = []  # they were in another unit
        self.refresh()

    def _other(self) -> None:
        self.thresholds = []
        self.refresh()

    def _draw(self) -> None:
        values, unit = self.values()
        self.found = histogram(values)
        axes = self.plot.begin()
        axes.stairs(self.found.counts, self.found.edges, fill=True, color="#5b8ff9")
        self._lines = [axes.axvline(t, color="#ff7f0e", lw=2) for t in self.thresholds]
        axes.set_xlabel(f"{self.value.currentText()} [{unit}]", fontsize="small")
        axes.set_ylabel("columns", fontsize="small")
        self.plot.end()
        self._tell(values, unit)

    def _tell(self, values: np.ndarray, unit: str) -> None:
        _, self.kinds = split(values, self.thresholds)
        words = [
            f"Kind {n}: {number_of(k.count, 'column')}, {with_error(k.mean, k.mean_err)} {unit} "
            f"(sd {k.sd:.2g})"
            for n, k in enumerate(self.kinds)
        ]
        if self.found is not None and self.found.left_out:
            words.append(f"{self.found.left_out} without a value")
        self.say("\n".join(words))

    def _add(self) -> None:
        values, _ = self.values()
        low, high = (float(v) for v in np.nanpercentile(values, (1, 99)))
        # in the middle of the widest gap between those that are there
        ends = np.array([low, *sorted(self.thresholds), high])
        widest = int(np.argmax(np.diff(ends)))
        self.thresholds.append(float(ends[widest : widest + 2].mean()))
        self._draw()

    def _suggest(self) -> None:
        self.thresholds = suggest_thresholds(self.values()[0])
        self._draw()
        if not self.thresholds:
            self.say(f"{self.message.text()}\nOne kind: nothing to part.")

    def _press(self, event: Any) -> None:
        if event.inaxes is None or not self.thresholds:
            return
        places = self.plot.axes.transData.transform([(t, 0) for t in self.thresholds])[:, 0]
        nearest = int(np.argmin(np.abs(places - event.x)))
        if abs(places[nearest] - event.x) <= _GRIP * self.plot.device_pixel_ratio:
            self._held = nearest

    def _move(self, event: Any) -> None:
        if self._held is None or event.inaxes is None:
            return
        self.thresholds[self._held] = float(event.xdata)
        self._lines[self._held].set_xdata([event.xdata, event.xdata])
        self.plot.draw_idle()
        self.attempt(lambda: self._tell(*self.values()))

    def _release(self, _event: Any) -> None:
        self._held = None

    def _keep(self) -> None:
        layer = layers.needed(self.layer.layer, "There are no columns yet; find them first.")
        label, _ = split(self.values()[0], self.thresholds)
        layer.features = layer.features.assign(species=label)
        layer.face_color = np.array(
            [_COLOURS[n if n < 0 else n % (len(_COLOURS) - 1)] for n in label]
        )

    def _save(self) -> None:
        if self.found is None:
            raise SBDError("There is no histogram yet; choose columns first.")
        self.say(self.plot.ask_and_save(self, "histogram.png"))
