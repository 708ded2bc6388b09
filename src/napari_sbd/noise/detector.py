"""A detector as its image tells it: values with their errors, in words and as a plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VAGUE = 0.3  # relative error up to which a gain is told at all
SURE = 0.1  # relative error up to which the gain is believed


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
    fits
        Whether spectrum and variance are those of a detector that is understood; else the notes say
        what is not.

    Examples
    --------
    >>> found = sbd.estimate_detector(noisy, gain=1.0, offset=0.0)
    >>> isinstance(found, sbd.Detector), float(found.gain), float(found.gain_err)
    (True, 1.0, 0.0)
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
    fits: bool = True

    @property
    def sure(self) -> bool:
        """Whether the gain is known well enough for Poisson statistics."""
        told = self.fits or not self.gain_err
        return bool(self.gain > 0 and self.gain_err <= SURE * self.gain and told)

    @property
    def tells_gain(self) -> bool:
        """Whether the gain was given, or is known well enough to be a number at all."""
        return bool(self.gain > 0 and self.gain_err < VAGUE * self.gain)

    def __str__(self) -> str:
        values = []
        if self.tells_gain:
            values.append(f"gain {_with_error(f'{self.gain:.4g}', self.gain_err, ' (given)')}")
        # without a gain, the offset of the same line is no number either; that of the dark is
        if self.tells_gain or not self.offset_err or self.offset_err < self.read_noise:
            offset = _with_error(f"{self.offset:.4g}", self.offset_err, " (given)")
            values.append(f"offset {offset}")
        if self.tells_gain or self.read_noise_err:
            read = _with_error(f"{self.read_noise:.3g}", self.read_noise_err)
            values.append(f"read-out noise {read}")
        correlation = _with_error(f"{self.correlation:.3f}", self.correlation_err)
        values.append(f"correlation of neighbours {correlation}")
        told, notes = ", ".join(values), [note.rstrip(".") for note in self.notes]
        if not self.tells_gain:  # said first: the rest is of less use
            return ". ".join([*notes, f"{told[0].upper()}{told[1:]}"]) + "."
        return ". ".join([told, *notes]) + "."

    def figure(self, columns: int = 3, colours: tuple[str, str] = ("white", "black")) -> Figure:
        """Variance against mean, noise spectrum and autocorrelation.

        Parameters
        ----------
        columns
            Panels beside each other: 3 or 1.
        colours
            Of the background, and of words and lines.
        """
        from matplotlib.figure import Figure

        ground, ink = colours
        size = 4 * columns, 12 / columns
        figure = Figure(figsize=size, layout="constrained", facecolor=ground)
        left, middle, right = figure.subplots(3 // columns, columns).flat
        left.plot(self.mean, self.variance, ".", color="0.5", label="tiles")
        if self.tells_gain:
            ends = np.array([self.mean.min(), self.mean.max()])
            line = self.gain * (ends - self.offset) + self.read_noise**2
            left.plot(ends, line, "C3", label=f"gain {self.gain:.3g}, offset {self.offset:.3g}")
        left.set(xlabel="mean [file units]", ylabel="noise variance\n[file units²]")
        left.legend(facecolor=ground, labelcolor=ink)
        middle.plot(self.frequency, self.spectrum, color=ink)
        middle.axhline(1, color="C3", linewidth=0.8)
        middle.set(xlabel="frequency [1/px]", ylabel="noise power", ylim=(0, 1.6))
        middle.set_title("1 everywhere: white noise", fontsize="medium")
        right.bar(np.arange(len(self.autocorrelation)), self.autocorrelation, color="0.5")
        right.axhline(0, color=ink, linewidth=0.8)
        right.set(xlabel="distance [px]", ylabel="autocorrelation\nof the noise", ylim=(-0.1, 1.05))
        right.set_title(f"neighbours: {self.correlation:.2f}", fontsize="medium")
        for axes in (left, middle, right):
            axes.set_facecolor(ground)
            axes.tick_params(colors=ink)
            for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
                label.set_color(ink)
            for side in axes.spines.values():
                side.set_color(ink)
        return figure


def _with_error(value: str, error: float, exact: str = "") -> str:
    return f"{value} ± {error:.2g}" if error else value + exact
