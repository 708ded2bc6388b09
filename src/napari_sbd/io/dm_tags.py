"""The tag tree of DigitalMicrograph files (DM3, DM4), without loading the image data."""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import SBDError

_TYPES = {
    2: "i2",
    3: "i4",
    4: "u2",
    5: "u4",
    6: "f4",
    7: "f8",
    8: "?",
    9: "i1",
    10: "u1",
    11: "i8",
    12: "u8",
}
_STRING, _STRUCT, _ARRAY = 18, 15, 20
_GROUP, _DATA = 20, 21
_LONGEST_TEXT = 2**20
_LONGEST_LIST = 256
_LONGEST_LAYOUT = 4096  # numbers that tell the type of one tag
_DEEPEST = 64


class Block(NamedTuple):
    """A long array that stays in the file: position and size [bytes], numpy type."""

    offset: int
    nbytes: int
    dtype: np.dtype | None


def read_tags(file: BinaryIO) -> dict[str, Any]:
    """Read all tags as nested dicts and lists; image data and long arrays as ``Block``.

    Raises
    ------
    SBDError
        If the file is cut short.
    ValueError
        If it is no DM3 or DM4 file.
    """
    version, *_ = struct.unpack(">I", file.read(4))
    if version not in (3, 4):
        raise ValueError("no DM3 or DM4 header")
    tags = _Parser(file, version).root()
    if not isinstance(tags, dict):
        raise ValueError("no tags")
    return tags


class _Parser:
    def __init__(self, file: BinaryIO, version: int) -> None:
        self.file = file
        self.size = os.fstat(file.fileno()).st_size
        self.wide = version == 4
        self.order = "<"

    def root(self) -> Any:
        self._long()
        self.order = "<" if self._unpack(">I") == 1 else ">"
        return self._group(0)

    def _group(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("tags are nested too deeply")
        self._unpack(">2B")
        entries = [self._entry(depth) for _ in range(self._long())]
        if all(name == "" for name, _ in entries):
            return [value for _, value in entries]
        return {name or str(i): value for i, (name, value) in enumerate(entries)}

    def _entry(self, depth: int) -> tuple[str, Any]:
        kind, length = self._unpack(">BH")
        name = self._bytes(length).decode("latin-1")
        if self.wide:
            self._long()
        if kind == _GROUP:
            return name, self._group(depth + 1)
        if kind != _DATA:
            raise ValueError(f"unknown tag kind {kind}")
        if self._bytes(4) != b"%%%%":
            raise ValueError("tag without its mark")
        parts = self._long()
        if not 0 < parts <= _LONGEST_LAYOUT:
            raise ValueError(f"a tag of {parts} parts")
        return name, self._value([self._long() for _ in range(parts)], name)

    def _value(self, layout: list[int], name: str) -> Any:
        kind = layout[0]
        if kind == _ARRAY:
            return self._array(layout[1:-1], layout[-1], name)
        if kind == _STRUCT:
            return [self._scalar(code) for code in layout[4::2]]
        if kind == _STRING:
            return self._bytes(2 * self._long()).decode("utf-16-le", "replace")
        return self._scalar(kind)

    def _array(self, element: list[int], count: int, name: str) -> Any:
        is_struct = element[0] == _STRUCT
        types = [self._dtype(code) for code in (element[4::2] if is_struct else element[:1])]
        nbytes = count * sum(dtype.itemsize for dtype in types)
        start = self.file.tell()
        if start + nbytes > self.size:
            raise SBDError(
                f"the file is cut short, {self.size} bytes where its tags ask for "
                f"{start + nbytes} or more; copy it again from the microscope."
            )
        is_text = element == [4] and nbytes <= _LONGEST_TEXT
        if name != "Data" and (is_text or (not is_struct and count <= _LONGEST_LIST)):
            raw = self._bytes(nbytes)
            if is_text:
                encoding = "utf-16-le" if self.order == "<" else "utf-16-be"
                return raw.decode(encoding, "replace")
            return np.frombuffer(raw, types[0]).tolist()
        self.file.seek(nbytes, os.SEEK_CUR)
        return Block(start, nbytes, None if is_struct else types[0])

    def _scalar(self, code: int) -> Any:
        dtype = self._dtype(code)
        return np.frombuffer(self._bytes(dtype.itemsize), dtype)[0].item()

    def _dtype(self, code: int) -> np.dtype:
        if code not in _TYPES:
            raise ValueError(f"unknown data type {code}")
        return np.dtype(self.order + _TYPES[code])

    def _long(self) -> int:
        return int(self._unpack(">Q" if self.wide else ">I"))

    def _unpack(self, layout: str) -> Any:
        values = struct.unpack(layout, self._bytes(struct.calcsize(layout)))
        return values[0] if len(values) == 1 else values

    def _bytes(self, count: int) -> bytes:
        if self.file.tell() + count > self.size:
            raise SBDError(
                "the file is cut short in the middle of its tags; copy it again from the "
                "microscope."
            )
        return self.file.read(count)
