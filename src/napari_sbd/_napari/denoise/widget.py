"""The Denoise dock widget: what its fields do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes
from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog
from superqt.utils import create_worker

from ...errors import SBDError
from ...micrograph import Micrograph
from ...noise.camera import estimate_noise_spectrum
from ...noise.whitening import NoiseSpectrum
from ...provenance.replay import as_command, as_python
from ..forms.layer_box import LayerBox
from ..forms.pair_boxes import is_image
from ..jobs.live import Request
from ..jobs.run import Run
from ..jobs.summary import Understanding, parse_number, parse_pixel_size, understand_or_say
from ..layers import micrographs as layers
from ..layers.view_state import frame_shown, part_shown
from ..tools.detector_widget import mask_of
from ..tools.recipe_widget import copy_recipe
from .denoising import Denoising
from .form import DenoiseForm
from .keys import bind_keys
from .live_preview import LivePreview
from .swipe import Swipe

if TYPE_CHECKING:
    import napari

_POLL = 200  # ms between looks at the progress


class DenoiseWidget(DenoiseForm):
    """Denoise an image layer into a new one.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(LayerBox(viewer, "The image or movie to denoise.", is_image))
        self._viewer = viewer
        self._under_way: list[Denoising] = []
        self._last: Image | None = None
        self._last_run: Run | None = None
        self._asked: object = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL)
        self._timer.timeout.connect(self._show_progress)
        self.preview = LivePreview(viewer, self._wish, self)
        self.divider = Swipe(viewer, self)

        self.layer.chosen.connect(self._look_at_layer)
        self.model.activated.connect(self._look_at_layer)
        for field in (self.pixel_size, self.gain, self.offset):
            field.editingFinished.connect(self._edited)
        for box in (self.quality, self.device):
            box.activated.connect(self.preview.ask)
        self.denoise.clicked.connect(self._start)
        self.cancel.clicked.connect(self._cancel)
        self.live.toggled.connect(self.preview.switch)
        self.preview.said.connect(self.say)
        self.preview.ended.connect(self._live_ended)
        self.swipe.toggled.connect(self._swipe)
        self.outliers.clicked.connect(self._show_outliers)
        self.measure.clicked.connect(self._measure_noise)
        self.divider.ended.connect(self._swipe_ended)
        for button, writer in ((self.python, as_python), (self.command, as_command)):
            button.clicked.connect(partial(self._copy, writer))
        bind_keys(viewer, self)
        self._look_at_layer()

    @property
    def running(self) -> bool:
        """Whether a denoising is under way or waits."""
        return bool(self._under_way)

    def _look_at_layer(self) -> None:
        """Ask, in the background, what is understood of the chosen layer."""
        self.say("")
        self.show_understanding(None)
        self._asked = None
        layer = self.layer.layer
        self.preview.ask()
        self._swipe(self.swipe.isChecked())
        if layer is None:
            self.show_calibration(None, None, 0.0)
            return
        try:
            m = layers.micrograph_of(layer)
        except SBDError as error:
            self.show_calibration(None, None, 0.0)
            self.say(str(error))
            return
        self.show_calibration(m.pixel_size, m.gain, m.offset)
        self._asked = m
        worker = create_worker(understand_or_say, m, self.model.chosen, _start_thread=False)
        worker.returned.connect(self._understood)
        worker.start()

    def _understood(self, answer: tuple[Micrograph, Understanding | str]) -> None:
        m, found = answer
        if m is not self._asked:
            return
        if isinstance(found, Understanding):
            self.show_understanding(found)
        elif not self.running and not self.message.text():
            self.say(found)

    def _edited(self) -> None:
        try:
            self._keep_typed()
        except SBDError as error:
            self.say(str(error))

    def _keep_typed(self) -> None:
        """Keep typed values on the layer, which is where all else looks them up."""
        fields = (self.pixel_size, self.gain, self.offset)
        layer = self.layer.layer
        if layer is None or not any(field.isModified() for field in fields):
            return
        before = tuple(layer.scale)
        layers.calibrate(
            layer,
            parse_pixel_size(self.pixel_size.text()),
            parse_number(self.gain.text(), "gain"),
            parse_number(self.offset.text(), "offset") or 0.0,
            self._viewer.layers,
        )
        if tuple(layer.scale) != before:  # or the image would lie outside of the view
            self._viewer.reset_view()
        self._look_at_layer()

    def _start(self) -> None:
        layer = self.layer.layer
        try:
            self._keep_typed()
            run = Run(
                layers.micrograph_of(layers.needed(layer)),
                self.settings,
                frame=frame_shown(self._viewer, layer),
            )
            self._refuse_twice(run)
        except SBDError as error:
            self._complain(str(error))
            return
        self.say("")
        self.layer.held = True  # a new result does not become the chosen image
        denoising = Denoising(self._viewer, layer, run, self)
        denoising.ended.connect(self._ended)
        self._under_way.append(denoising)
        self.set_running(True)
        self._show_progress()
        self._timer.start()

    def _refuse_twice(self, run: Run) -> None:
        if any(one.run.same_as(run) for one in self._under_way):
            raise SBDError("This is under way already; change a setting or choose another image.")

    def _cancel(self) -> None:
        if self._under_way:
            self._under_way[0].job.cancel()
            self._show_progress()

    def _show_progress(self) -> None:
        if self._under_way:
            first = self._under_way[0]
            self.cancel.setEnabled(not first.job.cancelled)
            self.show_progress(first.run.share, first.words)

    def _ended(self, denoising: Denoising, words: str, is_error: bool) -> None:
        self._under_way.remove(denoising)
        if denoising.result is not None:
            self._last, self._last_run = denoising.result, denoising.run
            self.copies.setVisible(True)
            self.outliers.setVisible(denoising.run.left_out is not None)
        if is_error:
            self._complain(words)
        else:
            self.say(words)
        if not self._under_way:
            self._timer.stop()
            self.layer.held = False
        self.set_running(self.running)

    def _copy(self, writer: Callable[[Any], str], _checked: bool) -> None:
        try:
            copy_recipe(layers.needed(self._last), writer)
            self.say("Copied.")
        except SBDError as error:
            self.say(str(error))

    def _show_outliers(self) -> None:
        mask = self._last_run.left_out if self._last_run else None
        if self._last is not None and mask is not None:
            self._viewer.add_layer(layers.labels_over(self._last, mask, "left out"))

    def _measure_noise(self) -> None:
        layer = self.layer.layer
        try:
            self._keep_typed()
            m = layers.micrograph_of(layers.needed(layer))
            drawn = self._drawn()
            region = None if drawn is None else mask_of(drawn, layer)
        except SBDError as error:
            self._complain(str(error))
            return
        self.measure.setEnabled(False)
        worker = create_worker(_spectrum_or_say, m, region, _start_thread=False)
        worker.returned.connect(self._measured)
        worker.start()

    def _drawn(self) -> Shapes | None:
        """The shapes that mark a region: those of the selected layer, else of the newest."""
        known = [one for one in self._viewer.layers if isinstance(one, Shapes) and len(one.data)]
        chosen = [one for one in known if one in self._viewer.layers.selection]
        return ([None, *known, *chosen])[-1]

    def _measured(self, found: NoiseSpectrum | str) -> None:
        self.measure.setEnabled(True)
        if isinstance(found, str):
            self._complain(found)
            return
        path, _ = QFileDialog.getSaveFileName(
            self, "Keep the noise spectrum of this detector", "camera.json", "Spectrum (*.json)"
        )
        if not path:
            return
        try:
            self.noise.choose(str(found.save(path)))
        except (OSError, SBDError) as error:
            self._complain(f"The noise spectrum cannot be kept: {error}")
            return
        self.say(f"Noise {found}; kept, and used from now on.")
        self.preview.ask()

    def _complain(self, sentence: str) -> None:
        self.say(sentence)
        show_error(sentence)

    def _wish(self) -> tuple[Image, Request] | None:
        """What live mode is to show; None where the layer is no micrograph."""
        layer = self.layer.layer
        try:
            m = None if layer is None else layers.micrograph_of(layer)
        except SBDError:
            return None
        if m is None:
            return None
        request = Request(
            m,
            frame_shown(self._viewer, layer),
            part_shown(self._viewer, layer),
            self.settings,
        )
        return layer, request

    def _live_ended(self) -> None:
        self.live.setChecked(False)

    def _swipe(self, on: bool) -> None:
        self.divider.show(self.layer.layer if on else None)

    def _swipe_ended(self) -> None:
        self.swipe.setChecked(False)


def _spectrum_or_say(m: Micrograph, region: Any) -> NoiseSpectrum | str:
    """The noise spectrum of an image or a part of it, or a sentence why there is none."""
    try:
        return estimate_noise_spectrum(m, region=region)
    except SBDError as error:
        return str(error)
