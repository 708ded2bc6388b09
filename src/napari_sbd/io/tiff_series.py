"""Which of the images in a TIFF file the detector gave: no preview, no mask, no colour picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import SBDError, warn
from ..units import number_of
from .arrays import refuse_channels

_COLOUR = "this is a colour (RGB) picture; give the grey-scale detector image."
# Share of a table of greys that may be out of order: what is drawn upon the picture has its own.
_MARKS = 0.05


def detector_image(file: Any) -> Any:
    """The largest grey series; a colour picture of more pixels than that makes it a thumbnail.

    Where a file holds the same pixels twice, those of more bits are what the detector gave.

    Parameters
    ----------
    file
        As ``tifffile.TiffFile`` has opened it.

    Returns
    -------
    A series of ``tifffile``.

    Raises
    ------
    SBDError
        If there is none, or it has several channels.

    Warns
    -----
    In words, if the file has more images of this size, of a movie those that are stored otherwise.
    """
    whole = [s for s in file.series if not (s.keyframe.is_reduced or s.keyframe.is_mask)]
    grey: list[Any] = []
    colour: list[Any] = []
    for series in whole or file.series:
        (colour if _is_colour(series.keyframe, file.is_imagej) else grey).append(series)
    best = max(grey, key=lambda s: (s.size, s.dtype.itemsize), default=None)
    if best is None or _area(best) < max(map(_area, colour), default=0):
        raise SBDError(_COLOUR)
    refuse_channels(dict(zip(best.axes, best.shape, strict=True)).get("C", 1))
    others = [s for s in grey if s is not best and s.shape[-2:] == best.shape[-2:]]
    frames = len(best.pages)
    if frames == 1:  # the same image may lie in the file once more, in fewer bits to be looked at
        others = [s for s in others if s.dtype == best.dtype]
    if others:
        taken = f"{frames} frames, of another type or compression" if frames > 1 else "first"
        more = number_of(sum(len(s.pages) for s in others), "more image")
        warn(f"The file holds {more} of the size of the {taken}. What is more is left out.")
    return best


def _area(series: Any) -> int:
    return int(series.keyframe.imagewidth * series.keyframe.imagelength)


def _is_colour(page: Any, imagej: bool) -> bool:
    """Whether a page is a colour picture.

    tifffile calls three or four frames in one array "RGB" unless it is told otherwise. Their planes
    lie one after the other, as they hardly ever do in pictures, whose values have 8 bits besides.
    A table of colours makes no colour picture where it only shows the values, as in ImageJ.
    """
    import tifffile

    kinds = tifffile.PHOTOMETRIC
    planes = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    if page.photometric == kinds.RGB and planes and page.dtype != np.uint8:
        return False
    if page.photometric == kinds.PALETTE and page.samplesperpixel == 1:
        return not (imagej or _is_grey_ramp(page.colormap))
    return page.photometric not in (kinds.MINISBLACK, kinds.MINISWHITE) or page.samplesperpixel > 1


def _is_grey_ramp(table: np.ndarray | None) -> bool:
    """Whether a table of colours (3, N) holds greys in their order, up or down."""
    if table is None:
        return False
    grey = table[0][(table[0] == table[1]) & (table[1] == table[2])].astype(int)
    steps = np.sign(np.diff(grey))
    fewer, more = sorted(((steps < 0).sum(), (steps > 0).sum()))
    count = table.shape[1]
    return bool(grey.size > 0.75 * count and more > 0.5 * count and fewer < _MARKS * count)
