"""What all commands share: where they print, a progress bar, common options."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from ..errors import Cancelled, SBDError
from ..files import noting, some_of
from ..units import parse_number, parse_pixel_size

STOPPED = 130  # exit status, as a shell has it for a command that Ctrl-C ended

out = Console(markup=False, highlight=False, soft_wrap=True)
err = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def typed(read: Callable[[str], Any], kind: str, words: str) -> Any:
    """An option that reads what people type, and says why it cannot."""

    def parse(text: str) -> Any:
        try:
            return read(text)
        except SBDError as error:
            raise typer.BadParameter(str(error)) from None

    return typer.Option(parser=parse, metavar=f"<{kind}>", help=words)


PixelSize = Annotated[
    Any,
    typed(
        parse_pixel_size,
        "length",
        "nm, or with a unit (6.1pm); two (y x x) where the axes differ. Overrides the file.",
    ),
]
Gain = Annotated[
    Any, typed(partial(parse_number, what="gain"), "float", "File units per electron.")
]
Offset = Annotated[
    Any, typed(partial(parse_number, what="offset"), "float", "File units at zero electrons.")
]
SumFrames = Annotated[
    int, typer.Option("--sum", help="Frames of a movie that are added to one as it is read.")
]
SuperResolution = Annotated[
    int, typer.Option(help="1, 2 or 4 pixels for one of the detector, of EER files.")
]
Modality = Annotated[
    Literal["auto", "phase contrast", "dark field"],
    typer.Option(help="Of the image, where you know it: among which models auto looks."),
]
Dark = Annotated[
    Path | None, typer.Option(help="Dark image or movie, recorded without beam; subtracted.")
]
GainReference = Annotated[
    Path | None, typer.Option(help="Image of even light, by which frames are divided.")
]
FixedPattern = Annotated[
    bool,
    typer.Option("--fixed-pattern", help="Take out the pattern that all frames of a movie share."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]


class Commands(TyperGroup):
    """All commands: Ctrl-C ends each with one sentence that says which files it had completed."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the command line."""
        try:
            return super().make_context(*arguments, **options)
        except KeyboardInterrupt:
            raise Cancelled(f"Stopped; {_left([])}.") from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is asked for."""
        kept: list[Path] = []
        try:
            with noting() as kept:
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Cancelled(f"Stopped; {_left(kept)}.") from None


def _left(kept: list[Path]) -> str:
    if not kept:
        return "nothing was written"
    names = some_of([str(path) for path in kept])
    return f"complete, and kept, {'is' if len(kept) == 1 else 'are'} {names}"


def camera_of(dark: Path | None, gain_reference: Path | None, fixed: bool) -> dict[str, Any]:
    """How an image is to be corrected for its camera, as settings have it."""
    files = {"dark": dark, "gain_reference": gain_reference}
    told = {name: None if path is None else str(path) for name, path in files.items()}
    return {**told, "fixed_pattern": fixed}


@contextmanager
def progress(name: str) -> Iterator[Callable[[float, float], None]]:
    if not err.is_terminal:
        yield lambda done, total: None
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn()
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C (or SIGTERM) into a polite request; a second one ends at once."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def rectangle(words: str, form: str = "Y0:Y1,X0:X1") -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns, half-open, of a part of an image, in the form that a command tells.

    Raises
    ------
    SBDError
        If these are no four whole numbers.
    """
    try:
        (top, bottom), (left, right) = (map(int, part.split(":")) for part in words.split(","))
    except ValueError:
        raise SBDError(
            f"A part of an image is {form} in whole pixels, such as 0:256,100:356, not {words!r}."
        ) from None
    return (top, bottom), (left, right)
