"""Does a result still hold the lattice reflections that its image shows beyond doubt?"""

from __future__ import annotations

import math

import numpy as np

from ..sampling import power_over_rings

# what the power of pure noise, exponential about its mean, exceeds as rarely as a normal
# distribution exceeds seven standard deviations
_SURE = -math.log(0.5 * math.erfc(7 / math.sqrt(2)))
_LOST = 0.1  # share of a reflection's power below which it is gone
_FAINT = 1e-3  # power over that of the strongest, below which a reflection is no matter
_LONGEST = 8  # periods along the shorter side that are illumination rather than lattice


def lost_reflection(image: np.ndarray, result: np.ndarray) -> tuple[float, float] | None:
    """The strongest reflection of an image that its result has lost.

    Parameters
    ----------
    image, result
        (Y, X) finite; the image with noise that hardly depends on the direction.

    Returns
    -------
    Its frequency along y and x [cycles per pixel]; None where every reflection that stands out of
    the noise of the image by seven standard deviations, and is no fainter than a thousandth of the
    strongest, has kept a tenth of its power.
    """
    height, width = image.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    raw, kept = (np.fft.rfft2((a - a.mean()) * window) for a in (image, result))
    ratio, frequency = power_over_rings(np.abs(raw) ** 2, image.shape)
    y, x = np.indices(raw.shape)
    # lines and columns of a detector are no lattice; they lie on the axes
    off_axes = (np.minimum(y, height - y) > 1) & (x > 1)
    inside = (frequency > _LONGEST / min(height, width)) & (frequency < 0.45)
    signal = np.abs(raw) ** 2 * (1 - 1 / np.maximum(ratio, 1))
    sure = off_axes & inside & (ratio > _SURE)
    sure &= signal > _FAINT * np.max(signal, initial=0, where=sure)
    lost = sure & (np.abs(kept) ** 2 < _LOST * signal)
    if not lost.any():
        return None
    row, column = np.unravel_index(np.argmax(np.where(lost, ratio, 0)), raw.shape)
    return float(np.fft.fftfreq(height)[row]), float(np.fft.rfftfreq(width)[column])
