"""Files that a camera is still writing: how many of their frames are whole, and each of them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError, listening
from ..io import read
from ..io.ome_zarr import frames_so_far
from ..io.raw_frames import RawFrames, frame_reader
from ..micrograph import Micrograph

_MRC = (".mrc", ".mrcs", ".st", ".ali", ".preali")
_TIFF = (".tif", ".tiff")
_ZARR = (".zarr",)
_SHAPE = re.compile(r"shape\W+([\d, ]+)")  # as tifffile writes it into the description of a page


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
        Where the pages of a TIFF begin, and ``_kind`` of each.
    kind
        Of those that are frames.
    torn
        Whether the file ends in the middle of a frame.
    stated
        Frames that the file says it holds; 0 if that is not known yet, None if it says nothing.
    others
        (Y, X) of pages that are left out, since they are of another size than the frames.
    parts, added
        What its frames are sums of, and how many each adds; None where they are those of the file.
    """

    count: int
    frame: Callable[[int], np.ndarray]
    calibration: dict[str, Any]
    places: tuple[tuple[int, Any], ...] = ()
    kind: Any = None
    torn: bool = False
    stated: int | None = None
    others: tuple[int, int] | None = None
    parts: Stack | None = None
    added: int = 1

    @property
    def more(self) -> bool:
        """Whether frames are still to come, as far as the file says."""
        return self.stated is not None and not 0 < self.stated <= self.count

    @property
    def in_file(self) -> Stack:
        """The frames of the file, of which those here may be sums."""
        return self.parts or self

    def image(self, index: int, path: Path) -> Micrograph:
        """A frame with its calibration."""
        return Micrograph(self.frame(index), **self.calibration, name=path.stem, source=path)


def grows(path: Path) -> bool:
    """Whether frames of a file can be read before it is complete."""
    return path.suffix.lower() in (*_MRC, *_TIFF, *_ZARR)


def so_far(path: Path, before: Stack | None = None, settled: bool = False) -> Stack:
    """Open a file that may still grow.

    Parameters
    ----------
    path
        The file.
    before
        What was found when it was shorter, which then is not looked for again.
    settled
        Whether nobody writes it just now.

    Raises
    ------
    SBDError, OSError, ValueError
        If not even its beginning can be read, as while the header is being written.
    """
    suffix = path.suffix.lower()
    if suffix in _MRC:
        return _with_text(_mrc(path), path)
    if suffix in _TIFF:
        return _with_text(_tiff(path, before, settled), path)
    if suffix in _ZARR:
        return _zarr(path, before)
    return complete(path)


def complete(path: Path, super_resolution: int = 1) -> Stack:
    """Open a file that does not grow any more.

    Raises
    ------
    SBDError
        If it cannot be read.
    """
    m = read(path, super_resolution=super_resolution)
    if not m.is_movie:  # read when it is needed, as there may be thousands of such files
        again = partial(read, path, super_resolution=super_resolution)
        return Stack(1, lambda _: np.asarray(again().data), _calibration(m))
    return Stack(len(m.data), frame_reader(m.data), _calibration(m))


def _with_text(stack: Stack, path: Path) -> Stack:
    """The stack with what the text beside it says, where the file does not."""
    from ..io.beside import with_text

    own = {name: value for name, value in stack.calibration.items() if value is not None}
    if {"pixel_size", "frame_time"} <= set(own):
        return stack
    frames = np.broadcast_to(np.float32(0), (stack.count, 1, 1) if stack.count > 1 else (1, 1))
    return replace(stack, calibration={**_calibration(with_text(Micrograph(frames), path)), **own})


def _calibration(m: Micrograph) -> dict[str, Any]:
    names = "pixel_size", "frame_time", "gain", "offset"
    return {name: getattr(m, name) for name in names}


def _mrc(path: Path) -> Stack:
    """By the size of the file: the number of sections is often written at the end only."""
    from ..io.acquisition import facts, frame_time
    from ..io.mrc import with_record
    from ..io.mrc_extended import images
    from ..io.mrc_header import HEADER_BYTES, parse, pixel_size, values

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
    with listening():  # of uneven times, at each look
        interval = frame_time(facts(images(header, extended), count))
    told = Micrograph(np.zeros((1, 1, 1)), pixel_size(header, extended), interval)
    calibration = _calibration(with_record(told, header, extended))
    stated = 0 if _has_no_count(raw) else int(header["nz"])
    return Stack(count, frames.__getitem__, calibration, torn=rest > 0, stated=stated)


