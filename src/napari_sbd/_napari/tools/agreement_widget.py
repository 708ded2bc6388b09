"""The Agreement dock widget: do the raw counts support the denoised image?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Points
from qtpy.QtWidgets import QPushButton

from ...micrograph import Micrograph
from ..forms.fields import beside, choices, show_or_hide, text
from ..forms.pair_boxes import needed_pair, pair_boxes
from ..forms.region_box import RegionBox
from ..forms.task_widget import Progress, ShouldStop, Task, TaskWidget
from ..jobs.gain import Gain, offer
from ..jobs.judging import judge, patience, why_not
from ..layers import micrographs as layers
from ..layers.calibrating import calibrate, gain_errors
from ..layers.colour_limits import labelled_limits
from ..layers.earlier import counted_with, note_gain
from ..layers.results import earlier, put, put_map

if TYPE_CHECKING:
    import napari

    from ...agreement.result import Agreement

_USE = "For this image from now on, in all tools; then judge by it: gain"
_DOUBTFUL = "doubtful"
_LIMIT = 5.0  # of the z map, the same for every image
_APART, _GIVEN = "by data put aside", "by all electrons"


class AgreementWidget(TaskWidget):
    """Compare a denoised layer with its raw one: a heatmap, the doubtful columns, a verdict.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "Judge", "Add a map of where counts and denoised image disagree.")
        self.raw, self.denoised = pair_boxes(viewer)
        self.how = choices(
            [_APART, _GIVEN],
            "Put aside: each half of the electrons is denoised and judged by the other, as for "
            "columns; even and odd frames of a movie that stands still judge each other. All "
            "electrons: quicker, but the image was made from the same electrons, so what was "
            "invented from their noise passes too easily.",
        )
        self.map = choices(["z", "log-likelihood ratio"], "Ours, or the SBD paper's map.")
        self.region = RegionBox(viewer, lambda: self.denoised.layer)
        self.add_row("Raw", self.raw)
        self.add_row("Denoised", self.denoised)
        self.add_row("Region", beside(self.region, self.region.draw))
        self.add_row("Judge", self.how)
        self.add_row("Map", beside(self.map, self.keep))
        self.spot = text("What the data say at the spot that was clicked on the map.")
        self.below.addWidget(self.spot)
        self.spot.setVisible(False)
        self.use = QPushButton()
        self.use.setVisible(False)
        self.use.clicked.connect(self._use_estimate)
        self.below.addWidget(self.use)
        self._source: Image | None = None
        self._counted: dict[str, Any] = {}
        self._estimate: Gain | None = None
        for box in (self.raw, self.denoised):
            box.chosen.connect(self._forget)

    def _forget(self) -> None:
        """Neither offer a gain nor tell of a spot of another image than is chosen."""
        self.use.setVisible(False)
        show_or_hide(self.spot, "")

    def prepare(self) -> Task:
        """Read the fields."""
        raw, denoised = needed_pair(self.raw, self.denoised)
        pair = layers.micrograph_of(raw), layers.micrograph_of(denoised)
        self._source, self._counted = raw, counted_with(pair[0])
        self._forget()
        apart = self.how.currentText() == _APART
        self.meanwhile = patience(pair[1]) if apart else ""
        return partial(_judge, *pair, apart, self.region.region(), gain_errors(raw))

    def show_result(self, result: tuple[Agreement | Gain, str]) -> str:
        """Add the heatmap and the doubtful columns; or offer the gain that they need."""
        found, warned = result
        if isinstance(found, Gain):
            self._estimate = found
            self.use.setText(offer(found))
            self.use.setToolTip(f"{_USE} {found.in_words}. {found.why}")
            self.use.setVisible(found.how == "estimated")
            return why_not(found)
        self._show(found)
        return f"{found.verdict()} {warned}".strip()

    def _use_estimate(self) -> None:
        source, gain = self._source, self._estimate
        if source is not None and source in self.viewer.layers and gain is not None:
            size = layers.micrograph_of(source).pixel_size
            calibrate(source, size, gain.gain, gain.offset, self.viewer.layers, gain.errors)
            self.start.click()

    def _show(self, result: Agreement) -> None:
        source = self._source
        if source is None or source not in self.viewer.layers:
            return
        now = layers.micrograph_of(source)
        paper = self.map.currentText() != "z"
        values = result.log_likelihood_ratio if paper else result.z
        limit = _LIMIT
        if paper:
            most = np.nanmax(np.abs(values))
            _, limit = labelled_limits(np.array([most, most]), signed=True)
        place = layers.place_in_the_plane(source)
        heat = Image(
            values,
            name=f"{source.name} {'log-likelihood ratio' if paper else 'agreement z'}",
            colormap="coolwarm",
            contrast_limits=(-limit, limit),
            opacity=0.7,
            metadata={layers.AIDS: True, **layers.made_from(source), **self._counted},
            **place,
        )
        heat.mouse_drag_callbacks.append(partial(self._read_spot, result))
        note_gain(heat, now)
        put_map(self.viewer, heat, keep=self.keep.isChecked())
        doubtful = result.columns[~result.columns["supported"]]
        if not self.keep.isChecked():
            for old in earlier(self.viewer.layers, str(source.unique_id), _DOUBTFUL):
                self.viewer.layers.remove(old)
        if len(doubtful):
            rings = Points(
                doubtful[["y", "x"]].to_numpy(float, copy=True),
                features=doubtful.drop(columns=["y", "x"]).reset_index(drop=True),
                name=f"{source.name} doubtful columns",
                symbol="ring",
                size=4 * max(result.radius),
                face_color="transparent",
                border_color="magenta",
                metadata={**layers.made_from(source), **self._counted},
                **place,
            )
            note_gain(rings, now)
            put(self.viewer, rings, _DOUBTFUL, keep=True)
        self.viewer.layers.selection.active = heat

    def _read_spot(self, result: Agreement, layer: Image, event: Any) -> None:
        y, x = layer.world_to_data(event.position)[-2:]
        if not all(-0.5 <= v < n - 0.5 for v, n in zip((y, x), result.z.shape, strict=True)):
            return
        there = result.at(y, x)
        show_or_hide(
            self.spot,
            f"At y {y:.0f}, x {x:.0f}: {there['electrons']:.0f} electrons counted, "
            f"{there['expected']:.1f} predicted, z {there['z']:+.1f}, p {there['p']:.2g}.",
        )


def _judge(
    raw: Micrograph,
    denoised: Micrograph,
    apart: bool,
    region: str | None,
    errors: tuple[float, float],
    progress: Progress,
    should_stop: ShouldStop,
) -> tuple[Agreement | Gain, str]:
    return judge(raw, denoised, apart, region, errors)
