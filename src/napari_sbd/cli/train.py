"""The command that trains networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._console import Device, out


def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML recipe.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    minutes: Annotated[float | None, typer.Option(help="Wall time, not the recipe's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    start: Annotated[str | None, typer.Option(help="A model to fine-tune.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that simulate.")] = 2,
    device: Device = "auto",
) -> None:
    """Simulate training images and train the network of a recipe."""
    from ..training.recipe import read_recipe
    from ..training.session import train as run

    path = run(
        read_recipe(recipe),
        output,
        minutes=minutes,
        resume=resume,
        start=start,
        device=device,
        workers=workers,
        report=lambda line: out.print(line, markup=False),
    )
    out.print(f"wrote {path}", markup=False)
