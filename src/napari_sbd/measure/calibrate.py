"""The size of a pixel from a spacing that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SBDError

_FARTHEST = 4.0  # times: calibrations of microscopes are off by less, and a wrong unit makes ten


@dataclass(frozen=True)
class PixelSize:
    """nm per pixel along y and x, with one standard deviation of their common factor.

    Parameters
    ----------
    y, x
        nm.
    relative_err
        Of both.
    """

    y: float
    x: float
    relative_err: float


def pixel_size_from_spacing(
    measured: float,
    known: float,
    pixel_size_yx: tuple[float, float] | None = None,
    measured_err: float = 0.0,
) -> PixelSize:
    """The size of a pixel that makes a measured spacing a known one.

    Parameters
    ----------
    measured, measured_err
        With the size of a pixel so far [nm], or [px] where that is None.
    known
        nm.
    pixel_size_yx
        nm so far. The ratio of y and x is kept.

    Raises
    ------
    SBDError
        If a spacing is no positive number.
    """
    for value, what in ((measured, "measured"), (known, "known")):
        if not np.isfinite(value) or value <= 0:
            raise SBDError(f"The {what} spacing must be a positive number of nm, not {value}.")
    factor = known / measured
    y, x = pixel_size_yx or (1.0, 1.0)
    return PixelSize(y * factor, x * factor, abs(measured_err) / measured)


def distance_between(
    one: np.ndarray,
    other: np.ndarray,
    pixel_size_yx: tuple[float, float] | None = None,
    errors: np.ndarray | None = None,
) -> tuple[float, float]:
    """Distance of two places and its error [nm, or px].

    Parameters
    ----------
    one, other
        (y, x) [px].
    pixel_size_yx
        nm.
    errors
        (2, 2) of y and x of both places [px]; NaN where unknown.

    Raises
    ------
    SBDError
        If both are the same place.
    """
    size = np.asarray(pixel_size_yx or (1.0, 1.0))
    step = (np.asarray(other, float) - np.asarray(one, float)) * size
    length = float(np.hypot(*step))
    if length == 0:
        raise SBDError("Both places are the same; choose two different columns.")
    if errors is None:
        return length, np.nan
    variance = ((np.asarray(errors, float) * size) ** 2).sum(0)
    return length, float(np.sqrt(((step / length) ** 2 * variance).sum()))


def doubt(before: tuple[float, float] | None, after: PixelSize) -> str:
    """What to say of a large change of the pixel size; empty for a usual one."""
    if before is None:
        return ""
    ratio = after.y / before[0]
    if 1 / _FARTHEST < ratio < _FARTHEST:
        return ""
    return (
        f"The pixel size changes by a factor of {ratio:.3g}: check the known spacing and its unit."
    )
