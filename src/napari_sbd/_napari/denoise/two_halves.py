"""After each denoising: how far the images made from two halves of the data agree."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...agreement.resolution import SplitHalf, split_half_resolution
from ...errors import Cancelled, listening
from ...micrograph import Micrograph
from ...recipe import HALVES, KEY
from ...region import Region, made_in
from ...repeat import denoiser_of
from ..forms.curve import Curve
from ..forms.fields import show_or_hide, text
from ..forms.task_widget import Progress, ShouldStop, sentence
from ..jobs.work import Work
from ..layers import micrographs as layers
from ..layers.pairs import is_raw
from ..layers.results import put
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    import napari

_SIDE = 1536  # pixels: of a larger image the middle is looked at, which takes seconds
_TIP = (
    "The data are dealt at random to two halves, and each is denoised. What both images show alike "
    "comes from the sample. Resolution: Fourier ring correlation."
)


class TwoHalves(QWidget):
    """A line below the Denoise form, with the curve and the map at a click.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._result: Image | None = None
        self._chosen: Image | None = None
        self._found: SplitHalf | None = None
        self._corner = 0, 0
        self._frame: int | None = None
        self.words = text(_TIP)
        self.more = QPushButton("Show where")
        self.more.setToolTip("Add a map of how far both agree, and show the correlation by period.")
        self.more.clicked.connect(self._show)
        self.curve = Curve("spatial frequency", "correlation of the halves")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.words, self.more, self.curve):
            layout.addWidget(part)
        self.forget()

    def forget(self) -> None:
        """Show nothing."""
        self._result = self._found = None
        show_or_hide(self.words, "")
        self.more.setVisible(False)
        self.curve.show_points([])

    def lost(self, layer: object) -> None:
        """Say nothing of a result that is gone."""
        if layer is self._result:
            self.forget()

    def calibrated(self) -> None:
        """Show nothing in nm of an earlier pixel size."""
        if self._found is None or self._result is None:
            return
        size = layers.micrograph_of(self._result).pixel_size_yx
        now = 0.0 if size is None else float(np.sqrt(size[0] * size[1]))
        if not np.isclose(now, self._found.pixel_size_nm or 0.0):
            self.forget()

    def look(self, chosen: Image | None) -> None:
        """Say of which image it is, where another one is chosen in the form."""
        self._chosen = chosen
        if self._found is None or self._result is None:
            return
        its = str(getattr(chosen, "unique_id", "")) == self._result.metadata.get(layers.MADE_FROM)
        several = sum(map(is_raw, self._viewer.layers)) > 1
        named = several or not (its or chosen is self._result)
        show_or_hide(self.words, f"{self._result.name}: " * named + str(self._found))

    def compare(self, source: Micrograph, result: Image) -> None:
        """Ask, in the background, for the halves of what was denoised."""
        self.forget()
        self._result = result
        self._frame = frame_shown(self._viewer, result) if source.is_movie else None
        made = layers.micrograph_of(result)
        raw, self._corner = _middle(source, self._frame, made_in(made))
        work = Work(f"Two halves of {source.name}", partial(_compare, raw, made), self)
        work.ended.connect(partial(self._ended, result))
        work.begin()

    def _ended(self, result: Image, _work: Work, outcome: Any) -> None:
        if result is not self._result or isinstance(outcome, Cancelled):
            return
        if isinstance(outcome, Exception):
            show_or_hide(self.words, f"Two halves were not compared: {sentence(outcome)}")
            return
        self._found = outcome
        self._keep(result, outcome)
        self.more.setVisible(True)
        self.look(self._chosen)
        self.calibrated()  # since it was asked for

    def _keep(self, result: Image, found: SplitHalf) -> None:
        """In the recipe of the result, with which it is saved, cited and repeated."""
        how: dict[str, Any] = {"tuned_anew": False}
        if self._frame is not None:
            how["frame"] = self._frame
        y, x = self._corner
        height, width = found.map.shape
        if (height, width) != tuple(result.data.shape[-2:]):
            how["part"] = y, y + height, x, x + width
        kept = result.metadata.get(KEY)
        if kept is not None:
            result.metadata = {**result.metadata, KEY: {**kept, HALVES: found.facts(**how)}}

    def _show(self) -> None:
        found, result = self._found, self._result
        if found is None or result is None:
            return
        self.curve.show_points([])
        size = found.pixel_size_nm or 1.0
        unit = "1/nm" if found.pixel_size_nm else "1/px"
        self.curve.x_label = f"spatial frequency [{unit}]"
        self.curve.show_points(list(zip(found.frequency / size, found.frc, strict=True)), 0.143)
        shown = Image(
            found.map,
            name=f"{result.name}, halves",
            contrast_limits=(0, 1),
            colormap="viridis",
            opacity=0.6,
            metadata={layers.AIDS: True, **layers.made_from(result)},
            **layers.place_of_part(result, self._corner),
        )
        put(self._viewer, shown, "halves")


def _middle(
    source: Micrograph, frame: int | None, region: Region | None
) -> tuple[Micrograph, tuple[int, int]]:
    """One frame of what was denoised, or the middle of a large one, and where that begins."""
    whole = source.data if frame is None else source.data[frame]
    top = left = 0
    if region is not None:
        part = region.on(source.shape)
        whole, (top, left) = part.cut(whole), part.corner
    y, x = (max(0, (n - _SIDE) // 2) for n in whole.shape)
    middle = np.array(whole[y : y + _SIDE, x : x + _SIDE])
    return source.replace(data=middle, metadata={}), (top + y, left + x)


def _compare(
    raw: Micrograph, made: Micrograph, progress: Progress, should_stop: ShouldStop
) -> SplitHalf:
    with listening():  # what is warned of was said when the image was denoised
        denoiser = denoiser_of(made, anew=False, should_stop=should_stop)
        return split_half_resolution(raw, denoiser=denoiser)
