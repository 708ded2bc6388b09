"""TIFF files that are filled frame by frame; their pixels lie in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from ..micrograph import Micrograph
from . import record
from .raw_frames import RawFrames
from .tiff import options

_MARK = f'<M K="{record.KEY}">'


def allocate(m: Micrograph, path: Path, room: int) -> None:
    """Make a float32 file for movies like ``m``, no frame written yet.

    Parameters
    ----------
    m
        Gives shape and calibration.
    path
        A new file; its name chooses ImageJ or OME as ``write`` does.
    room
        Characters by which the record may still grow.
    """
    import tifffile

    of_file, of_pages = options(m, path, np.dtype(np.float32), room)
    with tifffile.TiffWriter(path, **of_file) as file:
        file.write(None, shape=m.shape, dtype=np.float32, photometric="minisblack", **of_pages)


def open_frames(path: Path) -> RawFrames:
    """The frames of a file that ``allocate`` made, to be written and read by number."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        dtype = np.dtype(file.byteorder + "f4")
        return RawFrames(path, int(series.dataoffset or 0), series.shape[-2:], dtype)


def seal(m: Micrograph, path: Path) -> None:
    """Write the record of ``m`` to a file that ``allocate`` made with room for it."""
    import tifffile

    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]
        if file.is_imagej:
            _replace_info(file, tags, record.dumps(m))
        else:
            before, mark, after = str(tags["ImageDescription"].value).partition(_MARK)
            old, end, rest = after.partition("</M>")
            text = escape(record.dumps(m)).ljust(len(old))
            tags["ImageDescription"].overwrite(before + mark + text + end + rest)


def _replace_info(file: Any, tags: Any, text: str) -> None:
    import tifffile

    fields = dict(tags["IJMetadata"].value)
    fields["Info"] = text.ljust(len(fields["Info"]))
    for code, dtype, _, value, _ in tifffile.imagej_metadata_tag(fields, file.byteorder):
        tags[code].overwrite(value, dtype=dtype)
