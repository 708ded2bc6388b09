"""A button that chooses a file, and forgets it when it is clicked again."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

_SHOWN = 18  # letters of a name


class FileButton(QPushButton):
    """A button that shows the name of the file that was chosen.

    Parameters
    ----------
    title
        Its text while none is.
    tip
        What the file is for.

    Attributes
    ----------
    path
        Of the file; None while none is chosen.
    """

    changed = Signal()

    def __init__(self, title: str, tip: str) -> None:
        super().__init__(title)
        self._title = title
        self.setToolTip(f"{tip} Click again to do without.")
        self.path: str | None = None
        self.clicked.connect(self._ask)

    def choose(self, path: str | None) -> None:
        """Take a file, or none."""
        self.path = path
        name = Path(path).name if path else self._title
        self.setText(name if len(name) <= _SHOWN else f"...{name[-_SHOWN:]}")
        self.changed.emit()

    def _ask(self) -> None:
        if self.path is not None:
            self.choose(None)
            return
        path, _ = QFileDialog.getOpenFileName(self, self._title)
        self.choose(path or None)
