"""Borders in which the outermost row or column of an image was repeated, as aligned frames have."""

from __future__ import annotations

import numpy as np

from . import chance

_FEWEST = 3  # lines; one that is written twice, as the first of scans by TIA, does no harm
_MOST = 0.5  # of an image; the same line all over is an image that changes along one axis only


def find_repeats(frame: np.ndarray) -> np.ndarray:
    """Find borders that repeat the row or column beside them to the last bit.

    Noise never does. Images that were enlarged by repeating each pixel do so everywhere, and have
    none.

    Parameters
    ----------
    frame
        (Y, X).

    Returns
    -------
    (Y, X) bool.
    """
    result = np.zeros(frame.shape, bool)
    for image, found in ((frame, result), (frame.T, result.T)):
        for view, there in ((image, found), (image[::-1], found[::-1])):
            there[: _repeated(view)] = True
    return result


def _repeated(frame: np.ndarray) -> int:
    """How many of the first rows are like the one that follows them."""
    if len(frame) < 2 or not (frame[0] == frame[1]).all():
        return 0
    alike = (frame[:-1] == frame[1:]).all(1)
    number, other = int(np.argmin(alike)), int(np.argmin(alike[::-1]))
    if not _FEWEST <= number < _MOST * len(frame) or alike[number : len(alike) - other].any():
        return 0
    _, counts = np.unique(frame[0], return_counts=True)
    by_chance = float(((counts / counts.sum()) ** 2).sum())
    rare = -number * frame.shape[1] * np.log(by_chance)
    return number if rare > chance.RARITY + np.log(len(frame)) else 0
