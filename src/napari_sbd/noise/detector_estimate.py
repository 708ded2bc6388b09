"""What the detector did to the electrons, from the image itself.

The noise variance of electron counts is proportional to their mean: ``var = gain (mean - offset)``
in file units, plus the read-out noise. Both are taken over small tiles, the variance from the fast
variations that hold no signal. For Poisson counts the regression of variance on mean is unbiased
even where the tiles' means differ by noise alone, since chance that gives a tile more electrons
gives it more noise in proportion. A camera's point spread damps the fast noise; how much is read
off the noise spectrum, for which a Gaussian over a white floor is fitted; what of the floor is of
the read-out takes no part in it (``white_floor``). Pixels without data are left out.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph.frames import (
    as_micrograph,
    finite_or_nan,
    frame_of,
    lit_frames,
    mean_filled,
)
from .cut_values import find_cut_values
from .detector import SURE, VAGUE, Detector
from .left_out import without_outliers
from .point_spread import point_spread
from .read_out import MAY_HIDE, Beamless, ReadOut
from .spectrum import FREQUENCY, fast_filter, spectra_of
from .tiles import any_in_tiles, share_around_tiles, tiles_of
from .variance_growth import Growth, growth_of, step_of
from .variance_line import Line
from .white_floor import Floor, white_floor
from .whiteness import whiteness

_SIGNAL_LIMIT = 0.08  # nm: finer detail in a TEM image is noise
_FALLBACK_LIMIT = 0.15  # cycles per pixel, where the pixel size is unknown
_SLOWEST_OF_NOISE = 1 / 64  # cycles per pixel, where there is hardly anything but noise
_LEFT = 0.2  # of the tiles, that must be free of values that were cut off
_CUT = 0.01  # of the pixels around a tile, whose missing noise shows
_LAGS = 6  # of the autocorrelation [px]
_FLAT = "brightness and dose vary too little"
_SPREAD = (
    "they do not tell better what a point spread may have taken from the noise; a larger image"
)
_FRAMES = ", or frames of a still scene,"


def estimate_detector(
    image: Any,
    *,
    dark: np.ndarray | None = None,
    vacuum: np.ndarray | None = None,
    gain: float | None = None,
    offset: float | None = None,
) -> Detector:
    """Estimate gain, offset, read-out noise and correlation from variance against mean.

    Parameters
    ----------
    image
        A micrograph or an array (Y, X) or (T, Y, X) of raw detector values; NaN and masked pixels
        hold no data. Of a movie whose scene hardly moves, the noise comes from differences of
        consecutive frames, which is more certain.
    dark
        (Y, X) bool: where no electrons arrive. It gives offset and read-out noise, which
        white noise cannot tell apart: the read-out noise is then taken for zero. Where a point
        spread damps the noise of the electrons only, the read-out is what stays white and does not
        grow with brightness.
    vacuum
        (Y, X) bool: where the illumination is even. It gives the noise spectrum at all frequencies.
    gain, offset
        File units per electron and at zero electrons, where known; they are kept. With the offset,
        what the variance is there is read-out noise.

    Raises
    ------
    SBDError
        If the image is blank, smaller than 64 x 64 pixels or nearly without data, or a mask does
        not fit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> frames = sbd.Micrograph(100 + 20.0 * rng.poisson(noisy.data, (8, 96, 96)), 0.03)
    >>> found = sbd.estimate_detector(frames)
    >>> bool(abs(found.gain - 20) < 3 * found.gain_err)
    True
    """
    source = as_micrograph(image)
    as_micrograph(source, gain=gain, offset=offset)  # refuses what can be neither
    shape = source.shape[-2:]
    if min(shape) < 64:
        raise SBDError(f"The detector needs an image of at least 64 x 64 pixels, not {shape}.")
    source = without_outliers(source, regions=False)
    shown = lit_frames(source) if source.is_movie else []
    frames = [
        finite_or_nan(frame_of(source, t)).astype(np.float64)
        for t in shown or range(len(source.data) if source.is_movie else 1)
    ]
    held = np.logical_and.reduce([np.isfinite(frame) for frame in frames])
    dark, vacuum = _mask("dark", dark, held), _mask("vacuum", vacuum, held)
    pairs = _pairs(frames)
    still = len(frames) > 1
    slowest = _slowest(source.pixel_size_yx, still)
    spectra = _spectra(pairs, vacuum)
    test = whiteness(mean_filled(pairs[0][1]), source.pixel_size_yx, signal=not still)
    kernel = fast_filter(slowest)
    even = pairs[0][1] if vacuum is None else np.where(vacuum, pairs[0][1], np.nan)
    lowest = slowest if vacuum is None else _SLOWEST_OF_NOISE
    seen = point_spread(spectra, lowest, kernel, test, even, not still and vacuum is None)
    mean, variance = _tiles(pairs, kernel, test.independent, dark)

    known = source.gain if gain is None else gain
    beamless = None if dark is None else Beamless.of(frames, held & dark)
    step = step_of(frames[0]) if beamless is None else 0.0
    every = growth_of((mean, variance, seen.share), step, known, None, test.independent, still)
    cut, without = (None, None) if every.counted else _without_cut_values(frames, mean, variance)
    mean, variance = without or (mean, variance)
    floor = Floor(seen.share, 0.0)
    if not test.independent:
        told = None if beamless is None else beamless.read_noise**2
        floor = white_floor(seen.shape, seen.power, kernel, pairs, (mean, variance), told)
    read_out = ReadOut.of(floor, step) if beamless is None else beamless.read_out

    level = beamless.level if offset is None and beamless is not None else offset
    if level is None and source.gain is not None:
        level = source.offset
    shot = mean, variance - read_out.noise**2, floor.share
    growth = growth_of(shot, step, known, level, test.independent, still)
    share_err = float(np.hypot(seen.share_err, floor.share_err))
    gain_err = growth.line.gain_err if known else growth.gain_err(share_err)
    if not (level is None or beamless or read_out.apart or growth.counted):
        free = growth_of(shot, step, known, None, test.independent, still)
        read_out = ReadOut.above(free.line, level, floor.share)
        if not known:
            growth, hidden = _through(growth, free, level, float(np.nanmean(mean)))
            gain_err = float(np.hypot(growth.gain_err(share_err), hidden))
    line = growth.line
    offset_err = line.offset_err
    if beamless is not None and offset is None:
        offset_err = beamless.level_err
    elif level is None and not growth.counted:
        offset_err = float(np.hypot(offset_err, read_out.hidden(line.gain, floor)))

    doubts = [*seen.doubts, *growth.doubts(variance)]
    if cut and not without:
        doubts.append(f"{cut}, all over the image: its noise does not tell the gain")
    mixed = "Offset and read-out noise"
    if level is not None:
        mixed = "Noise of the electrons and of the read-out"
    told_apart = beamless is not None or read_out.apart
    told_apart |= level is not None and (known is not None or growth.counted)
    notes = _notes(line, gain_err, still, "" if told_apart else mixed)
    if cut and without:
        notes.append(f"{cut}; the parts that hold them are left out")
    if not test.independent:
        notes.append(
            "The noise of neighbouring pixels is correlated: a camera's point spread, or an image "
            "that was interpolated or filtered"
        )
    groups = _groups(mean, variance, floor.share, read_out.noise)
    return Detector(
        gain=line.gain,
        gain_err=gain_err,
        offset=line.offset,
        offset_err=offset_err,
        read_noise=read_out.noise,
        read_noise_err=read_out.error,
        correlation=seen.shape.correlation(),
        correlation_err=seen.correlation_err,
        notes=(*notes, *doubts),
        mean=groups[0],
        variance=groups[1],
        frequency=FREQUENCY,
        spectrum=np.mean(spectra, 0) / seen.power,
        autocorrelation=np.array([seen.shape.correlation(lag) for lag in range(_LAGS)]),
        fits=not doubts,
    )


def _mask(name: str, mask: np.ndarray | None, held: np.ndarray) -> np.ndarray | None:
    """A region that was given, as bool (Y, X)."""
    if mask is None:
        return None
    if np.shape(mask) != held.shape or np.sum(held & mask) < 256:
        raise SBDError(
            f"The {name} region must be a mask of shape {held.shape} with at least 256 pixels of "
            "data."
        )
    return np.asarray(mask, bool)


def _pairs(frames: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(Y, X) each: what shows the brightness, and what shows its noise."""
    if len(frames) == 1:
        return [(frames[0], frames[0])]
    pairs = [((a + b) / 2, (b - a) / 2**0.5) for a, b in pairwise(frames)]
    pairs = [(m, n) for m, n in pairs if np.nanmin(n) < np.nanmax(n)]  # a frame given twice
    if not pairs:
        raise SBDError(
            "All frames are the same but for a constant, so their differences hold no noise; "
            "give one of them."
        )
    return pairs


