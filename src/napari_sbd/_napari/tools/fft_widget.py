"""The FFT dock widget: the spectrum of a box, live while the box moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QPushButton

from ...errors import SBDError
from ...measure.calibrate import doubt, pixel_size_from_spacing
from ...measure.image_noise import DENOISED
from ...measure.indexing import index_spots, rings
from ...measure.spectrum import Spectrum, Spot, angle_between, box_spectrum, snap
from ...units import parse_length, with_error
from ..forms.fields import beside, choices
from ..forms.file_button import FileButton
from ..forms.layer_box import LayerBox
from ..forms.spectrum_plot import SpectrumPlot, plane_text
from ..forms.tool import ShapeTool
from ..layers import micrographs as layers
from ..layers.pairs import is_denoised, is_image
from ..layers.shapes import add_box, box_on
from ..layers.view_state import frame_shown
from .scale import calibrate_all

if TYPE_CHECKING:
    import napari

_NONE = "no material"
_MOST = 3  # spots
_BEGIN = "Click Box, then drag the box on the image."
_SHORTEST = 0.1  # nm, of the rings


class FFTWidget(ShapeTool):
    """Read spacings and angles off the spectrum of a box, and index them.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        chosen = LayerBox(viewer, "The image whose spectrum is shown.", is_image)
        super().__init__(viewer, chosen, "What was read.")
        from ...simulation.materials import MATERIALS

        self.box = QPushButton("Box")
        self.box.setToolTip("Put a box on the image; drag it, or its corners.")
        self.clear = QPushButton("Clear spots")
        self.save = QPushButton("Save picture…")
        self.material = choices([_NONE, *MATERIALS], "Whose rings are drawn and spots indexed.")
        self.cif = FileButton("CIF…", "Another crystal.")
        self.known = choices([], "The spacing that the spot clicked last has [nm].")
        self.known.setEditable(True)
        self.calibrate = QPushButton("Calibrate")
        self.calibrate.setToolTip("Set the pixel size so that the last spot has this spacing.")
        self.plot = SpectrumPlot()
        self.lay_out(
            (
                ("Image", self.layer),
                ("", beside(self.box, self.clear, self.save)),
                ("Material", beside(self.material, self.cif)),
                ("Known [nm]", beside(self.known, self.calibrate)),
            ),
            self.plot,
        )
        self.spectrum: Spectrum | None = None
        self.spots: list[Spot] = []
        self._places: list[np.ndarray] = []  # of the spots [cycles per pixel]
        self._told = ""  # of the calibration by these spots; what is drawn again leaves it
        self._told_of: tuple[Any, ...] = ()  # the image and its pixel size then
        self.box.clicked.connect(lambda: self.attempt(lambda: self.put(add_box, "FFT box")))
        self.clear.clicked.connect(self._clear)
        self.save.clicked.connect(lambda: self.attempt(self._save))
        self.calibrate.clicked.connect(lambda: self.attempt(self._calibrate))
        self.material.currentTextChanged.connect(self._new_material)
        self.material.activated.connect(lambda _index: self.cif.choose(None))  # chosen last
        self.cif.changed.connect(self._new_material)
        self.plot.picked.connect(self._pick)
        self.say(_BEGIN)

    def read(self) -> None:
        """Transform what is in the box now."""
        layer = layers.needed(self.layer.layer)
        m = layers.micrograph_of(layer)
        if self._told_of != (layer.unique_id, layers.pixel_size_of(layer)):
            self._told = ""
        image = m.data[frame_shown(self.viewer, layer)] if m.is_movie else m.data
        box = box_on(layer, self.shapes)
        self.spectrum = box_spectrum(image, m.pixel_size_yx, box, not is_denoised(layer))
        places, self._places, self.spots = self._places, [], []
        for place in places:
            self._add_spot(place, again=True)
        self._show()

    def forget(self) -> None:
        """No spectrum; spots that were clicked are looked for in the same box again."""
        self.spectrum, self.spots, self._told = None, [], ""
        if self.shapes is None:
            self._places = []
        self.plot.setVisible(False)
        self.say(_BEGIN)

    def _pick(self, y: float, x: float) -> None:
        self.attempt(lambda: self._picked(y, x))

    def _picked(self, y: float, x: float) -> None:
        if self.spectrum is None:
            return
        self._told = ""
        if len(self.spots) == _MOST:
            self._places, self.spots = [], []
        self._add_spot(np.array([y, x]) * self.spectrum.step)
        self._show()

    def _add_spot(self, place: np.ndarray, again: bool = False) -> None:
        """Snap to the peak; one that was clicked earlier and is not in this box is let go."""
        if self.spectrum is None:
            return
        try:
            spot = snap(self.spectrum, *(place / self.spectrum.step))
        except SBDError:
            if again:
                return
            raise
        self.spots.append(spot)
        # where it was clicked stays: from box to box it would wander to another spot
        self._places.append(place if again else np.array([spot.y, spot.x]) * self.spectrum.step)

    def _clear(self) -> None:
        self._places, self.spots, self._told = [], [], ""
        self._show()

    def _crystal(self) -> tuple[str, Any]:
        """Name and unit cell of the chosen material; None without one."""
        from ...simulation.materials import material

        if self.cif.path is not None:
            return Path(self.cif.path).stem, material(self.cif.path)
        name = self.material.currentText()
        return name, None if name == _NONE else material(name)

    def _new_material(self) -> None:
        self.attempt(self._fill_known)
        self._show()

    def _fill_known(self) -> None:
        _, crystal = self._crystal()
        self.known.clear()
        if crystal is not None:
            for ring in rings(crystal, _SHORTEST):
                self.known.addItem(f"{ring.spacing:.4f} {plane_text(ring.plane)}")

    def _show(self) -> None:
        self.attempt(self._draw)

    def _draw(self) -> None:
        if self.spectrum is None:
            return
        name, crystal = self._crystal()
        in_nm = self.spectrum.unit == "nm"
        circles = rings(crystal, _SHORTEST) if crystal is not None and in_nm else []
        words = [self._words(n, spot) for n, spot in enumerate(self.spots, 1)]
        labels = [str(n) for n in range(1, len(self.spots) + 1)]
        if len(self.spots) > 1:
            angle, error = angle_between(*self.spots[-2:])
            words.append(f"Angle {with_error(angle, error)}°.")
        if crystal is not None and not in_nm:
            words.append("The image has no pixel size: choose a known spacing and Calibrate.")
        elif crystal is not None and self.spots:
            ways = index_spots(crystal, [(s.y, s.x) for s in self.spots])
            if ways:
                labels = [plane_text(p) for p in ways[0].planes]
                words.append(f"{name}: {_way(ways[0])}.")
                words += [f"Or {_way(way)}." for way in ways[1:2]]
            else:
                words.append(f"{name} has no such planes within 3 % and 2°.")
        self.plot.show_spectrum(self.spectrum, self.spots, circles, labels)
        words += [DENOISED] if self.spots and not self.spectrum.noisy else []
        words += [self._told] if self._told else []
        self.say("\n".join(words) or "Click a spot of the spectrum.")

    def _words(self, number: int, spot: Spot) -> str:
        unit = "nm" if self.spectrum is None else self.spectrum.unit
        sure = "" if spot.significant else " Noise alone makes such a peak."
        return (
            f"{number}: {with_error(spot.spacing, spot.spacing_err)} {unit}, "
            f"{with_error(spot.direction, spot.direction_err)}°.{sure}"
        )

    def _calibrate(self) -> None:
        if not self.spots or self.spectrum is None:
            raise SBDError("Click the spot whose spacing is known first.")
        spot = self.spots[-1]
        if not spot.significant:
            raise SBDError("Noise alone makes such a peak; click a clear spot.")
        # a spacing of the material has its planes behind it
        known = parse_length(self.known.currentText().partition("(")[0], "known spacing")
        if known is None:
            raise SBDError("Type the spacing that this spot has, in nm, or choose a material.")
        layer = layers.needed(self.layer.layer)
        before = layers.micrograph_of(layer).pixel_size_yx
        found = pixel_size_from_spacing(spot.spacing, known, before, spot.spacing_err)
        calibrate_all(self.viewer, layer, (found.y, found.x))
        size = with_error(found.y, found.y * found.relative_err)
        self._told = f"Pixel size {size} nm now. {doubt(before, found)}".strip()
        self._told_of = layer.unique_id, layers.pixel_size_of(layer)
        self.refresh()

    def _save(self) -> None:
        if self.spectrum is None:
            raise SBDError("There is no spectrum yet; click Box first.")
        said = self.plot.ask_and_save(self, "fft.png")
        self.say(f"{self.message.text()}\n{said}".strip())


def _way(way: Any) -> str:
    planes = " and ".join(plane_text(p) for p in way.planes)
    spacings = " and ".join(f"{d:.4f}" for d in way.spacings)
    words = f"{planes}, {spacings} nm"
    if way.zone is not None:
        words += f", zone {plane_text(way.zone).replace('(', '[').replace(')', ']')}"
    if way.angle is not None:
        words += f", {way.angle:.2f}°"
    return words
