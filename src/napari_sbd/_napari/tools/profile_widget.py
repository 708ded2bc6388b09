"""The Line profile dock widget: raw, denoised and error band along a line, live while it moves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QPushButton,
)

from ...errors import SBDError, listening
from ...files import writing
from ...measure.image_noise import ImageNoise, image_noise
from ...measure.kymograph import Kymograph, kymograph
from ...measure.peaks import Peaks, find_peaks
from ...measure.profile import Profile, line_profile
from ...noise.as_denoised import comparable
from ...units import number_of, with_error
from ..forms.fields import NumberBox, beside, choices, file_to_write
from ..forms.layer_box import LayerBox
from ..forms.plot import Plot
from ..forms.task_widget import sentence
from ..forms.tool import ShapeTool
from ..jobs.work import in_background
from ..layers import micrographs as layers
from ..layers.earlier import as_it_is
from ..layers.pairs import is_denoised, is_image, raw_of
from ..layers.shapes import add_line, corners_on
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    from napari.layers import Image

    import napari

    from ...micrograph import Micrograph

_HEIGHT, _LEAST = 230, 170  # pixels, and in a low window
_RAW, _CLEAN = "raw", "denoised"
_WAIT = ImageNoise(None, None, "Looking at the noise; errors follow.")
_BEGIN = "Click Line, then drag its ends on the image."
_BRIGHT, _DARK = "bright peaks", "dark peaks"


class ProfileWidget(ShapeTool):
    """Draw values along a line with their error; measure the spacings of peaks.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        chosen = LayerBox(viewer, "A raw image, or a denoised one with its raw one.", is_image)
        super().__init__(viewer, chosen, "What was read.")
        self.line = QPushButton("Line")
        self.line.setToolTip("Put a line on the image; drag its ends.")
        self.across = NumberBox()
        self.across.setRange(1, 1000)
        self.across.setValue(5)
        self.across.setSuffix(" px wide")
        self.across.setToolTip("Over which to average, at right angles to the line.")
        self.polarity = choices([_BRIGHT, _DARK], "Whether columns are maxima or minima.")
        self.peaks_too = QCheckBox("spacings")
        self.peaks_too.setToolTip("Fit the peaks; their spacings with errors stand below.")
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("The profile as CSV on the clipboard.")
        self.save = QPushButton("Save CSV…")
        self.export = QPushButton("Picture…")
        self.through = QPushButton("Kymograph")
        self.through.setToolTip(
            "Of a movie: values along the line in each frame, time downwards. Move the line, and "
            "the profile is back."
        )
        self.plot = Plot(_HEIGHT, "Dots and band: raw with its error. Line: denoised.", _LEAST)
        self.lay_out(
            (
                ("Image", self.layer),
                ("", beside(self.line, self.across)),
                ("Peaks", beside(self.polarity, self.peaks_too)),
            ),
            self.plot,
            beside(self.through, self.copy, self.save, self.export),
        )
        self.kymograph: Kymograph | None = None
        self.profile: Profile | None = None
        self.peaks: Peaks | None = None
        self._noise_of: object = None  # what the noise was told of
        self._asked: object = None
        self._told = _Told(_WAIT, None)
        self.line.clicked.connect(lambda: self.attempt(lambda: self.put(add_line, "line")))
        self.through.clicked.connect(lambda: self.attempt(self._through))
        self.copy.clicked.connect(lambda: self.attempt(self._copy))
        self.save.clicked.connect(lambda: self.attempt(self._save))
        self.export.clicked.connect(lambda: self.attempt(self._save_picture))
        for signal in (self.across.valueChanged, self.polarity.currentTextChanged):
            signal.connect(lambda _value: self.refresh())
        self.peaks_too.toggled.connect(lambda _on: self.refresh())
        self.say(_BEGIN)

    def read(self) -> None:
        """Measure along the line as it lies now."""
        self.kymograph = None
        layer = layers.needed(self.layer.layer)
        denoised = layer if is_denoised(layer) else None
        raw = raw_of(layer, self.viewer.layers) if denoised is not None else layer
        if raw is not None and raw.data.shape != layer.data.shape:
            raw = None
        shown = {_RAW: raw, _CLEAN: denoised}
        found = {name: one for name, one in shown.items() if one is not None}
        m = layers.micrograph_of(raw if raw is not None else layer)
        images = {name: self._frame(one) for name, one in found.items()}
        noise = None
        if raw is not None:
            told = self._look_at(raw, denoised, m)
            noise = told.noise
            if told.raw is not None:
                images[_RAW], m = told.raw.data, m.replace(offset=told.raw.offset)
        start, end = corners_on(layer, self.shapes)[[0, -1]]
        step = float(np.sqrt(np.prod(m.pixel_size_yx or (1.0, 1.0))))
        self.peaks = None
        self.profile = line_profile(
            images,
            tuple(start),
            tuple(end),
            width=self.across.value() * step,
            pixel_size_yx=m.pixel_size_yx,
            gain=m.gain,
            offset=m.offset,
            noisy=raw is not None,
            noise=noise,
        )
        words = self.profile.noise
        if self.peaks_too.isChecked():
            try:
                self.peaks = find_peaks(self.profile, dark=self.polarity.currentText() == _DARK)
                words = f"{_spacings(self.peaks)} {words}"
            except SBDError as error:
                words = f"{error} {words}"
        self._draw()
        self.say(words)

    def forget(self) -> None:
        """No profile."""
        self.profile = self.peaks = self.kymograph = None
        self.plot.setVisible(False)
        self.say(_BEGIN)

    def _look_at(self, raw: Image, denoised: Image | None, m: Micrograph) -> _Told:
        """The noise of what is shown, as soon as the background has told it."""
        shown = [(one.unique_id, id(one.data)) for one in (raw, denoised) if one is not None]
        frame = frame_shown(self.viewer, raw)
        key = (*shown, frame, m.pixel_size_yx, m.gain, m.offset)
        if key == self._noise_of:
            return self._told
        if key != self._asked:
            self._asked = key
            made = None if denoised is None else layers.micrograph_of(denoised)
            work = partial(_look, key, m, made, frame)
            in_background(work, self._noise_told, self._no_noise).start()
        return _Told(_WAIT, None)

    @property
    def settled(self) -> bool:
        """Whether the noise of what is shown has been told."""
        return self._noise_of == self._asked

    def _noise_told(self, found: tuple[object, _Told]) -> None:
        if found[0] == self._asked:
            self._noise_of, self._told = found
            if self.kymograph is None:
                self.refresh()

    def _no_noise(self, error: Exception) -> None:
        self._noise_told((self._asked, _Told(ImageNoise(None, None, sentence(error)), None)))

    def _through(self) -> None:
        """Ask, in the background, for the values of all frames."""
        layer = layers.needed(self.layer.layer)
        if self.shapes is None or self.shapes not in self.viewer.layers:
            raise SBDError("Click Line first, and drag it to where something happens.")
        movie, asked = layers.micrograph_of(layer), self._asks()
        start, end = (tuple(corner) for corner in corners_on(layer, self.shapes)[[0, -1]])
        step = float(np.sqrt(np.prod(movie.pixel_size_yx or (1.0, 1.0))))
        work = partial(kymograph, movie, start, end, width=self.across.value() * step)
        self.through.setEnabled(False)
        in_background(work, partial(self._show_kymograph, asked), self._no_kymograph).start()

    def _asks(self) -> tuple[Any, ...]:
        """What a kymograph is of."""
        told = [one for one in (self.layer.layer, self.shapes) if one is not None]
        return (self.across.value(), *((one.unique_id, as_it_is(one)) for one in told))

    def _show_kymograph(self, asked: tuple[Any, ...], found: Kymograph) -> None:
        self.through.setEnabled(True)
        if asked != self._asks():
            self.say("The line or the movie was changed meanwhile; click Kymograph again.")
            return
        self.kymograph = found
        found.draw(self.plot.begin())
        self.plot.end()
        self.say(
            f"{number_of(len(found.time), 'frame')} along {found.position[-1]:.3g} {found.unit}."
        )

    def _no_kymograph(self, error: Exception) -> None:
        self.through.setEnabled(True)
        self.say(sentence(error))

    def _frame(self, layer: Any) -> np.ndarray:
        return np.asarray(
            layer.data[frame_shown(self.viewer, layer)] if layer.ndim == 3 else layer.data
        )

    def _draw(self) -> None:
        profile = self.profile
        if profile is None:
            return
        axes = self.plot.begin()
        for name, values in profile.values.items():
            if name == _RAW:
                (line,) = axes.plot(profile.position, values, ".-", lw=0.6, ms=3, label=name)
                low, high = values - profile.error, values + profile.error
                axes.fill_between(
                    profile.position, low, high, alpha=0.3, lw=0, color=line.get_color(),
                    label="± 1 standard deviation",
                )  # fmt: skip
            else:
                axes.plot(profile.position, values, lw=1.6, color="#ff7f0e", label=name)
        if self.peaks is not None:
            for place in self.peaks.position:
                axes.axvline(place, color=self.plot.ink, lw=0.5, ls="--")
        axes.set_xlabel(f"position [{profile.unit}]", fontsize="small")
        axes.set_ylabel("value", fontsize="small")
        axes.legend(
            fontsize="x-small", loc="upper right", facecolor=self.plot.ground,
            edgecolor=self.plot.ink, labelcolor=self.plot.ink,
        )  # fmt: skip
        self.plot.end()

    def csv(self) -> str:
        """The profile, and the peaks where they were asked for, as text."""
        if self.kymograph is not None:
            return str(self.kymograph.table().to_csv(index=False))
        if self.profile is None:
            raise SBDError("There is no profile yet; click Line first.")
        parts = [f"# {self.profile.noise}\n{self.profile.table().to_csv(index=False)}"]
        if self.peaks is not None:
            parts.append(f"# {_spacings(self.peaks)}\n{self.peaks.table().to_csv(index=False)}")
        return "\n".join(parts)

    def _copy(self) -> None:
        words = self.csv()
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(words)
        self.say("Copied.")

    def _save(self) -> None:
        words = self.csv()
        path = file_to_write(self, "Save profile", "profile.csv", {"CSV": ".csv"})
        if not path:
            return
        with writing(Path(path), "profile") as draft:
            draft.write_text(words, encoding="utf-8")
        self.say(f"Wrote {path}.")

    def _save_picture(self) -> None:
        if self.profile is None:
            raise SBDError("There is no profile yet; click Line first.")
        self.say(self.plot.ask_and_save(self, "profile.png"))


@dataclass(frozen=True, eq=False)
class _Told:
    """The noise of a raw frame, and that frame as it was corrected before it was denoised; None
    where it could not be looked at."""

    noise: ImageNoise
    raw: Micrograph | None


def _look(
    key: object, raw: Micrograph, denoised: Micrograph | None, frame: int
) -> tuple[object, _Told]:
    """Look at a frame, beside what was made of it where there is that."""
    with listening() as words:
        here = raw.frame(frame) if denoised is None else comparable(raw, denoised, frame)
    if words:
        return key, _Told(ImageNoise(None, None, " ".join(words)), None)
    made = None if denoised is None else denoised.frame(frame).data
    size = raw.pixel_size_yx
    noise = image_noise(here.data, made, pixel_size_yx=size, gain=here.gain, offset=here.offset)
    return key, _Told(noise, here)


def _spacings(peaks: Peaks) -> str:
    u = peaks.unit
    each = ", ".join(map(with_error, peaks.spacing, peaks.spacing_err))
    mean = with_error(peaks.mean, peaks.mean_err)
    return (
        f"{len(peaks.position)} peaks, mean spacing {mean} {u} (each: {each}). {peaks.doubt}"
    ).strip()
