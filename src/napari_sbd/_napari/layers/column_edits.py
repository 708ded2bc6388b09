"""Edits of columns by hand, to be undone and done again; knows no viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_MOST = 100  # edits that can be undone


class Edits:
    """The tables before and after each edit.

    Parameters
    ----------
    table
        Before the first one.

    Attributes
    ----------
    now
        The table as it is shown.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.now = table
        self._before: list[pd.DataFrame] = []
        self._after: list[pd.DataFrame] = []

    def note(self, table: pd.DataFrame) -> None:
        """An edit made this table."""
        self._before = [*self._before, self.now][-_MOST:]
        self._after = []
        self.now = table

    def fitted(self, table: pd.DataFrame) -> None:
        """The numbers of the newest edit have come."""
        self.now = table

    def undo(self) -> pd.DataFrame | None:
        """The table before the newest edit; None where there is none."""
        return self._step(self._before, self._after)

    def redo(self) -> pd.DataFrame | None:
        """The table of the edit that was undone last; None where there is none."""
        return self._step(self._after, self._before)

    def _step(self, there: list[pd.DataFrame], back: list[pd.DataFrame]) -> pd.DataFrame | None:
        if not there:
            return None
        back.append(self.now)
        self.now = there.pop()
        return self.now
