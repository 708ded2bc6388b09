"""The Residual dock widget: what was removed should be noise and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from ... import sampling
from ...agreement.pairs import working_block
from ...errors import SBDError
from ...micrograph import Micrograph
from ...micrograph.frames import mean_filled
from ...noise.as_denoised import comparable
from ...quality import Residual, residual_check
from ..forms.autocorrelation import Autocorrelation
from ..forms.pair_boxes import needed_pair, pair_boxes
from ..forms.spectra import Spectra
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..layers import micrographs as layers
from ..layers.results import put
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    import napari


@dataclass(frozen=True)
class _Removed:
    difference: np.ndarray
    spectra: dict[str, np.ndarray]
    frequencies: tuple[np.ndarray, np.ndarray]
    unit: str
    check: Residual | None
    why_not: str


class ResidualWidget(TaskWidget):
    """Add raw minus denoised as a layer; show power spectra, autocorrelation and a verdict.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(
            viewer, "Show what was removed", "Add raw minus denoised; look for lattice peaks in it."
        )
        self.raw, self.denoised = pair_boxes(viewer)
        self.add_row("Denoised", self.denoised)
        self.add_row("Raw", self.raw)
        self.spectra = Spectra()
        self.below.addWidget(self.spectra)
        self.autocorrelation = Autocorrelation()
        self.below.addWidget(self.autocorrelation)
        self._source: Image | None = None
        self._frame: int | None = None  # of a movie

    def prepare(self) -> Task:
        """Read the fields; of a movie, the frame that is shown."""
        raw, denoised = needed_pair(self.raw, self.denoised)
        pair = [layers.micrograph_of(layer) for layer in (raw, denoised)]
        if pair[0].shape != pair[1].shape:
            raise SBDError(
                f"The layers have different shapes, {pair[0].shape} and {pair[1].shape}: they are "
                "not the raw and the denoised image of one another."
            )
        self._frame = frame_shown(self.viewer, denoised) if pair[0].is_movie else None
        if self._frame is not None:
            pair = [m.frame(self._frame) for m in pair]
        self._source = raw
        return partial(_remove, pair[0], pair[1])

    def show_result(self, result: _Removed) -> str:
        """Add the layer and draw the spectra."""
        source = layers.still_there(self.viewer, self._source)
        where = "" if self._frame is None else f" from frame {self._frame}"
        said = f"That is what was removed{where}." if where else ""
        spread = 3 * float(np.nanstd(result.difference))
        place = layers.place_in_the_plane(source)
        put(
            self.viewer,
            Image(
                result.difference,
                name=f"{source.name} removed{where}",
                contrast_limits=(-spread, spread) if spread > 0 else (-1, 1),
                colormap="gray",
                metadata={layers.AIDS: True, **layers.made_from(source)},
                **place,
            ),
            "removed",
        )
        fy, fx = result.frequencies
        self.spectra.show_spectra(result.spectra, fy, fx, result.unit)
        self.autocorrelation.setVisible(result.check is not None)
        if result.check is None:
            return f"{result.why_not} {said}".strip()
        image = result.check.autocorrelation
        spans = (1 / (f[1] - f[0]) for f in (result.check.frequency_y, result.check.frequency_x))
        steps = tuple(span / n for span, n in zip(spans, image.shape, strict=True))
        self.autocorrelation.show_image(image, steps, result.check.unit.removeprefix("1/"))
        return f"{result.check.verdict()} {said}".strip()


def _remove(
    raw: Micrograph, denoised: Micrograph, progress: Progress, should_stop: ShouldStop
) -> _Removed:
    seen, made = (np.asarray(m.data, np.float64) for m in (comparable(raw, denoised), denoised))
    difference: np.ndarray = (seen - made).astype(np.float32)
    block = working_block(denoised.replace(pixel_size=raw.pixel_size or denoised.pixel_size))
    parts = {"raw": seen, "denoised": made, "removed": difference}
    spectra = {name: _spectrum(image, block) for name, image in parts.items()}
    steps = [b * p for b, p in zip(block, raw.pixel_size_yx or (1.0, 1.0), strict=True)]
    fy, fx = (
        np.fft.fftshift(np.fft.fftfreq(n, step))
        for n, step in zip(spectra["raw"].shape, steps, strict=True)
    )
    shown = difference, spectra, (fy, fx), "nm" if raw.pixel_size_yx else "px"
    try:
        return _Removed(*shown, residual_check(raw, denoised), "")
    except SBDError as error:
        return _Removed(*shown, None, f"The residual could not be judged: {error}")


def _spectrum(image: np.ndarray, block: tuple[int, int]) -> np.ndarray:
    sums = mean_filled(sampling.bin_counts(image, block))
    window = np.hanning(sums.shape[0])[:, None] * np.hanning(sums.shape[1])
    power: np.ndarray = np.abs(np.fft.fftshift(np.fft.fft2((sums - sums.mean()) * window))) ** 2
    return power
