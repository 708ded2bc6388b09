"""Whether a TIFF file is complete: libraries read the pages before a cut without a word."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

from ..errors import SBDError
from .arrays import check_length

# Tags without which pixels, their order or their calibration would be others: sizes, bits,
# compression, photometric, fill order, description, strips, samples, resolution, predictor, tiles,
# sample format, and those of ImageJ. The rest, as what vendors add, may be damaged in a whole file.
_NEEDED = {256, 257, 258, 259, 262, 266, 270, 273, 277, 278, 279, 282, 283, 284, 296, 317, 322, 323}
_NEEDED |= {324, 325, 339, 50838, 50839}
_NO_COMPRESSION = 1


def check_complete(file: Any, path: Path) -> None:
    """Refuse a TIFF file in which a page, a needed tag or pixels lie behind its end.

    Parameters
    ----------
    file, path
        The file as ``tifffile.TiffFile`` has opened it, and where it is.

    Raises
    ------
    SBDError
        If the file is cut short, has no pages, or pages in a circle.
    """
    seen = set()
    for page in file.pages:
        if page.offset in seen:  # tifffile would follow them for ever
            raise SBDError("its pages point to each other in a circle; copy it again.")
        seen.add(page.offset)
        if _left_out(file, page) & _NEEDED:
            raise SBDError("a part that every image needs lies outside the file; copy it again.")
        strips = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        told = [page.imagewidth, page.imagelength, page.bitspersample, page.samplesperpixel]
        if not all(isinstance(n, int) for n in (*told, *(n for strip in strips for n in strip))):
            raise SBDError("it does not say in numbers how its pixels lie; copy it again.")
        check_length(path, max((offset + count for offset, count in strips), default=0))
        if len(strips) < math.prod(page.chunked) or _is_short(page):
            raise SBDError("it holds fewer pixels than it says; copy it again.")
    _check_chain(file, path)


def _left_out(file: Any, page: Any) -> set[int]:
    """Codes of the tags that tifffile leaves out: their type is unknown, or their value is not in
    the file.
    """
    layout, stream = file.tiff, file.filehandle
    stream.seek(page.offset)
    (count,) = struct.unpack(layout.tagnoformat, stream.read(layout.tagnosize))
    entries = stream.read(count * layout.tagsize)
    starts = range(0, len(entries), layout.tagsize)
    codes = {struct.unpack_from(layout.byteorder + "H", entries, start)[0] for start in starts}
    return {code for code in codes if code not in page.tags}


def _is_short(page: Any) -> bool:
    """Whether the strips of an uncompressed page hold less than its pixels."""
    if page.compression != _NO_COMPRESSION or len(page.dataoffsets) < 2 or page.is_tiled:
        return False
    row = math.ceil(page.imagewidth * page.bitspersample / 8)
    return bool(sum(page.databytecounts) < row * page.imagelength * page.samplesperpixel)


def _check_chain(file: Any, path: Path) -> None:
    """Refuse pages that say where the next one is, and it is not in the file."""
    layout, stream = file.tiff, file.filehandle
    if not len(file.pages):
        raise SBDError("it is cut short: its first page lies outside the file; copy it again.")
    stream.seek(file.pages.next_page_offset)
    pointer = stream.read(layout.offsetsize)
    check_length(path, file.pages.next_page_offset + layout.offsetsize)
    check_length(path, *struct.unpack(layout.offsetformat, pointer))
