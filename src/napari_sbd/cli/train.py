"""The commands that train networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ..errors import Cancelled
from ._console import STOPPED, Device, err, out, stoppable

Recipe = Annotated[Path, typer.Argument(help="A YAML recipe.")]
Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")]
Minutes = Annotated[float | None, typer.Option(help="Of training in all, instead of the recipe's.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that simulate.")]


def train(
    recipe: Recipe,
    output: Folder,
    minutes: Minutes = None,
    resume: Resume = False,
    start: Annotated[str | None, typer.Option(help="A model to fine-tune.")] = None,
    workers: Workers = 2,
    device: Device = "auto",
) -> None:
    """Simulate training images and train the network of a recipe."""
    from ..training.session import train as run

    try:
        with _live() as (report, status), stoppable() as should_stop:
            path = run(
                recipe,
                output,
                minutes=minutes,
                resume=resume,
                start=start,
                device=device,
                workers=workers,
                report=report,
                status=status,
                should_stop=should_stop,
            )
    except Cancelled as stop:
        out.print(str(stop), markup=False)
        raise typer.Exit(STOPPED) from None
    out.print(f"wrote {path}", markup=False)


def fine_tune(
    model: Annotated[str, typer.Argument(help="A bundled model, or a .safetensors file.")],
    recipe: Recipe,
    output: Folder,
    minutes: Minutes = None,
    resume: Resume = False,
    workers: Workers = 2,
    device: Device = "auto",
) -> None:
    """Specialise a model for the material and the microscope of a recipe."""
    train(recipe, output, minutes, resume, model, workers, device)


@contextmanager
def _live() -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Two functions: one prints a line, the other shows one in place, if this is a terminal."""

    def report(line: str) -> None:
        out.print(line, markup=False)

    if not err.is_terminal:
        yield report, lambda line: None
        return
    from rich.status import Status
    from rich.text import Text

    with Status("", console=err) as shown:
        yield report, lambda line: shown.update(Text(line))
