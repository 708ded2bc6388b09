"""A box that lists the models: the bundled ones, and the user's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog

from ...networks import models
from ..jobs.preferences import prefer, preference

_OWN_MODEL = "your own…"
_TIP = "The network; your own is a .safetensors file with its card beside it."
_BETWEEN = ";"  # paths of own models in the preferences


class OwnModels(QObject):
    """The user's own models, which napari remembers.

    Attributes
    ----------
    changed
        Signal: there is another one.
    """

    changed = Signal()

    @property
    def paths(self) -> list[str]:
        """The .safetensors files that are still there, oldest first."""
        kept = [path for path in preference("own_models").split(_BETWEEN) if path]
        return [path for path in kept if Path(path).is_file()]

    def add(self, path: str) -> None:
        """Remember a model."""
        if path not in self.paths:
            prefer("own_models", _BETWEEN.join([*self.paths, path]))
            self.changed.emit()


@lru_cache
def own_models() -> OwnModels:
    """Those of this program."""
    return OwnModels()


class ModelBox(QComboBox):
    """Choose a model; begins with the one that the user prefers."""

    def __init__(self, tip: str = _TIP) -> None:
        super().__init__()
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(self._browse)
        own_models().changed.connect(self._list)
        self._list()
        self.choose(preference("model"))

    @property
    def chosen(self) -> str:
        """As ``denoise(model=...)`` takes it."""
        return str(self.currentData())

    def choose(self, model: str) -> None:
        """Choose a model by name or path, if it is listed."""
        self.setCurrentIndex(max(self.findData(model), 0))

    def _list(self) -> None:
        before = self.chosen
        self.clear()
        for name in ("auto", *(card.name for card in models())):
            self.addItem(name, name)
        for path in own_models().paths:
            self.addItem(Path(path).stem, path)
            self.setItemData(self.count() - 1, path, Qt.ItemDataRole.ToolTipRole)
        self.addItem(_OWN_MODEL, "")
        self.choose(before)

    def _browse(self) -> None:
        if self.currentData() != "":
            return
        path, _ = QFileDialog.getOpenFileName(self, "Choose a model", "", "Models (*.safetensors)")
        if path:
            own_models().add(path)
        self.choose(path or "auto")
