"""One pixel must not rule a whole image: the non-local blocks would carry it everywhere."""

from __future__ import annotations

import numpy as np

_SPREADS = 20.0  # from the middle of the image, within which a pixel may hold anything
_TIMES = 3.0  # its neighbours' distance from there, which the peak of a spot may reach
_EXTREME = 0.005  # share of the pixels at either end that the spread does not count


def beyond(image: np.ndarray) -> np.ndarray | None:
    """What single pixels hold beyond anything that a lens draws.

    Parameters
    ----------
    image
        (Y, X) finite.

    Returns
    -------
    (Y, X) what to take off, zero nearly everywhere; None where there is nothing. A spot of 1.5
    pixels full width at half maximum and more is let pass, however bright it is.
    """
    low, level, high = np.quantile(image, (_EXTREME, 0.5, 1 - _EXTREME))
    spread = np.clip(image, low, high).std()
    far = np.abs(image - level) > _SPREADS * spread
    if not spread or not far.any():
        return None
    result = np.zeros_like(image)
    padded = np.pad(image - level, 1, mode="reflect")
    for y, x in np.argwhere(far):
        around = np.delete(padded[y : y + 3, x : x + 3].ravel(), 4)
        value = padded[y + 1, x + 1]
        # of the neighbours, the one that is farthest on the same side
        near = max((around * np.sign(value)).max(), 0.0)
        limit = max(_SPREADS * spread, _TIMES * near)
        result[y, x] = np.sign(value) * max(abs(value) - limit, 0.0)
    return result if result.any() else None
