"""What is known of the electrons in an image: told, evident, or estimated; knows no Qt.

One answer for all steps: the form that shows the dose, and what can judge by electrons only then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...errors import SBDError
from ...micrograph import Micrograph
from ...micrograph.frames import frame_of, reference_number
from ...noise.detector import Detector
from ...noise.detector_estimate import estimate_detector
from ...noise.dose import are_single_electrons, mean_value, middle
from ...noise.left_out import without_outliers

_FRAMES = 4  # of a movie
_MOST_ELECTRONS = 1e6  # of one pixel: more than cameras hold


@dataclass(frozen=True)
class Gain:
    """Gain and offset of an image, and how they are known.

    Parameters
    ----------
    how
        ``"told"`` by file or user; ``"counted"``: whole numbers whose noise is that of single
        electrons; ``"estimated"`` from the noise; ``"unknown"``.
    gain, offset
        File units per electron, and at zero electrons; a gain of 0 where it is unknown.
    error, offset_error
        Standard errors [file units per electron; file units]; 0 unless estimated.
    why
        What the noise does not tell, in sentences.
    """

    how: Literal["told", "counted", "estimated", "unknown"]
    gain: float = 0.0
    offset: float = 0.0
    error: float = 0.0
    why: str = ""
    offset_error: float = 0.0

    def electrons(self, mean: float) -> float | None:
        """Of a pixel of this mean value [file units]; None where that cannot be told."""
        return (mean - self.offset) / self.gain if self.gain else None

    @property
    def errors(self) -> tuple[float, float]:
        """Of gain and offset, as a layer keeps them."""
        return self.error, self.offset_error

    def shares(self, mean: float) -> tuple[float, float]:
        """Errors of the gain and of the offset, as shares of the gain and of what a mean [file
        units] lies above the offset."""
        above = mean - self.offset
        known = self.gain > 0 and above > 0
        return (self.error / self.gain, self.offset_error / above) if known else (0.0, 0.0)

    def uncertainty(self, mean: float) -> float:
        """Relative error of the electrons in a pixel of this mean value [file units].

        Gain and offset are those of one line, so their errors go together and add.
        """
        return sum(self.shares(mean))

    @property
    def in_words(self) -> str:
        """Gain and offset, with the error of the gain."""
        error = f" ± {short(self.error)}" if self.error else ""
        return f"{short(self.gain)}{error}, offset {short(self.offset)}"


def gain_of(
    m: Micrograph, block: tuple[int, int], errors: tuple[float, float] = (0.0, 0.0)
) -> Gain:
    """What is known of the gain of a micrograph, from its calibration or its noise.

    Parameters
    ----------
    m
        The micrograph.
    block
        Pixels along y and x at which its noise is looked at.
    errors
        Of its own gain and offset, as its layer keeps them.
    """
    if m.gain is not None:
        return Gain("told", m.gain, m.offset, errors[0], offset_error=errors[1])
    part = without_outliers(_part(m), regions=False)
    try:
        if are_single_electrons(part, block):
            return Gain("counted", 1.0)
        found = estimate_detector(part.replace(offset=0.0))
    except SBDError as error:
        return Gain("unknown", why=str(error))
    return gain_found(found)


def electrons_error(m: Micrograph, errors: tuple[float, float]) -> float:
    """Relative error of the electrons of a micrograph whose gain and offset have errors."""
    if m.gain is None or not any(errors):
        return 0.0
    return Gain("told", m.gain, m.offset, errors[0], offset_error=errors[1]).uncertainty(
        mean_value(m)
    )


def gain_found(found: Detector) -> Gain:
    """A detector's gain, where it is known well enough to be of use."""
    why = ". ".join(note.rstrip(".") for note in found.notes) + "." if found.notes else ""
    above = float(np.mean(found.mean)) - found.offset
    electrons = above / found.gain if found.gain > 0 else 0.0
    useful = found.tells_gain and 0 < electrons < _MOST_ELECTRONS
    if not useful:
        return Gain("unknown", why=why)
    return Gain(
        "estimated", found.gain, found.offset, found.gain_err, why, offset_error=found.offset_err
    )


def short(value: float) -> str:
    """A number in a few signs: 284, 1.04e4."""
    return re.sub(r"e([+-])0*", lambda sign: "e" + sign[1].strip("+"), f"{value:.3g}")


def percent(share: float) -> str:
    """A relative error in a few signs: 4.2 %, 18 %."""
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def offer(gain: Gain) -> str:
    """On the button that takes an estimate."""
    return f"Use the estimate {short(gain.gain)} ± {short(gain.error)}"


def _part(m: Micrograph) -> Micrograph:
    """The middle of the first frames that are lit, in memory."""
    y, x = middle(m.shape[-2:])
    if not m.is_movie:
        return m.replace(data=np.asarray(m.data[y, x]))
    first = min(reference_number(m), max(m.shape[0] - _FRAMES, 0))
    numbers = range(first, min(first + _FRAMES, m.shape[0]))
    return m.replace(data=np.stack([np.asarray(frame_of(m, t))[y, x] for t in numbers]))
