"""Commands for results: made once more, and put into words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._console import out, progress

Result = Annotated[Path, typer.Argument(metavar="FILE", help="A result of this program.")]


def rerun(
    result: Result,
    source: Annotated[
        Path | None, typer.Option(help="The raw file, where it is elsewhere now.")
    ] = None,
    python: Annotated[
        bool, typer.Option("--python", help="Only print the recipe as a Python script.")
    ] = False,
    command: Annotated[
        bool, typer.Option("--command", help="Only print the recipe as commands.")
    ] = False,
) -> None:
    """Repeat a result from its recipe and compare; exit status 1 if it is not identical."""
    from ..provenance import read_recipe, replay

    if python or command:
        recipe = read_recipe(result)
        if python:
            out.print(replay.as_python(recipe), markup=False, end="")
        if command:
            out.print(replay.as_command(recipe), markup=False)
        return
    with progress(result.name) as bar:
        again = replay.rerun(result, source, progress=bar)
    out.print(again.verdict(), markup=False)
    if again.identical is False:
        raise typer.Exit(1)


def cite(result: Result) -> None:
    """Print a methods paragraph with references for a paper."""
    from ..provenance.cite import cite as words

    out.print(words(result), markup=False)
