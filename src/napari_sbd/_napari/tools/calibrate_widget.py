"""The Calibrate dock widget: a known distance between two columns sets the pixel size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
from napari.layers import Image, Layer, Points
from qtpy.QtWidgets import QPushButton, QSpinBox

from ...agreement.pairs import is_denoised
from ...columns import find_columns
from ...errors import SBDError, listening
from ...measure.calibrate import distance_between, doubt, pixel_size_from_spacing
from ...units import number_of, parse_length, with_error
from ..forms.fields import beside, field, show_or_hide
from ..forms.layer_box import LayerBox
from ..forms.standing import Standing
from ..forms.tool import Tool
from ..layers import micrographs as layers
from ..layers.pairs import is_image
from ..layers.view_state import frame_shown
from .scale import calibrate_all

if TYPE_CHECKING:
    import napari

_NEAR = 0.5  # of the distance that a column may be from the click, over the periods between


class CalibrateWidget(Tool):
    """Click two columns whose distance is known; all layers of the image follow.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "What was measured.")
        self.layer = LayerBox(viewer, "The image; a denoised one is easier to hit.", is_image)
        self.pick = QPushButton("Click two columns")
        self.pick.setToolTip("Then click both on the image.")
        self.distance = field("nm", "Of one period.")
        self.periods = QSpinBox()
        self.periods.setRange(1, 10_000)
        self._name_periods(1)
        self.periods.valueChanged.connect(self._name_periods)
        self.periods.setToolTip("Between the two columns: the more, the better.")
        self.calibrate = QPushButton("Calibrate")
        self.lay_out(
            (
                ("Image", self.layer),
                ("", self.pick),
                ("Known", beside(self.distance, self.periods)),
                ("", self.calibrate),
            )
        )
        self.points: Points | None = None
        show = partial(show_or_hide, self.message)
        self.standing = Standing(self, self.message.text, show, self._is_other)
        self.layer.chosen.connect(self.standing.look)
        self.pick.clicked.connect(lambda: self.attempt(self._pick))
        self.calibrate.clicked.connect(lambda: self.attempt(self._calibrate))
        self.say(
            "For a reflection, use FFT: click its spot and Calibrate there.",
        )

    def _pick(self) -> None:
        image = layers.needed(self.layer.layer)
        if self.points is not None and self.points in self.viewer.layers:
            self.viewer.layers.remove(self.points)
        self.points = Points(
            np.zeros((0, 2)),
            ndim=2,
            name=f"{image.name} known distance",
            size=max(3.0, min(image.data.shape[-2:]) / 60),
            face_color="transparent",
            border_color="yellow",
            metadata=layers.made_from(image),
            **layers.place_in_the_plane(image),
        )
        self.viewer.add_layer(self.points)
        self.viewer.layers.selection.active = self.points
        self.points.mode = "add"
        self.layer.choose(image)
        self.say("Click two columns on the image.")

    def _calibrate(self) -> None:
        image: Image = layers.needed(self.layer.layer)
        points = self.points if self.points in self.viewer.layers else None
        if points is None or len(points.data) != 2:
            count = 0 if points is None else len(points.data)
            raise SBDError(f"Two columns are needed, {count} were clicked; click the button again.")
        known = parse_length(self.distance.text(), "known distance")
        if known is None:
            raise SBDError("Type the length of one period in nm.")
        m = layers.micrograph_of(image)
        frame = np.asarray(m.data[frame_shown(self.viewer, image)] if m.is_movie else m.data)
        clicked = np.array([image.world_to_data(points.data_to_world(p))[-2:] for p in points.data])
        places, errors = fitted(frame, clicked, self.periods.value())
        if is_denoised(m):  # its image does not show what is wrong in it
            errors = None
        points.data = places
        length, error = distance_between(places[0], places[1], m.pixel_size_yx, errors)
        periods = self.periods.value()
        found = pixel_size_from_spacing(length / periods, known, m.pixel_size_yx, error / periods)
        calibrate_all(self.viewer, image, (found.y, found.x))
        size = with_error(found.y, found.y * found.relative_err)
        words = f"Pixel size {size} nm now. {doubt(m.pixel_size_yx, found)}".strip()
        subject = ref(image), f"{image.name}: "
        self.say(self.standing.told(words, Standing.state([image]), subject))

    def _name_periods(self, count: int) -> None:
        self.periods.setSuffix(number_of(count, "period").removeprefix(str(count)))

    def _is_other(self, layer: Layer | None) -> bool:
        """Whether another image is chosen than a layer."""
        return self.layer.layer is not layer


def fitted(
    image: np.ndarray, clicked: np.ndarray, periods: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """The columns nearest to two clicks [px], fitted, and their errors.

    Raises
    ------
    SBDError
        If there is no column near a click.
    """
    with listening():
        table = find_columns(None, image)
    if not len(table):
        raise SBDError("The image shows no columns to snap to; denoise it first.")
    reach = _NEAR * float(np.hypot(*(clicked[1] - clicked[0]))) / periods
    found = table[["y", "x"]].to_numpy(float)
    rows = []
    for place in clicked:
        distance = np.hypot(*(found - place).T)
        if distance.min() > reach:
            y, x = place
            raise SBDError(f"There is no column at y {y:.0f}, x {x:.0f}; click nearer to one.")
        rows.append(int(distance.argmin()))
    return found[rows], table[["y_err", "x_err"]].to_numpy(float)[rows]