def _has_no_count(raw: bytes) -> bool:
    """Whether a camera that does not know the number of sections wrote none."""
    from mrcfile.dtypes import HEADER_DTYPE

    return int(np.frombuffer(raw, HEADER_DTYPE)["nz"][0]) == 0


def _with_sections(raw: bytes) -> bytes:
    """The header with one section where it has none."""
    from mrcfile.dtypes import HEADER_DTYPE

    header = np.frombuffer(raw, HEADER_DTYPE).copy()
    if _has_no_count(raw):
        little = 0 < header["nx"][0] < 1 << 24
        header["nz"] = 1 if little else 1 << 24
    return header.tobytes()


def _tiff(path: Path, before: Stack | None, settled: bool) -> Stack:
    """By the pages that end within the file; as ``read`` has it where pages are no frames."""
    import tifffile

    from ..io.tiff import calibration_so_far, on_line

    places, torn = list(before.places) if before else [], False
    with tifffile.TiffFile(path) as file:
        held, handle = file.filehandle.size, file.filehandle
        last = places[-1][0] if places else 0
        place = _next_page(handle, file.tiff, last) if places else file.pages.first.offset
        while 0 < place < held:
            handle.seek(place)
            page = tifffile.TiffPage(file, index=len(places))
            kind = _kind(page)
            if kind and page.ndim != 2:
                return complete(path)
            parts = zip(page.dataoffsets, page.databytecounts, strict=True)
            torn = any(start + length > held for start, length in parts)
            if torn:
                break
            places.append((place, kind))
            place = _next_page(handle, file.tiff, place)
        if before and before.count > 1:  # frames of that kind were taken
            chosen = before.kind
        else:
            chosen = _of_most_pixels([kind for _, kind in places if kind])
        pages = [place for place, kind in places if kind and kind == chosen]
        others = [kind[0] for _, kind in places if kind and kind != chosen]
        stated, fields = _stated(file), file.imagej_metadata or {}
        maybe_whole = len(pages) <= 1 or (stated or 0) > len(pages)
        if settled and maybe_whole and _in_one_piece(file) > len(pages):
            with suppress(SBDError):  # cut short: then its pages are what there is
                return complete(path)

    def frame(index: int) -> np.ndarray:
        with tifffile.TiffFile(path) as file:
            file.filehandle.seek(pages[index])
            return np.asarray(on_line(tifffile.TiffPage(file, index=index).asarray(), fields))

    calibration = before.calibration if before else _calibration(calibration_so_far(path))
    return Stack(
        len(pages),
        frame,
        calibration,
        tuple(places),
        chosen,
        torn,
        stated=stated,
        others=others[0] if others else None,
    )


def _kind(page: Any) -> tuple[tuple[int, ...], np.dtype] | None:
    """Shape and type of a page; None of a thumbnail or a mask, which are no frames."""
    return None if page.is_reduced or page.is_mask else (page.shape, page.dtype)


def _of_most_pixels(kinds: list[Any]) -> Any:
    """The kind of page that holds the movie, as ``read`` chooses it."""
    return max(
        dict.fromkeys(kinds),
        key=lambda kind: (kinds.count(kind) * math.prod(kind[0]), kind[1].itemsize),
        default=None,
    )


def _stated(file: Any) -> int | None:
    """How many frames a TIFF says that it holds; None where it says nothing.

    ImageJ (above 4 GB) and tifffile, if told to, write one page in front of all frames.
    """
    page = file.pages.first
    if file.is_imagej:
        return int((file.imagej_metadata or {}).get("images", 1))
    shape = _SHAPE.search(page.description) if page.is_shaped else None
    if shape is None:
        return None
    sizes = map(int, re.findall(r"\d+", shape[1]))
    return math.prod(sizes) // math.prod(map(int, page.shape))


def _in_one_piece(file: Any) -> int:
    """Frames that lie one behind another in the file, whether they have pages or not."""
    from ..io.tiff_series import detector_image

    try:
        series = detector_image(file)
    except SBDError:
        return 0
    return 0 if series.dataoffset is None else math.prod(series.shape[:-2])


def _next_page(handle: Any, kind: Any, place: int) -> int:
    """Where the page after the one at a place begins; 0 where there is none so far."""
    import struct

    handle.seek(place)
    count = handle.read(kind.tagnosize)
    if len(count) < kind.tagnosize:
        return 0
    (tags,) = struct.unpack(kind.tagnoformat, count)
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
    return Stack(*frames_so_far(path), calibration)
