"""How many electrons an image holds, as a person is told; the same in window, page and table."""

from __future__ import annotations

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..micrograph import Micrograph, unmasked
from ..micrograph.frames import finite_or_nan, frame_of, reference_number
from .counts import in_electrons
from .left_out import without_outliers
from .model import Counted, noise_model

# e/A2 of one image: what ptychography records of robust crystals (Chen et al., Science 372, 826
# (2021)); images that need no scan of diffraction patterns stay below
_MOST_DOSE = 1e6
_MOST_ELECTRONS = 1e6  # of one pixel: more than cameras hold
_SIDE = 1024  # pixels of the part that is looked at


def mean_value(m: Micrograph) -> float:
    """Mean of the first frame with beam, without outliers [file units]; NaN without data."""
    first = Micrograph(unmasked(frame_of(m, reference_number(m))))
    values = np.asarray(without_outliers(first).data, np.float64)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else np.nan


def are_single_electrons(m: Micrograph, block: tuple[int, int]) -> bool:
    """Whether whole numbers of which nobody told the gain are electrons.

    Parameters
    ----------
    m
        Without outliers; of a movie its reference frame is looked at.
    block
        Pixels along y and x at which the noise is looked at.
    """
    first = finite_or_nan(frame_of(m, reference_number(m)))
    alike = isinstance(noise_model(sampling.bin_counts(first, block)), Counted)
    # and neighbours do not share electrons, as where one is counted in several pixels
    return alike and in_electrons(m.replace(data=first, offset=0.0))


def middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the part of a frame that a gain is told by: it takes a second."""
    y, x = (max(n - _SIDE, 0) // 2 for n in shape)
    return slice(y, y + _SIDE), slice(x, x + _SIDE)


def electrons_per_pixel(m: Micrograph, block: tuple[int, int]) -> float | None:
    """Mean of the first frame with beam; None where neither gain nor noise tells.

    Parameters
    ----------
    m
        As its file has it.
    block
        Pixels along y and x at which noise is looked at where no gain was told.
    """
    if m.gain is not None:
        return (mean_value(m) - m.offset) / m.gain
    frame = frame_of(m, reference_number(m))
    part = Micrograph(np.asarray(unmasked(frame))[middle(frame.shape)])
    try:
        counted = are_single_electrons(without_outliers(part, regions=False), block)
    except SBDError:
        return None
    return mean_value(m) if counted else None


def is_plausible(electrons: float, pixel_size_yx: tuple[float, float] | None) -> bool:
    """Whether an image can have so many electrons per pixel."""
    if pixel_size_yx is not None:
        y, x = pixel_size_yx
        if electrons / (y * x * 100) > _MOST_DOSE:
            return False
    return electrons <= _MOST_ELECTRONS


def dose_text(m: Micrograph, electrons: float | None) -> str:
    """The dose of an image in words: per pixel, and per Å² where the pixel size is known.

    Parameters
    ----------
    m
        The image, or a movie, whose dose is that of a frame.
    electrons
        Mean per pixel; None where that cannot be told.
    """
    if electrons is None or not np.isfinite(electrons):
        return "cannot be told from this image"
    if electrons <= 0:
        return "none: the image lies below the offset"
    if not is_plausible(electrons, m.pixel_size_yx):
        return "hardly possible with this gain, far too many electrons; check gain and offset"
    text = f"{_short(electrons)} e⁻ per pixel"
    if m.pixel_size_yx is not None:
        y, x = m.pixel_size_yx
        text += f", {_short(electrons / (y * x * 100))} e⁻/Å²"
    return text + (" a frame" if m.is_movie else "")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
