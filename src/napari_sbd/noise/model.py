"""Are these electron counts? One answer for all that ask.

The noise variance of counted electrons is their mean. It is compared at the working sampling, where
a camera's point spread hardly matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .level import LEVEL_ERROR, are_whole, noise_level

# variance over mean: a gain that is told may be a little off, and neighbours may share some noise;
# without a gain the values must be electrons themselves
_TOLD = 0.75, 1.3
_UNTOLD = 0.9, 1.1
_MARGIN = 4.0  # standard errors of the variance, by which small images may miss these
_FLAT = 0.6, 1.6  # power of the noise beyond 0.47 cycles per pixel over that at 0.38 to 0.45


@dataclass(frozen=True)
class Counted:
    """Electrons that were counted: Poisson noise.

    Parameters
    ----------
    gain
        File units per electron.
    evidence
        One sentence that says why.
    """

    gain: float
    evidence: str = field(default="", compare=False)


@dataclass(frozen=True)
class Gaussian:
    """Noise that is independent from pixel to pixel, of one standard deviation [file units]."""

    sd: float
    evidence: str = field(default="", compare=False)


@dataclass(frozen=True)
class Unknown:
    """Noise that is neither, or none at all."""

    evidence: str = field(default="", compare=False)


NoiseModel = Counted | Gaussian | Unknown


def noise_model(sums: np.ndarray, gain: float | None = None, offset: float = 0.0) -> NoiseModel:
    """Tell the noise of an image.

    Parameters
    ----------
    sums
        (Y, X) sums over blocks in file units, NaN where there are no data.
    gain, offset
        File units per electron, and of a block at zero electrons. Without a gain, whole numbers
        from 0 up may be electrons.
    """
    level = noise_level(sums)
    values = np.asarray(sums, np.float64)
    values = values[np.isfinite(values)] - offset
    mean = float(values.mean()) if values.size else 0.0
    reason = "The image has no noise, or no electrons"
    if level > 0 and mean > 0:
        whole = gain is None and are_whole(values)
        believed = 1.0 if whole else gain
        ratio = level**2 / mean / (believed or 1.0)
        margin = _MARGIN * 2 * LEVEL_ERROR / np.sqrt(values.size)
        low, high = _TOLD if gain is not None else _UNTOLD
        reason = f"The noise has {ratio:.2g} times the variance of electron counts"
        if believed is None:
            reason = "The gain is unknown, and the values are no whole numbers from 0 up"
        elif low - margin < ratio < high + margin:
            return Counted(believed, f"{reason}.")
    if level > 0 and _FLAT[0] < _flatness(sums) < _FLAT[1]:
        return Gaussian(level, f"{reason}; it is independent from pixel to pixel.")
    return Unknown(f"{reason}, and it is not independent from pixel to pixel.")


def _flatness(sums: np.ndarray) -> float:
    """Power in the corners of the spectrum over the power in a ring next to them (medians)."""
    image = np.where(np.isfinite(sums), sums, np.nanmean(sums))
    power = np.abs(np.fft.rfft2(image - image.mean())) ** 2
    radius = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1]))
    corner, ring = power[radius > 0.47], power[(radius > 0.38) & (radius < 0.45)]
    if not corner.size or not ring.size or not np.median(ring):
        return 0.0
    return float(np.median(corner) / np.median(ring))
