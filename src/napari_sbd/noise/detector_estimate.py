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

from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph.frames import as_micrograph, finite_or_nan, mean_filled
from .detector import SURE, VAGUE, Detector
from .left_out import without_outliers
from .point_spread import point_spread
from .spectrum import FREQUENCY, fast_filter, spectra_of
from .tiles import any_in_tiles, tiles_of
from .variance_line import Line, fit_line
from .white_floor import Floor, white_floor
from .whiteness import whiteness

_SIGNAL_LIMIT = 0.08  # nm: finer detail in a TEM image is noise
_FALLBACK_LIMIT = 0.15  # cycles per pixel, where the pixel size is unknown
_LAGS = 6  # of the autocorrelation [px]
_COUNTED = 3.0, 0.05  # errors, or share, by which gain and step of counted values may differ
_PATTERN_SEEN = 1e-4  # squared relative spread of the pixels' sensitivity that matters
_COARSE = 8  # times the variance of the rounding that the noise should have, to be told from it
_FINE = 2.0  # steps of the values that an electron should make, or rounding follows their number
_READ = 0.5  # electrons of read-out noise that a detector may have without our knowing
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
        File units per electron and at zero electrons, where known; they are kept.

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
    frames = [
        finite_or_nan(f).astype(np.float64)
        for f in (source.data if source.is_movie else source.data[None])
    ]
    held = np.logical_and.reduce([np.isfinite(f) for f in frames])
    for name, mask in (("dark", dark), ("vacuum", vacuum)):
        if mask is not None and (np.shape(mask) != shape or np.sum(held & mask) < 256):
            raise SBDError(
                f"The {name} region must be a mask of shape {shape} with at least 256 pixels of "
                "data."
            )
    notes: list[str] = []
    if len(frames) > 1:
        pairs = [((a + b) / 2, (b - a) / 2**0.5) for a, b in pairwise(frames)]
        pairs = [(m, n) for m, n in pairs if np.nanmin(n) < np.nanmax(n)]  # a frame given twice
        if not pairs:
            raise SBDError(
                "All frames are the same but for a constant, so their differences hold no noise; "
                "give one of them."
            )
        slowest = 1 / 64
    else:
        pairs = [(frames[0], frames[0])]
        size = source.pixel_size_yx
        slowest = _FALLBACK_LIMIT if size is None else min(0.35, max(size) / _SIGNAL_LIMIT)
    region = None if vacuum is None else np.asarray(vacuum, bool)
    spectra = spectra_of([noise for _, noise in pairs], region)
    spectra = spectra[spectra.max(1) > 0]  # parts that hold no electron tell nothing
    if not len(spectra):
        raise SBDError(
            "The image has no noise: it is constant, or hardly any of it holds data, so it tells "
            "nothing."
        )
    still = len(frames) > 1
    test = whiteness(mean_filled(pairs[0][1]), source.pixel_size_yx, signal=not still)
    lowest = 1 / 64 if region is not None else slowest
    kernel = fast_filter(slowest)
    even = pairs[0][1] if region is None else np.where(region, pairs[0][1], np.nan)
    hidden = not still and region is None
    seen = point_spread(spectra, lowest, kernel, test, even, hidden)

    means, variances = zip(
        *(tiles_of(m, n, kernel, test.independent) for m, n in pairs), strict=True
    )
    outside = np.ones(means[0].shape, bool)
    if dark is not None:
        outside = ~any_in_tiles(np.asarray(dark, bool), shape, means[0].shape)
    mean, variance = (np.where(outside, np.mean(i, 0), np.nan) for i in (means, variances))
    if np.isfinite(mean).sum() < 2:
        raise SBDError("Too little of the image holds data and electrons to tell variance by mean.")

    known = source.gain if gain is None else gain
    level = offset
    read, read_err = 0.0, 0.0
    if dark is not None:
        values = np.concatenate([f[held & dark] for f in frames])
        level = float(values.mean()) if offset is None else offset
        read, read_err = float(values.std()), float(values.std() / np.sqrt(2 * values.size))
    if level is None and source.gain is not None:
        level = source.offset
    step = _step(frames[0]) if dark is None else 0.0
    floor = Floor(seen.share, 0.0)
    if not test.independent:
        told = None if dark is None else read**2
        floor = white_floor(seen.shape, seen.power, kernel, pairs, (mean, variance), told)
    share_err = float(np.hypot(seen.share_err, floor.share_err))
    apart = dark is None and floor.read - step**2 / 12 > 2 * floor.read_err
    if apart:  # what does not grow with brightness, since a point spread leaves it white
        read = float(np.sqrt(floor.read - step**2 / 12))
        read_err = floor.read_err / 2 / read

    def line(rounding: float, patterned: bool, counted: bool) -> Line:
        shot = (variance - read**2 - rounding) / floor.share
        fixed: dict[str, Any] = {"gain": known, "offset": level}
        return fit_line(mean, shot, **fixed, patterned=patterned, counted=counted)

    found, rounding = line(0.0, False, True), 0.0
    # the steps of the values are electrons, which pixels of unlike sensitivity would not count in
    counted = bool(step) and test.independent
    counted &= abs(found.gain - step) < max(_COUNTED[0] * found.gain_err, _COUNTED[1] * step)
    if not counted:
        rounding = step**2 / 12
        found = line(rounding, not still, False)
    gain_err, offset_err = found.gain_err, found.offset_err
    if not known and not counted:
        gain_err = float(np.hypot(gain_err, found.gain * share_err))
    if counted and not known:  # then the gain is the step
        gain_err = max(found.gain_err, abs(found.gain - step))
    if dark is None and level is None and not counted:
        unknown = floor.read_err / max(found.gain * floor.share, 1e-9)
        known_read = unknown if apart else max(_READ**2 * found.gain, unknown)
        offset_err = float(np.hypot(offset_err, known_read))
    if dark is not None and offset is None:
        offset_err = read / np.sqrt(values.size)
    doubts = list(seen.doubts)
    if found.pattern > max(3 * found.pattern_err, _PATTERN_SEEN):
        doubts.append(
            "The noise grows faster than the brightness: the pixels differ in sensitivity (a fixed "
            "pattern); frames of a still scene tell the gain without it"
        )
    if _COARSE * rounding > float(np.nanmedian(variance)) or (
        not counted and abs(found.gain) < _FINE * step
    ):
        doubts.append("The steps of the values are coarse beside the noise")
    told = found.gain > 0 and gain_err < VAGUE * found.gain
    if told and dark is None and not apart:
        notes.append(
            "Offset and read-out noise cannot be told apart here; the latter is taken for 0"
        )
    if not (told and gain_err <= SURE * found.gain):
        share = f"tell the gain to {100 * gain_err / found.gain:.0f} % only"
        how = share if told else "cannot tell the gain"
        spread = f"{_SPREAD}{'' if still else _FRAMES} does"
        notes.append(f"The data {how}: {_FLAT if 2 * found.gain_err > gain_err else spread}")
    if not test.independent:
        notes.append(
            "The noise of neighbouring pixels is correlated: a camera's point spread, or an image "
            "that was interpolated or filtered"
        )
    groups = _groups(mean, variance, floor.share, read)
    return Detector(
        gain=found.gain,
        gain_err=gain_err,
        offset=found.offset,
        offset_err=offset_err,
        read_noise=read,
        read_noise_err=read_err,
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


def _step(frame: np.ndarray) -> float:
    """Distance of neighbouring values that a file of whole numbers can hold; 0 for others."""
    values = np.unique(frame[np.isfinite(frame)])
    if (values != np.round(values)).any():
        return 0.0
    return float(np.gcd.reduce(np.diff(values).astype(np.int64))) if len(values) > 1 else 0.0


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
