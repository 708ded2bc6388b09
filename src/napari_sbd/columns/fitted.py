"""Fits of the columns of an image, with all that the data and their halves tell of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from .fits import Fits
from .halves_scatter import Halves
from .in_data import InData, common
from .lacking import lacking
from .overlap import flow_together
from .shown import Shown

_OTHER, _MANY = 0.15, 0.25  # of a width, by which one is another; share of those near to others
_CHANCE = 2.0  # standard errors, which the noise of the data explains

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
    near = _left_open(fit, raw, 1.0 if known is None else known.width)
    open_to_shape = _beyond_noise(fit, raw)
    if halves is not None:
        pairs = halves.fits(known)
        attrs["intensity_factor"] = halves.intensities(fit, pairs, near)
        told = halves.places(fit, pairs, near)
        held = np.where(near[:, None], np.nan, raw.values[:, :2])
        wave = lacking(fit.values[:, :2], held, fit.error[:, :2] * told.factor)
        attrs.update(position_factor=told.factor, pulled=told.pull)
        attrs["lacking"] = None if wave is None else asdict(wave)
    fit.error[:, :2] *= attrs.get("position_factor", 1.0)
    if attrs.get("lacking"):
        fit.error[:, :2] = np.hypot(fit.error[:, :2], attrs["lacking"]["together"])
    if free is None:
        attrs["left_open"] = int(near.sum())
    if free is None and known is not None:
        attrs["intensity_ratio"] = common(fit, raw, known, near)
    fit.intensity_error[:] *= attrs.get("intensity_factor") or 1.0
    if attrs.get("intensity_ratio"):
        ratio, error = attrs["intensity_ratio"]
        of_all = np.hypot(ratio - 1, error) / ratio * fit.intensity
        fit.intensity_error[:] = np.hypot(fit.intensity_error, of_all)
    for fits in (fit, raw):
        for error, more in zip((fits.error, fits.intensity_error), open_to_shape, strict=True):
            error[near] = np.hypot(error[near], more[near])
    return fit, raw


def _left_open(fit: Fits, raw: Fits, width: float) -> np.ndarray:
    """(N,) which columns flow together so that their shapes do not tell them apart.

    Fits to the image and to the data, which are of one width in common, then come to other widths.
    """
    near = flow_together(fit.values)
    with np.errstate(invalid="ignore"):
        other = np.abs(raw.values[:, 3] / (width * fit.values[:, 3]) - 1) > _OTHER
    return near & bool(other[near].sum() > _MANY * near.sum())


def _beyond_noise(fit: Fits, raw: Fits) -> tuple[np.ndarray, np.ndarray]:
    """What fits to an image and to the data differ by beyond noise: values (N, 5) and intensities.

    Both weigh the same columns otherwise, so where these flow together it shows how little shape
    alone tells of them.
    """
    pairs = (
        (fit.values - raw.values, raw.error),
        (fit.intensity - raw.intensity, raw.intensity_error),
    )
    values, intensities = (
        np.sqrt(np.maximum(np.nan_to_num(off**2 - (_CHANCE * error) ** 2), 0))
        for off, error in pairs
    )
    return values, intensities
