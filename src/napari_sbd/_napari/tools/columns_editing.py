"""Columns edited by hand: what was added or moved is fitted again, and every edit can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from qtpy.QtCore import QObject, Signal

from ...columns import refit_columns
from ..forms.task_widget import sentence
from ..jobs.work import in_background
from ..layers import columns as columns_layer
from ..layers import micrographs as layers
from ..layers.column_edits import Edits
from ..layers.pairs import raw_of

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image, Layer, Points

    from ...micrograph import Micrograph


class ColumnsEditing(QObject):
    """Follows the edits of a points layer for as long as there is that, whatever docks are open.

    Parameters
    ----------
    points
        The layer, not kept alive.
    pair
        The raw image, or None, by which its columns are judged; the one in which they were found.

    Attributes
    ----------
    said
        Signal: the layer, and a sentence about its latest edit.
    refused
        Signal: the layer, and why there is nothing to take back or to do again.
    """

    said = Signal(object, str)
    refused = Signal(object, str)

    def __init__(self, points: Points, pair: tuple[Micrograph | None, Micrograph]) -> None:
        super().__init__()
        self._points, self._pair = ref(points), pair
        self._touched: set[int] = set()  # rows that wait for a fit
        self._stale = False  # whether the table as a whole was edited since the last fit
        self._fitting = False
        self._edits = Edits(columns_layer.table_of(points))
        self._settling = False
        points.events.data.connect(self._edited)
        points.bind_key("Control-Z", lambda _layer: self.undo(), overwrite=True)
        points.bind_key("Control-Shift-Z", lambda _layer: self.redo(), overwrite=True)
        _editing[points] = self

    @property
    def points(self) -> Points | None:
        """The layer; None once it is gone."""
        return self._points()

    @property
    def busy(self) -> bool:
        """Whether a fit is under way or waits."""
        return self._fitting or self._stale

    def undo(self) -> None:
        """Take back the last edit."""
        self._step(Edits.undo, "No edit of these columns is left to take back.")

    def redo(self) -> None:
        """Do it again."""
        self._step(Edits.redo, "No edit of these columns is left to do again.")

    def _edited(self, event: Any) -> None:
        """Fit again what was added or moved by hand, and only that."""
        layer, action = self.points, str(event.action.value)
        done = action in ("added", "changed", "removed")
        if not done or self._settling or layer is None or layer is not event.source:
            return
        if action == "removed":  # rows have other numbers now
            self._touched = set(range(len(layer.data))) if self._touched or self._fitting else set()
        else:
            self._touched |= {int(i) % len(layer.data) for i in event.data_indices}
        table = columns_layer.table_of(layer)
        table.attrs["edited"] = True
        columns_layer.keep_facts(layer, table)
        self._edits.note(table)
        self._stale = True
        self._fit()

    def _fit(self) -> None:
        """Fit what waits for it, one batch after the other."""
        layer = self.points
        if self._fitting or not self._stale or layer is None:
            return
        rows, self._touched, self._stale = sorted(self._touched), set(), False
        table = columns_layer.table_of(layer)
        if not len(table):
            self.said.emit(layer, "No column is left.")
            return
        self._fitting = True
        wanted = np.isin(np.arange(len(table)), rows)
        then = partial(self._refitted, layer, self._edits.now, table, rows)
        work = partial(refit_columns, table, wanted, *self._pair)
        worker = in_background(work, then, self._failed)
        worker.finished.connect(self._go_on)  # type: ignore[arg-type]
        worker.start()

    def _failed(self, error: Exception) -> None:
        self.said.emit(self.points, sentence(error))

    def _go_on(self) -> None:
        self._fitting = False
        self._fit()

    def _refitted(
        self,
        layer: Points,
        began: pd.DataFrame,
        before: pd.DataFrame,
        rows: list[int],
        table: pd.DataFrame,
    ) -> None:
        """Show what was fitted, unless it was edited again meanwhile."""
        now = columns_layer.table_of(layer)
        undone = self._edits.now is not began and not self._stale
        if len(now) < len(before) or undone:
            return
        places = [t[["y", "x"]].to_numpy(float) for t in (now, before, table)]
        still = [i for i in rows if i not in self._touched and (places[0][i] == places[1][i]).all()]
        self._settling = True
        data = layer.data.copy()
        data[still, -2:] = places[2][still]
        if layer.ndim == 3:  # a point added while another frame was shown
            data[:, 0] = self._frame
        layer.data = data
        features = layer.features.copy()
        fresh = columns_layer.features_of(table)
        others = np.setdiff1d(np.arange(len(before)), [*rows, *self._touched])
        for name in fresh.columns:
            features.loc[[*still, *others], name] = fresh[name].to_numpy()[[*still, *others]]
        layer.features = features
        self._settling = False
        columns_layer.colour_again(layer)
        settled = columns_layer.table_of(layer)
        self._edits.fitted(settled)
        self.said.emit(layer, columns_layer.words(settled, self._judged, still, self._frame))

    @property
    def _judged(self) -> bool:
        """Whether there are data to judge the columns by."""
        return self._pair[0] is not None

    @property
    def _frame(self) -> int | None:
        """The frame of a movie in which the columns were found."""
        layer = self.points
        return None if layer is None else layer.metadata[columns_layer.KEY]["frame"]

    def _step(self, to: Callable[[Edits], pd.DataFrame | None], otherwise: str) -> None:
        """Show the table of another edit; a fit that is under way is of no use any more."""
        layer = self.points
        if layer is None:
            return
        table = to(self._edits)
        if table is None:
            self.refused.emit(layer, otherwise)
            return
        self._settling = True
        columns_layer.show_table(layer, table)
        self._settling = False
        self._touched, self._stale = set(), False
        columns_layer.colour_again(layer)
        self.said.emit(layer, columns_layer.words(table, self._judged, frame=self._frame))


_editing: WeakKeyDictionary[Points, ColumnsEditing] = WeakKeyDictionary()


def editing_of(
    points: Points, image: Image | None, every: Iterable[Layer]
) -> ColumnsEditing | None:
    """What follows the edits of columns; begun anew where nothing does and their image is there.

    Parameters
    ----------
    points
        The columns.
    image
        In which they were found; None where it is gone.
    every
        Layers among which its raw image may be.
    """
    known = _editing.get(points)
    if known is not None or image is None:
        return known
    frame = points.metadata[columns_layer.KEY]["frame"]
    raw = raw_of(image, every)
    pair = (None if raw is None else layers.micrograph_of(raw)), layers.micrograph_of(image)
    if frame is not None:
        pair = None if pair[0] is None else pair[0].frame(frame), pair[1].frame(frame)
    return ColumnsEditing(points, pair)
