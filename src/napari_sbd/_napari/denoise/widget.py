"""The Denoise dock widget: what its fields do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes
from napari.utils.events import disconnect_events
from qtpy.QtCore import QTimer

from ...errors import SBDError
from ...micrograph import Micrograph
from ...noise.camera import estimate_noise_spectrum
from ...noise.whitening import NoiseSpectrum
from ...provenance.replay import as_command, as_python
from ...region import Region
from ..forms.fields import file_to_write
from ..forms.modality import keep_modality, modality_for
from ..forms.recipe import copy_recipe
from ..forms.task_widget import sentence
from ..forms.viewers import bare
from ..jobs.live import Request
from ..jobs.run import Run
from ..jobs.summary import Understanding, understand_or_say
from ..jobs.when_gone import when_gone
from ..jobs.work import Work, in_background
from ..layers import micrographs as layers
from ..layers.calibrating import calibrate, gain_errors
from ..layers.results import show_in_form
from ..layers.shapes import lay_on, mask_of
from ..layers.view_state import frame_shown, part_shown
from .denoising import Denoising
from .form import DenoiseForm
from .keys import bind_keys
from .live_preview import LivePreview
from .swipe import Swipe
from .two_halves import TwoHalves

if TYPE_CHECKING:
    import napari


class DenoiseWidget(DenoiseForm):
    """Denoise an image layer into a new one.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    again = True

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._last: Image | None = None
        self._last_run: Run | None = None
        self._asked: object = None
        self._refused = ""  # why what was typed last is no number
        self._found: Understanding | None = None
        self._watched: Image | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._understand)
        self.preview = LivePreview(viewer, self._wish, self)
        self.divider = Swipe(viewer, self)
        self.halves = TwoHalves(viewer)
        self.below.insertWidget(0, self.halves)

        self.layer.chosen.connect(self._look_at_layer)
        self.model.activated.connect(self._look_at_layer)
        self.region.changed.connect(self._understand)
        self.modality.activated.connect(self._remember_modality)
        for field in (self.pixel_size, self.gain, self.offset):
            field.editingFinished.connect(self._edited)
        self.use.clicked.connect(self._use_estimate)
        for box in (self.quality, self.device):
            box.activated.connect(self.preview.ask)
        for tick in (self.sharpen, self.fixed_pattern):
            tick.toggled.connect(self.preview.ask)
        for chosen in (self.dark, self.gain_reference, self.noise):
            chosen.changed.connect(self.preview.ask)
        self.live.toggled.connect(self.preview.switch)
        self.preview.said.connect(self.say)
        self.preview.ended.connect(self._live_ended)
        self.swipe.toggled.connect(self._swipe)
        self.outliers.clicked.connect(self._show_outliers)
        self.measure.clicked.connect(self._measure_noise)
        self.divider.ended.connect(self._swipe_ended)
        for button, writer in ((self.python, as_python), (self.command, as_command)):
            button.clicked.connect(partial(self._copy, writer))
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.current_step.connect(self._scrolled)
        when_gone(self, self._let_go, bare(viewer))
        bind_keys(viewer, self)
        self._look_at_layer()

    def _look_at_layer(self) -> None:
        """Show the chosen layer as it is, and follow what other tools make of its calibration."""
        self.say("")
        self._watch(self.layer.layer)
        self.halves.look(self.layer.layer)
        self._swipe(self.swipe.isChecked())
        self.modality.setCurrentText(modality_for(self.layer.layer))
        self._understand()

    def _remember_modality(self) -> None:
        keep_modality(self.layer.layer, self.modality.currentText())
        self._understand()

    def _watch(self, layer: Image | None) -> None:
        if self._watched is not None:
            for event in (self._watched.events.metadata, self._watched.events.scale):
                event.disconnect(self._calibrated)
        self._watched = layer
        show_in_form(layer, self)
        if layer is not None:
            for event in (layer.events.metadata, layer.events.scale):
                event.connect(self._calibrated)

    def _calibrated(self) -> None:
        self._soon.start()  # several changes count as one

    def _understand(self) -> None:
        """Ask, in the background, what is understood of the chosen layer."""
        self._show(None)
        self.halves.calibrated()
        self._asked = None
        layer = self.layer.layer
        self.preview.ask()
        if layer is None:
            self.show_calibration(None, None, 0.0)
            return
        try:
            m = layers.micrograph_of(layer)
        except SBDError as error:
            self.show_calibration(None, None, 0.0)
            self.say(str(error))
            return
        self.fixed_pattern.setVisible(m.is_movie)
        errors = gain_errors(layer)
        self.show_calibration(m.pixel_size, m.gain, m.offset, errors[0])
        try:
            drawn = self.region.region()
        except SBDError as error:
            self.say(str(error))
            return
        m = m if drawn is None else Region.of(drawn).on(m.shape).cut(m)
        self._asked = m
        work = partial(understand_or_say, m, self.model.chosen, self.settings.modality, errors)
        in_background(work, self._understood, self._failed).start()

    def _show(self, found: Understanding | None) -> None:
        self._found = found
        self.show_understanding(found)

    def _understood(self, answer: tuple[Micrograph, Understanding | str]) -> None:
        m, found = answer
        if m is not self._asked:
            return
        if isinstance(found, Understanding):
            self._show(found)
        elif not self.running and not self.message.text():
            self.say(found)

    def _failed(self, error: Exception) -> None:
        self.say(sentence(error))

    def _edited(self) -> None:
        refused = ""
        try:
            self._keep_typed()
        except SBDError as error:
            refused = str(error)
        if refused or self.message.text() == self._refused:  # what was wrong may be right now
            self.say(refused)
        self._refused = refused

    def _use_estimate(self) -> None:
        layer, found = self.layer.layer, self._found
        if layer is not None and found is not None:
            size = layers.micrograph_of(layer).pixel_size
            gain = found.gain
            calibrate(layer, size, gain.gain, gain.offset, self.viewer.layers, gain.errors)

    def _keep_typed(self) -> None:
        """Keep typed values on the layer, which is where all else looks them up."""
        layer = self.layer.layer
        fields = (self.pixel_size, self.gain, self.offset)
        if layer is None or not any(field.isModified() for field in fields):
            return
        before = tuple(layer.scale)
        calibrate(layer, *self.typed(layers.micrograph_of(layer)), self.viewer.layers)
        if tuple(layer.scale) != before:  # or the image would lie outside of the view
            self.viewer.reset_view()
        self._understand()

    def prepare(self) -> Denoising:
        """Read the fields."""
        self._keep_typed()
        layer = layers.needed(self.layer.layer)
        settings = self.settings.model_copy(update={"region": self.region.region()})
        run = Run(layers.micrograph_of(layer), settings, frame=frame_shown(self.viewer, layer))
        if any(one.run.same_as(run) for one in self.under_way):
            raise SBDError("This is under way already; change a setting or choose another image.")
        return Denoising(self.viewer, layer, run, self.keep.isChecked())

    def name_of(self, task: Any) -> str:
        """The image and how it is denoised."""
        return str(task.name)

    def words_of(self, work: Work) -> str:
        """How many frames are done, and the time left."""
        if work.job.begun is None or work.job.cancelled:
            return work.job.words
        return str(work.task.run.progress)  # type: ignore[attr-defined]

    def watch(self) -> None:
        """Show the frames that are done."""
        for denoising in self.under_way:
            denoising.show()

    def already_told(self) -> tuple[str, ...]:
        """What the form says of the image that is chosen."""
        return self._found.warnings if self._found else ()

    def show_result(self, result: Denoising) -> str:
        """Tell what has come of it."""
        return result.run.outcome

    def _ended(self, work: Work, outcome: Any) -> None:
        denoising: Any = work.task
        denoising.end()
        if denoising.result is not None:
            self._last, self._last_run = denoising.result, denoising.run
            self.copies.setVisible(True)
            self.outliers.setVisible(denoising.run.left_out is not None)
        super()._ended(work, outcome)
        if outcome is denoising and denoising.run.finished and denoising.result is not None:
            self.halves.compare(denoising.run.source, denoising.result)

    def _scrolled(self) -> None:
        for denoising in self.under_way:
            denoising.look()

    def _removed(self, event: Any) -> None:
        self.halves.lost(event.value)
        for work in list(self._works):
            if work.task.lost(event.value):  # type: ignore[attr-defined]
                work.job.cancel()

    def _let_go(self, viewer: napari.viewer.Viewer) -> None:
        self._watch(None)
        disconnect_events(viewer.layers.events, self)
        disconnect_events(viewer.dims.events, self)

    def _show_outliers(self) -> None:
        mask = self._last_run.left_out if self._last_run else None
        if self._last is not None and mask is not None:
            self.viewer.add_layer(layers.labels_over(self._last, mask, "left out"))

    def _measure_noise(self) -> None:
        layer = self.layer.layer
        try:
            self._keep_typed()
            m = layers.micrograph_of(layers.needed(layer))
            drawn = self._drawn()
            if drawn is not None:
                lay_on(layer, drawn)
            region = None if drawn is None else mask_of(drawn, layer)
        except SBDError as error:
            self._complain(str(error))
            return
        self.measure.setEnabled(False)
        in_background(
            partial(estimate_noise_spectrum, m, region=region), self._measured, self._not_measured
        ).start()

    def _drawn(self) -> Shapes | None:
        """The shapes that mark a region: those of the selected layer, else of the newest."""
        known = [one for one in self.viewer.layers if isinstance(one, Shapes) and len(one.data)]
        chosen = [one for one in known if one in self.viewer.layers.selection]
        return ([None, *known, *chosen])[-1]

    def _not_measured(self, error: Exception) -> None:
        self.measure.setEnabled(True)
        self._complain(sentence(error))

    def _measured(self, found: NoiseSpectrum) -> None:
        self.measure.setEnabled(True)
        title = "Keep the noise spectrum of this detector"
        path = file_to_write(self, title, "camera.json", {"Spectrum": ".json"})
        if not path:
            return
        try:
            self.noise.choose(str(found.save(path)))
        except (OSError, SBDError) as error:
            self._complain(f"The noise spectrum cannot be kept: {error}")
            return
        self.say(f"Noise {found}; kept, and used from now on.")

    def _copy(self, writer: Callable[[Any], str], _checked: bool) -> None:
        try:
            made = layers.needed(self._last)
            copy_recipe(made, writer)
            self.say(f"Copied how {made.name} was made.")
        except SBDError as error:
            self.say(str(error))

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
            frame_shown(self.viewer, layer),
            part_shown(self.viewer, layer),
            self.settings,
        )
        return layer, request

    def _live_ended(self) -> None:
        self.live.setChecked(False)

    def _swipe(self, on: bool) -> None:
        self.divider.show(self.layer.layer if on else None)

    def _swipe_ended(self) -> None:
        self.swipe.setChecked(False)
