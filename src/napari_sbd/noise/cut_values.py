"""Values that were cut off at an end of their range, and hold no noise there any more."""

from __future__ import annotations

import numpy as np

from ..micrograph.frames import mean_filled
from .level import noise_level

_LEAST = 16  # pixels of the extreme value
_PILED = 1.5  # times as many as hold the values beside it
_BESIDE = 1 / 8  # of the noise, up to which these lie; the next one at least


def find_cut_values(frame: np.ndarray) -> np.ndarray:
    """Find pixels whose value is an end of the range at which values pile up.

    Saturated or padded pixels, contrast that was cut, values below zero that were made zero.
    Where electrons are few, counts of none are as many.

    Parameters
    ----------
    frame
        (Y, X), NaN where there are no data.

    Returns
    -------
    (Y, X) bool.
    """
    result = np.zeros(frame.shape, bool)
    held = frame[np.isfinite(frame)]
    if not held.size or not np.ptp(held):
        return result
    beside = _BESIDE * noise_level(mean_filled(frame))
    for sign in (1, -1):
        values = sign * held
        end = values.max()
        others = values[values < end]
        near = np.count_nonzero(others >= min(end - beside, others.max()))
        if held.size - others.size >= max(_LEAST, _PILED * near):
            result |= sign * frame == end
    return result
