"""Fits of the columns of an image, with all that the data and their halves tell of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from .fits import Fits
from .halves_scatter import Halves
from .in_data import InData, common
from .lacking import lacking
from .shown import Shown

if TYPE_CHECKING:
    from ..agreement.evidence import Evidence
    from .inputs import Images


def fitted(
    frame: Images,
    evidence: Evidence | None,
    start: np.ndarray,
    free: np.ndarray | None,
    attrs: dict[str, Any],
) -> tuple[Fits, Fits | None]:
    """Fit columns to a denoised image and to the data.

    Parameters
    ----------
    frame
        A single image.
    evidence
        What judges it.
    start
        (N, 5) as ``Fits.values``.
    free
        (N,) which columns to fit, with what ``attrs`` know of all; None for all.
    attrs
        Scale [px] and polarity; receive what concerns all columns.
    """
    image, noisy, variance = frame.values(evidence)
    bright, given = attrs["polarity"] == "bright", attrs.get("given_width")
    shown = Shown(image, start, attrs["scale"], bright, free, given)
    attrs["given_width"] = shown.given_width
    if noisy is None or evidence is None:
        return shown.alone(), None
    shared, halves = evidence.noise, None
    known = InData(**attrs["in_data"]) if attrs.get("in_data") else None
    if free is None:
        if evidence.trials is not None:
            halves = Halves(shown, evidence.trials, bright, variance)
            known = halves.in_data()
        known = known or shown.in_data(noisy, variance)
        attrs["in_data"] = None if known is None else asdict(known)
    fit, raw = shown.with_data(noisy, variance, shared, known)
    if halves is not None:
        pairs = halves.fits(known)
        attrs["intensity_factor"] = halves.intensities(fit, pairs)
        told = halves.places(fit, pairs)
        wave = lacking(fit.values[:, :2], raw.values[:, :2], fit.error[:, :2] * told.factor)
        attrs.update(position_factor=told.factor, pulled=told.pull)
        attrs["lacking"] = None if wave is None else asdict(wave)
    fit.error[:, :2] *= attrs.get("position_factor", 1.0)
    if attrs.get("lacking"):
        fit.error[:, :2] = np.hypot(fit.error[:, :2], attrs["lacking"]["together"])
    if free is None and known is not None:
        attrs["intensity_ratio"] = common(fit, raw, known)
    fit.intensity_error[:] *= attrs.get("intensity_factor") or 1.0
    if attrs.get("intensity_ratio"):
        ratio, error = attrs["intensity_ratio"]
        of_all = np.hypot(ratio - 1, error) / ratio * fit.intensity
        fit.intensity_error[:] = np.hypot(fit.intensity_error, of_all)
    return fit, raw
