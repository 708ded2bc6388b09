"""Bars below or above an image, on which programs write magnification, scale and date."""

from __future__ import annotations

import numpy as np

from .lines import begins_at_once, brightness

_EDGE = 0.9  # of the outermost row, which the bar's own value fills
_FILLED = 0.3  # of each of its rows, text or not
_ELSEWHERE = 0.1  # of the rows beside it, which that value fills at most
_BESIDE = 24  # rows
_HEIGHT = 8, 0.25  # rows at least, and of the image at most
_INK = 20, 0.5  # pixels of text and marks at least, and of the image's contrast to the bar


def find_data_bar(frame: np.ndarray) -> np.ndarray | None:
    """Find a bar of one value along the bottom or the top of a frame, with what is written on it.

    There must be something. The image begins beside the bar at once: a specimen fades into vacuum
    that is black all over.

    Parameters
    ----------
    frame
        (Y, X).

    Returns
    -------
    (Y, X) bool; None without a bar.
    """
    found = None
    for view in (frame, frame[::-1]):
        height = _height(view)
        if height:
            found = np.zeros(frame.shape, bool) if found is None else found
            (found if view is frame else found[::-1])[:height] = True
    return found


def _height(frame: np.ndarray) -> int:
    """Rows of the bar that begins at the first row; 0 without one."""
    most = int(_HEIGHT[1] * len(frame))
    values, counts = np.unique(frame[0], return_counts=True)
    if counts.max() < _EDGE * frame.shape[1] or most < _HEIGHT[0]:
        return 0
    value = values[np.argmax(counts)]
    near = frame[: most + _BESIDE]
    share = (near == value).mean(1)
    height = int(np.argmax(np.append(share < _FILLED, True)))
    if not _HEIGHT[0] <= height <= most or share[height : height + _BESIDE].max() > _ELSEWHERE:
        return 0
    bright = brightness(near[height : height + _BESIDE], value)
    ink = np.abs(near[:height][near[:height] != value].astype(np.float64) - float(value))
    written = ink.size >= _INK[0] and np.nanmedian(ink) > _INK[1] * bright.mean() > 0
    return height if written and begins_at_once(bright) else 0
