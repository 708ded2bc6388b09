"""What a microscopist looks at while frames come: a running mean, focus, and drift."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..micrograph import Micrograph
from ..micrograph.frames import mean_filled
from ..movie.correct import rolled
from ..movie.drift import SMALLEST_AGREEMENT
from ..movie.track import JITTER, REACH
from ..movie.tracker import Place, Tracker
from ..noise.level import LEVEL_ERROR, noise_level
from ..recipe import history
from ..region import limited
from ..spacings import reflections
from .turns import Seen

FRAMES = 8
"""Frames of a running mean, where nothing else is asked for."""

_BAND_NM = 0.1, 0.5  # periods of atomic columns and lattice planes
_BAND_BLOCKS = 2.5, 16.0  # the same in working pixels, where no pixel size is known
_TIED = 35 / 18  # of a Hann window in one dimension, pixels times sum of w^4 over (sum of w^2)^2
_HIGHEST = 0.45  # cycles per working pixel; beyond it there is noise alone


@dataclass(frozen=True, eq=False)
class Running:
    """The newest frame, and what the last ones say together.

    Parameters
    ----------
    seen
        The newest frame, with its raw image and its result; of a preview, the part that was
        denoised.
    average
        (Y, X) float32 mean of the last raw frames, each moved by whole pixels to where the newest
        one lies; NaN where none of them reaches.
    count
        How many frames it is the mean of.
    contrast
        How strong the raw frame shows detail of 0.1 to 0.5 nm: its standard deviation without that
        of the noise, over the mean. It is largest where the frame is sharpest.
    contrast_err
        One standard error of it, from the noise.
    finest
        Shortest period that the mean shows beyond doubt [nm, or px where the pixel size is
        unknown]; None where it shows none.
    shift, shift_err
        (2,) y, x [px] of the scene from the first frame that was seen, and one standard error.
    changed
        Whether the frame shows another scene than those before: then all begins anew.
    """

    seen: Seen
    average: np.ndarray
    count: int
    contrast: float
    contrast_err: float
    finest: float | None
    shift: np.ndarray
    shift_err: np.ndarray
    changed: bool

    @property
    def unit(self) -> str:
        """Of ``finest``."""
        return "px" if self.raw.pixel_size is None else "nm"

    @property
    def raw(self) -> Micrograph:
        """The newest frame as it was recorded."""
        assert self.seen.raw is not None
        return self.seen.raw

    @property
    def result(self) -> Micrograph:
        """The newest frame, denoised."""
        assert self.seen.result is not None
        return self.seen.result

    def __str__(self) -> str:
        """Focus and drift in a sentence each."""
        fine = f", finest period {self.finest:.3g} {self.unit}" if self.finest else ""
        size = self.raw.pixel_size_yx or (1.0, 1.0)
        far, err = (v * size for v in (self.shift, self.shift_err))
        focus = (
            f"Fine contrast {100 * self.contrast:.1f} % ± {100 * self.contrast_err:.2g} %{fine}."
        )
        if not np.isfinite(self.contrast_err):
            focus = "The fine contrast cannot be told: the frame is too small or shows no noise."
        if self.changed:
            return f"{focus} Another scene: mean and drift begin anew."
        if not self.shift_err.any():
            return f"{focus} Drift counts from here."
        if not np.isfinite(err).all():
            return f"{focus} The drift cannot be told."
        return (
            f"{focus} Drift y {far[0]:+.3g}, x {far[1]:+.3g} {self.unit} "
            f"(± {max(err):.1g}), mean of {self.count}."
        )


class RunningMean:
    """Takes the frames of a watch one after the other; ``watch(on_frame=...)`` may give them.

    Parameters
    ----------
    frames
        How many of the last frames the mean is taken of.

    Raises
    ------
    SBDError
        If that is no number from 1 up.

    Examples
    --------
    >>> from napari_sbd.watch.running import RunningMean
    >>> running = RunningMean(frames=4)
    >>> sbd.watch("camera/", idle=0.0, on_frame=running).fates["denoised"]
    0
    >>> running.newest is None  # no frame has come
    True
    """

    def __init__(self, frames: int = FRAMES) -> None:
        if frames != int(frames) or frames < 1:
            raise SBDError(f"A mean is taken of 1 frame or more, not of {frames}.")
        self.newest: Running | None = None
        self._kept: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=int(frames))
        self._tracker: Tracker | None = None
        self._camera: object = None

    def __call__(self, seen: Seen) -> Running | None:
        """Take a frame; None where it shows nothing, or one that is newer was seen before."""
        late = self.newest is not None and seen.number < self.newest.seen.number
        if seen.raw is None or seen.result is None or seen.fate != "denoised" or late:
            return None
        raw, result, _ = limited(seen.raw, seen.result)  # to a preview's part
        seen = replace(seen, raw=raw, result=result)
        block = _block(result)
        values = np.asarray(raw.data, np.float32) - np.float32(raw.offset)
        camera = values.shape, raw.pixel_size_yx, block
        place = None if camera != self._camera else self._place(seen, values, block)
        changed = place is None or _is_another(place)
        if place is None or changed:
            self._camera = camera
            self._begin(seen, block)
            place = self._place(seen, values, block)
        self._kept.append((values, place.shift * block))
        average = _mean(self._kept)
        contrast, error = fine_contrast(values, raw.pixel_size_yx, block)
        first = self.newest is None
        self.newest = Running(
            seen,
            average,
            len(self._kept),
            contrast,
            error,
            _finest(average, raw.pixel_size_yx),
            place.shift * block,
            np.sqrt(np.diag(place.covariance)) * block,
            changed and not first,
        )
        return self.newest

    def _begin(self, seen: Seen, block: tuple[int, int]) -> None:
        assert seen.raw is not None
        size = seen.raw.pixel_size_yx
        pixel = sampling.WORKING_PIXEL
        if size is not None:
            pixel = float(np.mean([s * b for s, b in zip(size, block, strict=True)]))
        self._kept.clear()
        self._tracker = Tracker(max(JITTER / pixel, 0.2), max(round(REACH / pixel), 2))

    def _place(self, seen: Seen, values: np.ndarray, block: tuple[int, int]) -> Place:
        assert self._tracker is not None and seen.result is not None and seen.raw is not None
        counts = sampling.bin_counts(values, block)
        clean = sampling.bin_counts(np.asarray(seen.result.data) - seen.raw.offset, block)
        return self._tracker(clean, counts, noise_level(mean_filled(counts)))


def fine_contrast(
    image: np.ndarray,
    pixel_size_yx: tuple[float, float] | None = None,
    block: tuple[int, int] = (1, 1),
) -> tuple[float, float]:
    """Strength of detail of 0.1 to 0.5 nm in a raw image, without that of its noise.

    The power in that band of frequencies, less that of white noise, is the variance of the detail
    (Parseval). Where the noise of the camera is correlated, only changes of it mean something.

    Parameters
    ----------
    image
        (Y, X) above the offset; NaN where there are no data.
    pixel_size_yx
        nm; without it, the band is that of 2.5 to 16 blocks.
    block
        Pixels along y and x that are summed first.

    Returns
    -------
    Standard deviation of the detail over the mean of the image, and its standard error from noise;
    zero where noise hides it.

    Examples
    --------
    >>> from napari_sbd.watch.running import fine_contrast
    >>> wave = 10 * (1 + 0.2 * np.cos(2 * np.pi * np.arange(128) * 0.03 / 0.24)) * np.ones((128, 1))
    >>> contrast, error = fine_contrast(wave, (0.03, 0.03))
    >>> round(contrast, 3)  # 0.2 / sqrt(2)
    0.141
    """
    sums = mean_filled(sampling.bin_counts(np.asarray(image, np.float64), block))
    mean = float(sums.mean())
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in sums.shape))
    values = (sums - (sums * window).sum() / window.sum()) * window
    power = np.abs(np.fft.fft2(values)) ** 2 / (values.size * (window**2).sum())
    steps = [b * p for b, p in zip(block, pixel_size_yx or (1.0, 1.0), strict=True)]
    fy, fx = (np.fft.fftfreq(n, d) for n, d in zip(sums.shape, steps, strict=True))
    radius = np.hypot(fy[:, None], fx)
    short, long = _BAND_NM
    if pixel_size_yx is None:
        short, long = (n * float(np.mean(block)) for n in _BAND_BLOCKS)
    band = (radius >= 1 / long) & (radius <= min(1 / short, _HIGHEST / max(steps)))
    noise = noise_level(sums) ** 2 / power.size
    variance = float(power[band].sum() - noise * band.sum())
    # of each pair of opposite frequencies one is independent, and a Hann window ties neighbours
    scatter = noise * np.sqrt(2 * band.sum()) * _TIED
    level = noise * band.sum() * 2 * LEVEL_ERROR / np.sqrt(sums.size)
    beside = 2 * np.sqrt(2 * max(variance, 0) * noise * _TIED)
    error = float(np.sqrt(scatter**2 + level**2 + beside**2))
    contrast = float(np.sqrt(max(variance, 0)))
    least = max(contrast, float(np.sqrt(error)))
    if mean <= 0 or least == 0:
        return 0.0, np.inf
    return contrast / mean, error / (2 * least) / mean


def _block(result: Micrograph) -> tuple[int, int]:
    """Pixels that were summed when a frame was denoised."""
    y, x = history(result.metadata)[-1]["settings"]["block"]
    return int(y), int(x)


def _is_another(place: Place) -> bool:
    clear = place.agreement + 3 * place.agreement_err < 1
    return bool(clear and place.agreement < SMALLEST_AGREEMENT)


def _mean(kept: deque[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Of frames with their shifts, laid onto the last one by whole pixels."""
    newest = kept[-1][1]
    total = np.zeros(kept[-1][0].shape, np.float64)
    held = np.zeros(total.shape, int)
    for values, shift in kept:
        moved = rolled(values, shift - newest)
        there = np.isfinite(moved)
        total += np.where(there, moved, 0)
        held += there
    with np.errstate(invalid="ignore"):
        return np.where(held > 0, total / held, np.nan).astype(np.float32)


def _finest(image: np.ndarray, size: tuple[float, float] | None) -> float | None:
    found = reflections(image)
    if not len(found.frequency):
        return None
    return float(1 / np.hypot(*(found.frequency / np.array(size or (1.0, 1.0))).T).max())
