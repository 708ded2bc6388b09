"""The commands that train networks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import Cancelled, SBDError
from ..units import parse_length
from ._console import STOPPED, Device, err, out, stoppable, typed

Recipe = Annotated[Path, typer.Argument(help="A YAML recipe.")]
Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")]
Minutes = Annotated[float | None, typer.Option(help="Of training in all, instead of the recipe's.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")]
_SECONDS = 30  # between the lines of a training that nobody watches

Workers = Annotated[int, typer.Option(help="Processes that simulate.")]


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


def specialise(
    material: Annotated[
        str, typer.Argument(help="A known material (Pt, SrTiO3 ...) or a CIF file.")
    ],
    output: Folder,
    pixel_size: Annotated[
        Any,
        typed(
            partial(parse_length, what="pixel size"),
            "length",
            "Of your raw images, nm or with a unit (6.5pm); needed for a new run.",
        ),
    ] = None,
    dose: Annotated[
        tuple[float, float], typer.Option(help="Electrons per raw pixel, lowest and highest.")
    ] = (0.1, 2.0),
    dark_field: Annotated[
        bool, typer.Option("--dark-field", help="Annular dark-field STEM.")
    ] = False,
    start: Annotated[
        str | None, typer.Option(help="The model to begin with; hrtem, or stem for dark field.")
    ] = None,
    waves: Annotated[int, typer.Option(help="Exit waves to simulate, 20 or more.")] = 400,
    minutes: Minutes = None,
    resume: Resume = False,
    workers: Workers = 2,
    device: Device = "auto",
) -> None:
    """Make a network for one crystal, from its CIF file and a pixel size alone."""
    from ..training import specialist

    if resume:
        specialist.kept_recipe(output)
        train(output / specialist.RECIPE, output, minutes, True, None, workers, device)
        return
    if pixel_size is None:
        raise SBDError("A specialist needs the pixel size of your images: --pixel-size 0.0065.")
    recipe = specialist.specialist(
        material,
        pixel_size,
        dose=dose,
        dark_field=dark_field,
        waves=waves,
    )
    specialist.keep_recipe(recipe, output)
    begin = start or ("stem" if dark_field else "hrtem")
    train(output / specialist.RECIPE, output, minutes, False, begin, workers, device)


@contextmanager
def _live() -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Two functions: one prints a line; the other shows one in place, or now and then prints it
    where this is no terminal.
    """

    def report(line: str) -> None:
        out.print(line, markup=False)

    if not err.is_terminal:
        yield report, _now_and_then(report)
        return
    from rich.status import Status
    from rich.text import Text

    with Status("", console=err) as shown:
        yield report, lambda line: shown.update(Text(line))


def _now_and_then(report: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on the first line of each kind, and another each half minute."""
    last, kind = 0.0, ""

    def status(line: str) -> None:
        nonlocal last, kind
        words = re.sub(r"[\d.]+", "", line)
        if words != kind or time.monotonic() - last >= _SECONDS:
            last, kind = time.monotonic(), words
            report(line)

    return status
