"""Whether a TIFF file is complete: libraries read the pages before a cut without a word."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .arrays import check_length

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_BYTES |= {16: 8, 17: 8, 18: 8}
_UNSIGNED = {3: "H", 4: "I", 16: "Q"}
_OFFSETS, _COUNTS = (273, 324), (279, 325)


class _Tag(NamedTuple):
    code: int
    kind: int
    length: int
    offset: int


class _Layout(NamedTuple):
    order: str
    number: str
    pointer: str

    def unpack(self, code: str, file: BinaryIO) -> tuple[int, ...]:
        layout = struct.Struct(self.order + code)
        return layout.unpack(file.read(layout.size))


def check_complete(path: Path) -> None:
    """Refuse a TIFF file in which a page, a tag or pixels lie behind the end of the file.

    Raises
    ------
    SBDError
        If the file is cut short.
    ValueError
        If it is no TIFF file.
    """
    with path.open("rb") as file:
        layout, page = _header(file)
        seen = set()
        while page and page not in seen:
            seen.add(page)
            check_length(path, page + 2)
            file.seek(page)
            (count,) = layout.unpack(layout.number, file)
            entry = 4 + 2 * struct.calcsize("=" + layout.pointer)
            after = file.tell() + count * entry
            check_length(path, after + struct.calcsize("=" + layout.pointer))
            tags = list(_tags(file, layout, count, entry))
            file.seek(after)
            (page,) = layout.unpack(layout.pointer, file)
            for tag in tags:
                check_length(path, tag.offset + tag.length * _TYPE_BYTES.get(tag.kind, 1))
            _check_pixels(path, file, layout, tags)


def _header(file: BinaryIO) -> tuple[_Layout, int]:
    mark = file.read(4)
    order = {b"II": "<", b"MM": ">"}.get(mark[:2])
    if order is None:
        raise ValueError("no TIFF header")
    (version,) = struct.unpack(order + "H", mark[2:])
    if version == 43:
        layout = _Layout(order, "Q", "Q")
        file.seek(8)
    elif version == 42:
        layout = _Layout(order, "H", "I")
    else:
        raise ValueError("no TIFF header")
    (first,) = layout.unpack(layout.pointer, file)
    return layout, first


def _tags(file: BinaryIO, layout: _Layout, count: int, entry: int) -> Iterator[_Tag]:
    start = file.tell()
    room = struct.calcsize("=" + layout.pointer)
    for index in range(count):
        file.seek(start + index * entry)
        code, kind = layout.unpack("HH", file)
        (length,) = layout.unpack(layout.pointer, file)
        inline = length * _TYPE_BYTES.get(kind, 1) <= room
        offset = file.tell() if inline else layout.unpack(layout.pointer, file)[0]
        yield _Tag(code, kind, length, offset)


def _check_pixels(path: Path, file: BinaryIO, layout: _Layout, tags: list[_Tag]) -> None:
    offsets = [v for tag in tags if tag.code in _OFFSETS for v in _values(file, layout, tag)]
    counts = [v for tag in tags if tag.code in _COUNTS for v in _values(file, layout, tag)]
    ends = [offset + count for offset, count in zip(offsets, counts, strict=False)]
    check_length(path, max(ends, default=0))


def _values(file: BinaryIO, layout: _Layout, tag: _Tag) -> tuple[int, ...]:
    if tag.kind not in _UNSIGNED:
        return ()
    file.seek(tag.offset)
    return layout.unpack(f"{tag.length}{_UNSIGNED[tag.kind]}", file)
