"""What an image is, as a person said in the Denoise form: for all steps, and for its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from qtpy.QtWidgets import QComboBox, QLineEdit

from ...networks.choice import Modality
from ..jobs.preferences import modality_of, remember_modality
from ..layers.micrographs import KEY, MODALITY
from .fields import choices

if TYPE_CHECKING:
    from napari.layers import Layer


def modality_box(folder: QLineEdit | None = None) -> QComboBox:
    """A box that says what images are; those of a folder whose path is typed, if there is one."""
    box = choices(
        list(get_args(Modality)),
        "What the images are, where you know it: among which models auto looks. It is remembered "
        "for the folder of the files.",
    )
    if folder is not None:
        path = lambda: str(Path(folder.text().strip()))  # noqa: E731
        folder.textChanged.connect(lambda: box.setCurrentText(modality_of(path())))
        box.activated.connect(lambda: remember_modality(path(), box.currentText()))
    return box


def modality_for(layer: Layer | None) -> str:
    """What was said last of the folder of its file, or of a layer that comes from none."""
    folder = _folder(layer)
    if layer is not None and folder is None:
        return str(layer.metadata.get(MODALITY, "auto"))
    return modality_of(folder)


def keep_modality(layer: Layer | None, modality: str) -> None:
    """Remember it for the folder of its file, or on a layer that comes from none."""
    folder = _folder(layer)
    if layer is not None and folder is None:
        layer.metadata = {**layer.metadata, MODALITY: modality}
    remember_modality(folder, modality)


def _folder(layer: Layer | None) -> str | None:
    """The folder of the file that a layer shows; None where it comes from none."""
    known = {} if layer is None else layer.metadata.get(KEY, {})
    return str(Path(known["source"]).parent) if known.get("source") else None
