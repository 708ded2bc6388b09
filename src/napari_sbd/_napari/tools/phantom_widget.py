"""File > New Layer > Simulated micrograph: a noisy image of known truth, to test tools on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Points

from ...errors import SBDError
from ...simulation.detector import DETECTORS
from ...simulation.materials import MATERIALS
from ...simulation.phantom import Phantom, simulate
from ...simulation.structures import KINDS, OF_ONE_CRYSTAL
from ...units import number_of, parse_number
from ..forms.fields import beside, choices, field
from ..forms.task_widget import Task, TaskWidget
from ..layers import micrographs as layers

if TYPE_CHECKING:
    import napari

_ANY = "any"


class PhantomWidget(TaskWidget):
    """Simulate a micrograph: noisy layer, clean layer, and its atomic columns as points.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer, "Simulate", "Add a noisy image, the noise-free one, and the true columns."
        )
        self.kind = choices(list(KINDS), "What lies in the field.")
        self.material = choices([_ANY, *MATERIALS], "For structures made of one crystal.")
        self.zone = choices([_ANY], "Crystal direction along the beam.")
        self.modality = choices(
            ["hrtem", "stem"], "hrtem: phase contrast. stem: annular dark field."
        )
        self.dose = field("0.45", "Electrons per pixel in vacuum (stem: on average).")
        self.defocus = field("8", "nm; positive is overfocus, which makes atoms bright.")
        self.pixel_size = field("0.0061", "nm per pixel.")
        self.side = field("512", "Pixels along a side.")
        self.detector = choices(
            list(DETECTORS), "What records the electrons, with noise and faults of its kind."
        )
        self.seed = field("0", "Another number gives another structure and other noise.")
        self.add_row("Structure", self.kind)
        self.add_row("Material", beside(self.material, self.zone))
        self.add_row("Mode", self.modality)
        self.add_row("Dose [e/px]", self.dose)
        self.add_row("Defocus [nm]", self.defocus)
        self.add_row("Pixel [nm]", self.pixel_size)
        self.add_row("Size [px]", self.side)
        self.add_row("Detector", self.detector)
        self.add_row("Seed", self.seed)
        self.kind.currentTextChanged.connect(self._offer)
        self.modality.currentTextChanged.connect(self._offer)
        self.material.currentTextChanged.connect(self._list_zones)
        self._offer()

    def prepare(self) -> Task:
        """Read the fields."""
        settings: dict[str, Any] = {
            "kind": self.kind.currentText(),
            "modality": self.modality.currentText(),
            "size": _whole(self.side, "size"),
            "seed": _whole(self.seed, "seed"),
            "pixel_size": _number(self.pixel_size, "pixel size"),
            "dose": _number(self.dose, "dose"),
            "detector": self.detector.currentText(),
        }
        if settings["modality"] == "hrtem":
            settings["defocus"] = _number(self.defocus, "defocus")
        if self.material.isEnabled() and self.material.currentText() != _ANY:
            settings["material"] = self.material.currentText()
            settings["zone"] = self.zone.currentData()
        job = partial(simulate, **settings)
        return lambda progress, should_stop: job()

    def show_result(self, result: Phantom) -> str:
        """Add the three layers."""
        data, attributes, _ = layers.to_layer(result.noisy)
        noisy = Image(data, **attributes)
        look = {**layers.look_of(noisy), "contrast_limits": noisy.contrast_limits}
        clean = Image(result.clean.data, name=result.clean.name, visible=False, **look)
        place = {k: look[k] for k in ("scale", "translate", "units", "axis_labels")}
        names = ("atomic_number", "atoms", "surface")
        columns = Points(
            result.columns[:, :2],
            features=dict(zip(names, result.columns[:, 2:].T, strict=False)),
            size=0.12 / result.noisy.pixel_size_yx[0],  # type: ignore[index]
            face_color="transparent",
            border_color="yellow",
            name=f"{result.noisy.name} true columns",
            visible=False,
            **place,
        )
        for layer in (noisy, clean, columns):
            self.viewer.add_layer(layer)
        self.viewer.layers.selection.active = noisy
        return (
            f"{number_of(len(columns.data), 'column')}, {np.mean(result.clean.data):.3g} electrons "
            "per pixel on average; the clean image and the true columns are hidden below."
        )

    def _offer(self) -> None:
        self.material.setEnabled(self.kind.currentText() in OF_ONE_CRYSTAL)
        self.zone.setEnabled(self.material.isEnabled())
        self.defocus.setEnabled(self.modality.currentText() == "hrtem")

    def _list_zones(self) -> None:
        self.zone.clear()
        self.zone.addItem(_ANY, None)
        if self.material.currentText() != _ANY:
            for zone in MATERIALS[self.material.currentText()].zones:
                self.zone.addItem("[" + " ".join(map(str, zone)) + "]", zone)


def _number(part: Any, what: str) -> float:
    """A typed number, or the one that the empty field shows."""
    value = parse_number(part.text() or part.placeholderText(), what)
    assert value is not None
    return value


def _whole(part: Any, what: str) -> int:
    value = _number(part, what)
    if value != int(value):
        raise SBDError(f"The {what} must be a whole number, not {value:g}.")
    return int(value)