def _slowest(pixel_size_yx: tuple[float, float] | None, still: bool) -> float:
    """Cycles per pixel, above which there is noise alone."""
    if still:
        return _SLOWEST_OF_NOISE
    if pixel_size_yx is None:
        return _FALLBACK_LIMIT
    return min(0.35, max(pixel_size_yx) / _SIGNAL_LIMIT)


def _spectra(pairs: list[tuple[np.ndarray, np.ndarray]], vacuum: np.ndarray | None) -> np.ndarray:
    """Of the parts that hold noise, as ``spectra_of`` gives them."""
    every = spectra_of([noise for _, noise in pairs], vacuum)
    spectra: np.ndarray = every[every.max(1) > 0]  # parts that hold no electron tell nothing
    if not len(spectra):
        raise SBDError(
            "The image has no noise: it is constant, or hardly any of it holds data, so it tells "
            "nothing."
        )
    return spectra


def _tiles(
    pairs: list[tuple[np.ndarray, np.ndarray]],
    kernel: np.ndarray,
    independent: bool,
    dark: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of tiles, NaN where these hold no data or no electrons."""
    every = np.stack([tiles_of(m, n, kernel, independent) for m, n in pairs])
    mean, variance = every.mean(0)
    if dark is not None:
        beamless = any_in_tiles(dark, dark.shape, mean.shape)
        mean, variance = (np.where(beamless, np.nan, i) for i in (mean, variance))
    if np.isfinite(mean).sum() < 2:
        raise SBDError("Too little of the image holds data and electrons to tell variance by mean.")
    return mean, variance


def _without_cut_values(
    frames: list[np.ndarray], mean: np.ndarray, variance: np.ndarray
) -> tuple[str, tuple[np.ndarray, np.ndarray] | None]:
    """What is said of values at an end of their range that do not vary any more, and mean and
    variance with NaN for tiles that hold some; None where few others are left, or there are none.
    """
    cut = np.logical_or.reduce([find_cut_values(frame) for frame in frames])
    if not cut.any():
        return "", None
    share = f"{cut.mean():.1%} of the values are cut off at an end of their range"
    there = share_around_tiles(cut, mean.shape) > _CUT
    left = np.isfinite(mean) & ~there
    if left.sum() < max(2, _LEFT * np.isfinite(mean).sum()):
        return share, None
    return share, (np.where(there, np.nan, mean), np.where(there, np.nan, variance))


def _through(growth: Growth, free: Growth, level: float, mean: float) -> tuple[Growth, float]:
    """How the variance grows from an offset that is known, and what hidden read-out noise may add
    to the gain.

    It makes the gain of a line through the offset too large. Where the ``free`` line says so, or
    is surer all the same, its gain counts.
    """
    fixed, line = growth.line, free.line
    if mean <= level:
        return growth, 0.0
    hidden = MAY_HIDE**2 * fixed.gain**2 / (mean - level)
    if fixed.gain - line.gain < line.gain_err and line.gain_err > np.hypot(fixed.gain_err, hidden):
        return growth, hidden
    return replace(free, line=replace(line, offset=level, offset_err=0.0)), 0.0


def _notes(line: Line, gain_err: float, still: bool, mixed: str) -> list[str]:
    """How well the gain is told, and what is ``mixed`` with read-out noise."""
    notes = []
    told = line.gain > 0 and gain_err < VAGUE * line.gain
    if told and mixed:
        notes.append(f"{mixed} cannot be told apart here; the latter is taken for 0")
    if not (told and gain_err <= SURE * line.gain):
        share = f"tell the gain to {100 * gain_err / line.gain:.0f} % only"
        how = share if told else "cannot tell the gain"
        spread = f"{_SPREAD}{'' if still else _FRAMES} does"
        notes.append(f"The data {how}: {_FLAT if 2 * line.gain_err > gain_err else spread}")
    return notes


def _groups(
    mean: np.ndarray, variance: np.ndarray, share: float, read: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tiles of about equal mean averaged, for the plot."""
    held = np.isfinite(mean) & np.isfinite(variance)
    order = np.argsort(mean[held])
    parts = np.array_split(order, min(40, len(order)))
    true = (variance[held] - read**2) / share + read**2
    return np.array([mean[held][p].mean() for p in parts]), np.array(
        [true[p].mean() for p in parts]
    )
