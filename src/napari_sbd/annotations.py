"""Scale bars and letters that were burned into an image."""

from __future__ import annotations

import numpy as np

_SHARE = 0.15  # of the pixels: a value that more of them have is no ink
_LONG = 3.0  # spacings: longer than an overexposed column
_SOLID = 0.8  # of its bounding box, as bars and frames of text are
_NEAR = 1.0  # lengths of the bar: letters beside it


def burned_in(image: np.ndarray, spacing: float) -> np.ndarray:
    """(Y, X) bool: where a scale bar and its letters lie.

    They have the highest or the lowest value of the image, exactly, or none any more; a bar is a
    solid block of it, longer than columns whose middle is overexposed, and letters of the same
    value are beside it.

    Parameters
    ----------
    image
        (Y, X) as it was recorded; noise leaves no block of one value.
    spacing
        Of nearest columns [px].
    """
    from scipy.ndimage import find_objects, label

    found = np.zeros(image.shape, bool)
    held = image[np.isfinite(image)]
    for value in {held.min(), held.max(), np.nan} if held.size else ():
        same = np.isnan(image) if np.isnan(value) else image == value
        if not 0 < same.mean() < _SHARE:
            continue
        blocks = label(same)[0]
        for number, part in enumerate(find_objects(blocks), 1):
            sides = [s.stop - s.start for s in part]
            if max(sides) < _LONG * spacing:
                continue
            if min(sides) < 2 or (blocks[part] == number).mean() < _SOLID:
                continue
            reach = round(_NEAR * max(sides))
            around = tuple(slice(max(0, s.start - reach), s.stop + reach) for s in part)
            found[around] |= same[around]
    return found
