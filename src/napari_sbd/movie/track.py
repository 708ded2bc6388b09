"""Frames of a movie denoised one by one and placed on the path of the scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import sampling
from ..denoising.denoiser import Denoiser
from ..errors import BlankImage
from ..micrograph.frames import Level, finite_or_nan, mean_filled
from ..noise import level as noise
from ..noise.whitening import whiten
from ..noise.working import filled
from .tracker import Tracker

JITTER, REACH = 0.05, 0.6  # nm: see ``estimate_drift``


class Track:
    """Frames brought to the working sampling, denoised there and placed on the path of the scene.

    Parameters
    ----------
    worker
        Gives the model, the block and the calibration.
    jitter, reach
        nm.
    should_stop
        Asked before every pass of the network.

    Attributes
    ----------
    tracker
        Finds the path.
    """

    def __init__(
        self,
        worker: Denoiser,
        jitter: float = JITTER,
        reach: float = REACH,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.block = np.array(worker.block)
        self.inner, self._stop = worker.on_blocks(), should_stop
        self._camera = worker.camera
        pixels = np.array(worker.source.pixel_size_yx or (np.nan, np.nan)) * self.block
        pixel = sampling.WORKING_PIXEL if np.isnan(pixels).any() else float(pixels.mean())
        self.tracker = Tracker(max(jitter / pixel, 0.2), max(round(reach / pixel), 2))

    def look(self, frame: Any) -> Look:
        """Bin, denoise and place a frame (Y, X) in file units.

        Raises
        ------
        BlankImage
            If it is blank or without beam.
        """
        block = int(self.block[0]), int(self.block[1])
        raw = lit_values(frame, self.inner)
        values, outliers = self._camera.cleaned(raw)
        counts = sampling.bin_counts(values, block)
        if outliers is not None:
            empty = np.isnan(sampling.bin_counts(raw, block))
            counts = np.where(empty, np.nan, filled(counts))
        clean = self.inner(counts, should_stop=self._stop)
        whole, correlated = mean_filled(counts), self.inner.camera.noise
        if correlated is None:
            level = noise.noise_level(whole)
        else:
            level = noise.usual_level(whiten(whole, correlated))
        place = self.tracker(clean, counts, level)
        errors = np.sqrt(np.diag(place.covariance))
        return Look(
            values, counts, clean, level, place.shift * self.block, errors * self.block,
            place.agreement, place.agreement_err, None if outliers is None else outliers.mask,
        )  # fmt: skip

    def row(self, frame: Any) -> tuple[float, ...]:
        """Shift y, x, errors y, x [px], agreement and its error of a frame; NaN if it is blank."""
        try:
            seen = self.look(frame)
        except BlankImage:
            return (np.nan,) * 6
        return (*seen.shift, *seen.error, seen.agreement, seen.agreement_err)


@dataclass(frozen=True)
class Look:
    """What is known of a frame: its values, counts and estimate at the working sampling, place.

    Parameters
    ----------
    values
        (Y, X) in file units.
    counts, clean
        (h, w) block sums, and their estimate.
    level
        Standard deviation of the noise of ``counts``.
    shift, error
        (2,) from the first frame [px].
    agreement, agreement_err
        As in ``Drift``.
    left_out
        bool (Y, X) of the outliers; None without any.
    """

    values: np.ndarray
    counts: np.ndarray
    clean: np.ndarray
    level: float
    shift: np.ndarray
    error: np.ndarray
    agreement: float
    agreement_err: float
    left_out: np.ndarray | None = None


def lit_values(frame: Any, worker: Denoiser) -> np.ndarray:
    """A frame (Y, X) as numbers.

    Raises
    ------
    BlankImage
        If it is blank or without beam.
    """
    values = finite_or_nan(frame)
    if Level.of(values, worker.source.offset).is_dark(worker.lit):
        raise BlankImage("The frame has no beam.")
    return values
