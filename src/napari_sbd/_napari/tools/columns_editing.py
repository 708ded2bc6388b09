"""Columns edited by hand: what was added or moved is fitted again, and every edit can be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from ...columns import refit_columns
from ..forms.task_widget import sentence
from ..jobs.work import in_background
from ..layers import columns as columns_layer
from ..layers.column_edits import Edits

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points

    from ...micrograph import Micrograph


class ColumnsEditing(QObject):
    """Follows the edits of one points layer until it follows another.

    Parameters
    ----------
    parent
        The widget to which it belongs.

    Attributes
    ----------
    points
        The layer; None before there is one.
    said
        Signal: a sentence about the latest edit.
    refused
        Signal: why there is nothing to take back or to do again.
    changed
        Signal: the numbers of the columns are others now.
    """

    said = Signal(str)
    refused = Signal(str)
    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.points: Points | None = None
        self._pair: tuple[Micrograph | None, Micrograph] | None = None
        self._touched: set[int] = set()  # rows that wait for a fit
        self._stale = False  # whether the table as a whole was edited since the last fit
        self._fitting = False
        self._edits: Edits | None = None
        self._settling = False

    def follow(
        self, points: Points | None, pair: tuple[Micrograph | None, Micrograph] | None
    ) -> None:
        """Follow a layer of columns, found in the second of a pair and judged by the first."""
        self.points, self._pair = points, pair
        self._touched, self._stale = set(), False
        if points is not None:
            self._edits = Edits(columns_layer.table_of(points))
            points.events.data.connect(self._edited)
            points.bind_key("Control-Z", lambda _layer: self.undo(), overwrite=True)
            points.bind_key("Control-Shift-Z", lambda _layer: self.redo(), overwrite=True)

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
        if self._edits is not None:
            self._edits.note(table)
        self._stale = True
        self._fit()

    def _fit(self) -> None:
        """Fit what waits for it, one batch after the other."""
        layer = self.points
        if self._fitting or not self._stale or layer is None or self._pair is None:
            return
        rows, self._touched, self._stale = sorted(self._touched), set(), False
        table = columns_layer.table_of(layer)
        if not len(table):
            self.said.emit("No column is left.")
            return
        self._fitting = True
        wanted = np.isin(np.arange(len(table)), rows)
        began = self._edits and self._edits.now
        then = partial(self._refitted, layer, began, table, rows)
        work = partial(refit_columns, table, wanted, *self._pair)
        worker = in_background(work, then, self._failed)
        worker.finished.connect(self._go_on)  # type: ignore[arg-type]
        worker.start()

    def _failed(self, error: Exception) -> None:
        self.said.emit(sentence(error))

    def _go_on(self) -> None:
        self._fitting = False
        self._fit()

    def _refitted(
        self,
        layer: Points,
        began: pd.DataFrame | None,
        before: pd.DataFrame,
        rows: list[int],
        table: pd.DataFrame,
    ) -> None:
        """Show what was fitted, unless it was edited again meanwhile."""
        now = columns_layer.table_of(layer)
        undone = self._edits is not None and self._edits.now is not began and not self._stale
        theirs = self.points is layer
        if len(now) < len(before) or undone or not theirs:
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
        self.changed.emit()
        settled = columns_layer.table_of(layer)
        if self._edits is not None:
            self._edits.fitted(settled)
        self.said.emit(columns_layer.words(settled, self._judged, still, self._frame))

    @property
    def _judged(self) -> bool:
        """Whether there are data to judge the columns by."""
        return self._pair is not None and self._pair[0] is not None

    @property
    def _frame(self) -> int | None:
        """The frame of a movie in which the columns were found."""
        return None if self.points is None else self.points.metadata[columns_layer.KEY]["frame"]

    def _step(self, to: Callable[[Edits], pd.DataFrame | None], otherwise: str) -> None:
        """Show the table of another edit; a fit that is under way is of no use any more."""
        layer = self.points
        table = None if self._edits is None or layer is None else to(self._edits)
        if layer is None or table is None:
            self.refused.emit(otherwise)
            return
        self._settling = True
        columns_layer.show_table(layer, table)
        self._settling = False
        self._touched, self._stale = set(), False
        self.changed.emit()
        self.said.emit(columns_layer.words(table, self._judged, frame=self._frame))
