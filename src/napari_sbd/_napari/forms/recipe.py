"""The recipe of a layer, and the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtGui import QGuiApplication

from ...errors import SBDError
from ...recipe import KEY

if TYPE_CHECKING:
    from qtpy.QtGui import QClipboard


def recipe_of(layer: Layer) -> Any:
    """The recipe of a layer.

    Raises
    ------
    SBDError
        If it has none.
    """
    if KEY not in layer.metadata:
        raise SBDError(f'"{layer.name}" carries no recipe; choose a result of napari-sbd.')
    return layer.metadata[KEY]


def copy_recipe(layer: Layer, writer: Callable[[Any], str]) -> None:
    """Put a layer's recipe on the clipboard.

    Raises
    ------
    SBDError
        If it has none, or one that cannot be repeated.
    """
    clipboard: QClipboard | None = QGuiApplication.clipboard()
    words = writer(recipe_of(layer))
    if clipboard is not None:
        clipboard.setText(words)
