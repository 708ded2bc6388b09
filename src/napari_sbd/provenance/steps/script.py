"""Lines of Python that steps add to a script."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any

from .names import NO_FILE, is_series_file, output_name

if TYPE_CHECKING:
    from .plain import Origin

WRITTEN = "model", "device"
"""Arguments that stand in every script."""


class Expression:
    """Code that stands for a value."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __repr__(self) -> str:
        return self._code


class Script:
    """Lines of a script, and the names of what they have made so far.

    Attributes
    ----------
    imports, lines, ending
        What it consists of.
    newest
        The name of the newest image.
    path
        The file that the newest result began with.
    made_here
        Whether the newest step took the result of the one before.
    """

    def __init__(self) -> None:
        self.imports = {"import napari_sbd as sbd"}
        self.lines: list[str] = []
        self.ending = ""
        self.newest = ""
        self.path: str | None = None
        self.made_here = False
        self._read: dict[Origin | None, str] = {}  # names of images

    def take(self, source: Origin | None) -> None:
        """Read the file that a step begins with, or go on with the newest image."""
        self.made_here = source is None
        if source is not None or not self.newest:
            self.path = source.path if source else None
            self.newest = self._image(source)

    def __str__(self) -> str:
        return "\n".join([*sorted(self.imports), "", *self.lines, self.ending, ""])

    def begin(self, code: str) -> None:
        """Begin with an image that code makes."""
        self.lines.append(f"image = {code}")
        self.newest = self._read[None] = "image"

    def assign(self, name: str, code: str) -> None:
        """Name what code makes of the newest image; that is the newest now."""
        self.lines.append(f"{name} = {code}")
        self.newest = name

    def counts(self, noisy: Origin | None) -> str:
        """The name of the raw image beside the newest result."""
        if noisy is None and self.made_here and self._read:
            return next(iter(self._read.values()))
        return self._image(noisy)

    def save(self, what: str) -> None:
        """End with writing the newest image, into a file whose name says what was done."""
        writer, ending = "write", f"{what}.ome.tif"
        if is_series_file(self.path):
            writer, ending = "write_series", f"{what}.nii.gz"
        self.ending = f'sbd.{writer}({self.newest}, "{self.target(ending)}")'

    def target(self, ending: str) -> str:
        """The file to be written, named after that which the newest result began with."""
        return output_name(self.path, ending)

    def _image(self, origin: Origin | None) -> str:
        if origin not in self._read:
            path = origin.path if origin else None
            name = f"image_{len(self._read) + 1}" if self._read else "image"
            note = "" if path else "  # it was in memory; give its file here"
            reader = "read_series" if is_series_file(path) else "read"
            reading = origin.reading if origin else {}
            code = call(f"sbd.{reader}", (repr(path or NO_FILE),), reading, {})
            self.lines.append(f"{name} = {code}{note}")
            self._read[origin] = name
        return self._read[origin]


def call(function: str, names: Any, arguments: dict[str, Any], defaults: dict[str, Any]) -> str:
    """A call with names and arguments, without those that have their default."""
    given = [
        f"{key}={value!r}"
        for key, value in arguments.items()
        if key not in defaults or value != defaults[key]
    ]
    return f"{function}({', '.join([*names, *given])})"


def defaults_of(function: Callable[..., Any], but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Default values; arguments in ``but`` are written out whatever their value."""
    parameters = signature(function).parameters.items()
    return {name: p.default for name, p in parameters if name not in but}
