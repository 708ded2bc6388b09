"""What the detector did to the electrons, from the image itself.

The noise variance of electron counts is proportional to their mean: ``var = gain (mean - offset)``
in file units, plus the read-out noise. Both are taken over small tiles, the variance from the fast
variations that hold no signal. For Poisson counts the regression of variance on mean is unbiased
even where the tiles' means differ by noise alone, since chance that gives a tile more electrons
gives it more noise in proportion. A camera's point spread damps the fast noise; how much is read
off the noise spectrum, for which a Gaussian over a white floor is fitted. Pixels without data are
left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from ..frames import as_micrograph, finite_or_nan
from .spectrum import FREQUENCY, correlation_of, fast_filter, fit, model, passed, spectra_of
from .tiles import any_in_tiles, tiles_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIGNAL_LIMIT = 0.08  # nm: finer detail in a TEM image is noise
_FALLBACK_LIMIT = 0.15  # cycles per pixel, where the pixel size is unknown
_JACKKNIFE = 6  # of the tiles along y and x
_LAGS = 6  # of the autocorrelation [px]
_EXCESS = 1.5  # of errors over those of the jackknife, seen with simulated detectors
_SURE = 0.1  # relative error up to which the gain is believed


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector as its image tells it.

    Parameters
    ----------
    gain, gain_err
        File units per electron, and the standard error; an error of 0 means given, not estimated.
    offset, offset_err
        File units at zero electrons.
    read_noise, read_noise_err
        Standard deviation [file units].
    correlation, correlation_err
        Of the noise of neighbouring pixels; 0 for a counting detector.
    notes
        What the data could not tell, in sentences.
    mean, variance
        (N,) of the tiles, sorted into groups of equal mean [file units]: the points of the plot.
    frequency, spectrum
        (M,) [cycles per pixel] and noise power, 1 at zero frequency.
    autocorrelation
        (L,) of the noise at distances of 0, 1, 2 ... pixels along an axis, from a smooth spectrum.
    """

    gain: float
    gain_err: float
    offset: float
    offset_err: float
    read_noise: float
    read_noise_err: float
    correlation: float
    correlation_err: float
    notes: tuple[str, ...]
    mean: np.ndarray
    variance: np.ndarray
    frequency: np.ndarray
    spectrum: np.ndarray
    autocorrelation: np.ndarray

    @property
    def sure(self) -> bool:
        """Whether gain and offset are known well enough for Poisson statistics."""
        return bool(self.gain > 0 and self.gain_err <= _SURE * self.gain)

    def __str__(self) -> str:
        correlation = _with_error(f"{self.correlation:.3f}", self.correlation_err)
        text = (
            f"gain {_with_error(f'{self.gain:.4g}', self.gain_err, ' (given)')}, "
            f"offset {_with_error(f'{self.offset:.4g}', self.offset_err, ' (given)')}, "
            f"read-out noise {_with_error(f'{self.read_noise:.3g}', self.read_noise_err)}, "
            f"correlation of neighbours {correlation}"
        )
        return ". ".join([text, *(note.rstrip(".") for note in self.notes)]) + "."

    def figure(self, columns: int = 3) -> Figure:
        """Variance against mean, noise spectrum and autocorrelation, in so many columns."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4 * columns, 12 / columns), layout="constrained")
        left, middle, right = figure.subplots(3 // columns, columns).flat
        left.plot(self.mean, self.variance, ".", color="0.4", label="tiles")
        ends = np.array([self.mean.min(), self.mean.max()])
        line = self.gain * (ends - self.offset) + self.read_noise**2
        left.plot(ends, line, "C3", label=f"gain {self.gain:.3g}, offset {self.offset:.3g}")
        left.set(xlabel="mean [file units]", ylabel="noise variance [file units²]")
        left.legend()
        middle.plot(self.frequency, self.spectrum, "k")
        middle.axhline(1, color="C3", linewidth=0.8)
        middle.set(xlabel="frequency [1/px]", ylabel="noise power", ylim=(0, 1.6))
        middle.set_title("1 everywhere: white noise", fontsize="medium")
        right.bar(np.arange(len(self.autocorrelation)), self.autocorrelation, color="0.5")
        right.axhline(0, color="k", linewidth=0.8)
        right.set(xlabel="distance [px]", ylabel="autocorrelation of the noise", ylim=(-0.1, 1.05))
        right.set_title(f"neighbours: {self.correlation:.2f}", fontsize="medium")
        return figure


def _with_error(value: str, error: float, exact: str = "") -> str:
    return f"{value} ± {error:.2g}" if error else value + exact


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
        the rest of an image cannot tell apart: without it the read-out noise is taken for zero.
    vacuum
        (Y, X) bool: where the illumination is even. It gives the noise spectrum at all frequencies.
    gain, offset
        File units per electron and at zero electrons, where known; they are kept.

    Raises
    ------
    SBDError
        If the image is blank, smaller than 64 x 64 pixels or nearly without data, or a mask does
        not fit.
    """
    source = as_micrograph(image)
    shape = source.shape[-2:]
    if min(shape) < 64:
        raise SBDError(f"The detector needs an image of at least 64 x 64 pixels, not {shape}.")
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
    lowest = 1 / 64 if region is not None else slowest
    frequency = FREQUENCY
    shapes = [fit(frequency, power, lowest) for power in spectra]
    spread, floor = fit(frequency, np.mean(spectra, 0), lowest)
    correlations = [correlation_of(*shape) for shape in shapes]
    correlation = correlation_of(spread, floor)
    correlation_err = float(np.std(correlations) / np.sqrt(len(shapes)))
    white = correlation < max(3 * correlation_err, 0.02)
    spread, floor = (0.0, 0.0) if white else (spread, floor)

    kernel = fast_filter(slowest)
    share = passed(kernel, spread, floor)
    means, variances = zip(*(tiles_of(m, n, kernel, white) for m, n in pairs), strict=True)
    outside = np.ones(means[0].shape, bool)
    if dark is not None:
        outside = ~any_in_tiles(np.asarray(dark, bool), shape, means[0].shape)
    mean, variance = (np.where(outside, np.mean(i, 0), np.nan) for i in (means, variances))
    if np.isfinite(mean).sum() < 2:
        raise SBDError("Too little of the image holds data and electrons to tell variance by mean.")

    read, read_err, dark_level = 0.0, 0.0, None
    if dark is not None:
        values = np.concatenate([f[held & dark] for f in frames])
        dark_level = float(values.mean())
        read, read_err = float(values.std()), float(values.std() / np.sqrt(2 * values.size))
    else:
        notes.append(
            "Offset and read-out noise cannot be told apart here; the latter is taken for 0"
        )

    known = source.gain if gain is None else gain
    level = offset if offset is not None else dark_level
    if level is None and source.gain is not None:
        level = source.offset
    found = _line(mean, variance, share, read, known, level)
    parts = np.array(
        [_line(*held, share, read, known, level) for held in _leave_out(mean, variance)]
    )
    errors = _EXCESS * parts.std(0) * np.sqrt(len(parts) - 1)
    if not white and not known:
        shares = [passed(kernel, *shape) for shape in shapes]
        errors[0] = np.hypot(errors[0], found[0] * np.std(shares) / share / len(shares) ** 0.5)
    if dark_level is not None and offset is None:
        errors[1] = read / np.sqrt(values.size)
    if not (found[0] > 0 and errors[0] <= _SURE * found[0]):
        notes.append("The data cannot tell the gain: brightness and dose vary too little")
    if not white:
        notes.append(
            "The noise of neighbouring pixels is correlated: a camera's point spread, or an image "
            "that was interpolated or filtered"
        )
    groups = _groups(mean, variance, share, read)
    noisy = frequency > lowest  # below, there is signal
    scale = np.mean(spectra[:, noisy]) / np.mean(model(frequency[noisy], 1.0, spread, floor))
    return Detector(
        gain=found[0],
        gain_err=float(errors[0]),
        offset=found[1],
        offset_err=float(errors[1]),
        read_noise=read,
        read_noise_err=read_err,
        correlation=correlation,
        correlation_err=correlation_err,
        notes=tuple(notes),
        mean=groups[0],
        variance=groups[1],
        frequency=frequency,
        spectrum=np.mean(spectra, 0) / scale,
        autocorrelation=np.array([correlation_of(spread, floor, lag) for lag in range(_LAGS)]),
    )


def _line(
    mean: np.ndarray,
    variance: np.ndarray,
    share: float,
    read: float,
    gain: float | None,
    offset: float | None,
) -> tuple[float, float]:
    """Gain and offset from tiles; what is given is kept."""
    held = np.isfinite(mean) & np.isfinite(variance)
    m, v = mean[held], (variance[held] - read**2) / share
    if offset is not None:
        return gain or float(v.mean() / (m.mean() - offset)), offset
    slope = gain or float(np.cov(m, v)[0, 1] / m.var(ddof=1))
    return slope, float(m.mean() - v.mean() / slope)


def _leave_out(mean: np.ndarray, variance: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The tiles without one part of the image after another."""
    height, width = mean.shape
    row = np.arange(height)[:, None] * _JACKKNIFE // height
    part = row * _JACKKNIFE + np.arange(width) * _JACKKNIFE // width
    return [(np.where(part == k, np.nan, mean), variance) for k in range(_JACKKNIFE**2)]


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
