"""Words of shell commands that steps turn into."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ...errors import SBDError
from .names import NO_FILE, output_name

if TYPE_CHECKING:
    from .plain import Origin

ONE_FRAME = (
    "The image is one frame of a movie, which no command takes alone; copy the recipe as Python."
)


class Commands:
    """Commands, one a line, and the files that they have read and written so far.

    Attributes
    ----------
    raw, newest
        The raw image, and the newest of all.
    """

    def __init__(self) -> None:
        self.raw = self.newest = ""
        self._lines: list[str] = []
        self._made_here = False
        self._reading: dict[str, int] = {}

    def take(self, source: Origin | None) -> None:
        """Take the file that a step begins with, or the newest."""
        if source is not None or not self.newest:
            self.raw = self.newest = source.path if source else NO_FILE
            self._reading = source.reading if source else {}
        self._made_here = source is None

    def add(self, words: list[str]) -> None:
        """Add a command.

        Raises
        ------
        SBDError
            If it cannot read its file as the recipe says.
        """
        if self._reading and words[0] != "denoise":
            raise SBDError(
                "Only denoise reads files with frames summed or in super-resolution; copy the "
                "recipe as Python."
            )
        how = {name.removesuffix("_frames"): n for name, n in self._reading.items()}
        self._reading = {}
        self._lines.append(shlex.join(["napari-sbd", *words, *options(how, {})]))

    def taken_back(self) -> list[str]:
        """The words of the last command, which another one takes the place of."""
        return shlex.split(self._lines.pop())[1:]

    def __str__(self) -> str:
        return "\n".join(self._lines)

    def target(self, ending: str, of: str | None = None) -> str:
        """The file to be written, by default named after the newest; it is the newest now."""
        self.newest = output_name(of or self.newest, ending)
        return self.newest

    def counts(self, noisy: Origin | None) -> str:
        """The file of the raw image beside the newest result."""
        if noisy is not None:
            return noisy.path
        return self.raw if self._made_here else NO_FILE


def options(values: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    """Options, without those that have their default; pixels y x x where they are not square."""
    words: list[str] = []
    for name, value in values.items():
        if name in defaults and value == defaults[name]:
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            told = "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [f"--{flag}", told]
    return words
