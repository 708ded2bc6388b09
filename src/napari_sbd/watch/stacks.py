"""Files that a camera is still writing: how many of their frames are whole, and each of them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..io import read
from ..io.ome_zarr import open_array
from ..micrograph import Micrograph

_MRC = (".mrc", ".mrcs", ".st", ".ali", ".preali")
_TIFF = (".tif", ".tiff")
_ZARR = (".zarr",)


@dataclass(frozen=True)
class Stack:
    """What of a file can be read so far.

    Parameters
    ----------
    count
        Frames that lie in the file as a whole.
    frame
        Reads one of them (Y, X).
    calibration
        Keywords of ``Micrograph`` that go with each frame.
    places
        Of the frames in the file, where they are not equally long.
    torn
        Whether the file ends in the middle of a frame.
    """

    count: int
    frame: Callable[[int], np.ndarray]
    calibration: dict[str, Any]
    places: tuple[int, ...] = ()
    torn: bool = False

    def image(self, index: int, path: Path) -> Micrograph:
        """A frame with its calibration."""
        return Micrograph(self.frame(index), **self.calibration, name=path.stem, source=path)


def grows(path: Path) -> bool:
    """Whether frames of a file can be read before it is complete."""
    return path.suffix.lower() in (*_MRC, *_TIFF, *_ZARR)


def so_far(path: Path, before: Stack | None = None) -> Stack:
    """Open a file that may still grow.

    Parameters
    ----------
    path
        The file.
    before
        What was found when it was shorter, which then is not looked for again.

    Raises
    ------
    SBDError, OSError, ValueError
        If not even its beginning can be read, as while the header is being written.
    """
    suffix = path.suffix.lower()
    if suffix in _MRC:
        return _with_text(_mrc(path), path)
    if suffix in _TIFF:
        return _with_text(_tiff(path, before), path)
    if suffix in _ZARR:
        return _zarr(path, before)
    return complete(path)


def complete(path: Path) -> Stack:
    """Open a file that does not grow any more.

    Raises
    ------
    SBDError
        If it cannot be read.
    """
    m = read(path)
    frames = m.data if m.is_movie else m.data[None]
    return Stack(len(frames), lambda i: np.asarray(frames[i]), _calibration(m))


def _with_text(stack: Stack, path: Path) -> Stack:
    """The stack with the pixel size of the text beside it, where the file gives none."""
    from ..io.beside import with_text

    if stack.calibration.get("pixel_size") is not None:
        return stack
    told = with_text(Micrograph(np.zeros((1, 1, 1))), path)
    return replace(stack, calibration={**stack.calibration, "pixel_size": told.pixel_size})


def _calibration(m: Micrograph) -> dict[str, Any]:
    names = "pixel_size", "frame_time", "gain", "offset"
    return {name: getattr(m, name) for name in names}


def _mrc(path: Path) -> Stack:
    """By the size of the file: the number of sections is often written at the end only."""
    from ..io.mrc import with_record
    from ..io.mrc_header import HEADER_BYTES, parse, pixel_size, values
    from ..io.raw_frames import RawFrames

    with path.open("rb") as file:
        raw = file.read(HEADER_BYTES)
        if len(raw) < HEADER_BYTES:
            raise SBDError("its header is not there yet.")
        header = parse(_with_sections(raw))
        extended = file.read(int(header["nsymbt"]))
        held = os.fstat(file.fileno()).st_size
    kind = values(header)
    if kind.packed:
        return complete(path)
    frames = RawFrames(path, HEADER_BYTES + len(extended), kind.shape[1:], kind.dtype)
    size = math.prod(frames.shape) * kind.dtype.itemsize
    count, rest = divmod(max(0, held - frames.offset), size)
    told = Micrograph(np.zeros((1, 1, 1)), pixel_size=pixel_size(header, extended))
    calibration = _calibration(with_record(told, header, extended))
    return Stack(count, frames.__getitem__, calibration, torn=rest > 0)


def _with_sections(raw: bytes) -> bytes:
    """The header with one section, where a camera that does not know their number wrote none."""
    from mrcfile.dtypes import HEADER_DTYPE

    header = np.frombuffer(raw, HEADER_DTYPE).copy()
    if header["nz"][0] == 0:
        little = 0 < header["nx"][0] < 1 << 24
        header["nz"] = 1 if little else 1 << 24
    return header.tobytes()


def _tiff(path: Path, before: Stack | None) -> Stack:
    """By the pages that end within the file."""
    import tifffile

    from ..io.tiff import calibration_so_far

    pages, torn = list(before.places) if before else [], False
    with tifffile.TiffFile(path) as file:
        held, handle = file.filehandle.size, file.filehandle
        place = _next_page(handle, file.tiff, pages[-1]) if pages else file.pages.first.offset
        while 0 < place < held:
            handle.seek(place)
            page = tifffile.TiffPage(file, index=len(pages))
            if page.ndim != 2:
                return complete(path)
            parts = zip(page.dataoffsets, page.databytecounts, strict=True)
            torn = any(start + length > held for start, length in parts)
            if torn:
                break
            pages.append(place)
            place = _next_page(handle, file.tiff, place)

    def frame(index: int) -> np.ndarray:
        with tifffile.TiffFile(path) as file:
            file.filehandle.seek(pages[index])
            return np.asarray(tifffile.TiffPage(file, index=index).asarray())

    calibration = before.calibration if before else _calibration(calibration_so_far(path))
    return Stack(len(pages), frame, calibration, tuple(pages), torn)


def _next_page(handle: Any, kind: Any, place: int) -> int:
    """Where the page after the one at a place begins; 0 where there is none so far."""
    import struct

    handle.seek(place)
    (tags,) = struct.unpack(kind.tagnoformat, handle.read(kind.tagnosize))
    handle.seek(place + kind.tagnosize + tags * kind.tagsize)
    link = handle.read(kind.offsetsize)
    if len(link) < kind.offsetsize:
        return 0
    (following,) = struct.unpack(kind.offsetformat, link)
    return int(following)


def _zarr(path: Path, before: Stack | None) -> Stack:
    if before is None:
        first = read(path)
        if not first.is_movie:
            return complete(path)
        calibration = _calibration(first)
    else:
        calibration = before.calibration
    array = open_array(path)
    return Stack(array.shape[0], lambda i: np.asarray(array[i]), calibration)
