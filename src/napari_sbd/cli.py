"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from .errors import SBDError
from .micrograph import Micrograph
from .provenance import KEY

app = typer.Typer(
    name="napari-sbd",
    help="Denoise atomic-resolution TEM images with networks trained on simulations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)

_Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]


@app.command()
def denoise(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="Image or movie files.")],
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", help="A file, or a folder for several inputs (NAME_denoised.ome.tif)."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="auto, a bundled model, or a .safetensors file.")
    ] = "auto",
    pixel_size: Annotated[float | None, typer.Option(help="nm; overrides the file.")] = None,
    gain: Annotated[float | None, typer.Option(help="File units per electron.")] = None,
    offset: Annotated[float | None, typer.Option(help="File units at zero electrons.")] = None,
    frames: Annotated[str, typer.Option(help="START:STOP or one number; all by default.")] = "",
    quality: Annotated[str, typer.Option(help="fast or best.")] = "fast",
    device: _Device = "auto",
) -> None:
    """Denoise images and movies."""
    targets = _targets(inputs, output)
    from . import denoise as run
    from .io import read, write

    for source, target in zip(inputs, targets, strict=True):
        began = time.perf_counter()
        m = read(source)
        if frames:
            m = m.replace(data=m.data[_frames(frames, m.shape)])
        with _progress(source.name) as report:
            result = run(
                m,
                pixel_size,
                gain,
                offset,
                model=model,
                quality=quality,  # type: ignore[arg-type]
                device=device,
                progress=report,
            )
        if frames:
            result.metadata[KEY]["history"][-1]["settings"]["frames"] = frames
        target.parent.mkdir(exist_ok=True)
        write(result, target)
        seconds = time.perf_counter() - began
        _out.print(f"{source} -> {target}  ({_summary(result)}; {seconds:.1f} s)", markup=False)


@app.command()
def models() -> None:
    """List the bundled models."""
    from .networks import models as cards

    table = Table(box=None, pad_edge=False)
    for title in ("model", "version", "working pixel [nm]", "e/working pixel", "what for"):
        table.add_column(title)
    for card in cards():
        pixel = "{:g}-{:g}".format(*card.working_pixel_nm)
        dose = "{:g}-{:g}".format(*card.dose_range)
        table.add_row(card.name, card.version, pixel, dose, card.description)
    _out.print(table)


@app.command()
def doctor() -> None:
    """Check the installation: versions, devices, models, a short self-test."""
    from .doctor import examine

    sound = True
    for finding in examine():
        mark = {True: "ok ", False: "BAD", None: "   "}[finding.ok]
        _out.print(f"{mark} {finding.subject:14} {finding.text}", markup=False)
        sound &= finding.ok is not False
    if not sound:
        raise typer.Exit(1)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for pictures.")] = Path(
        "napari-sbd-demo"
    ),
    window: Annotated[
        bool | None, typer.Option("--window/--no-window", help="Open napari, or write files.")
    ] = None,
    device: _Device = "auto",
) -> None:
    """Simulate a noisy image of Pt on CeO2, denoise it, and show it."""
    from .demo import run_demo

    _err.print("Simulating and denoising a micrograph; this takes some seconds.")
    for path in run_demo(output, window, device):
        _out.print(f"wrote {path.resolve()}", markup=False)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML recipe.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    minutes: Annotated[float | None, typer.Option(help="Wall time, not the recipe's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    start: Annotated[str | None, typer.Option(help="A model to fine-tune.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that simulate.")] = 2,
    device: _Device = "auto",
) -> None:
    """Simulate training images and train the network of a recipe."""
    from .training.recipe import read_recipe
    from .training.session import train as run

    path = run(
        read_recipe(recipe),
        output,
        minutes=minutes,
        resume=resume,
        start=start,
        device=device,
        workers=workers,
        report=lambda line: _out.print(line, markup=False),
    )
    _out.print(f"wrote {path}", markup=False)


def main() -> None:
    """Run the command line; bad input ends with one sentence and exit status 2."""
    warnings.showwarning = lambda message, *_: _err.print(f"Warning: {message}", markup=False)
    try:
        app()
    except SBDError as error:
        _err.print(f"napari-sbd: {error}", markup=False)
        sys.exit(2)


def _summary(result: Micrograph) -> str:
    """What was understood of an image and done with it, from its recipe."""
    settings = result.metadata[KEY]["history"][-1]["settings"]
    block, size = settings["block"], result.pixel_size_yx
    pixel = "pixel size unknown" if size is None else "pixel size {:.4g} x {:.4g} nm".format(*size)
    summed = f"summed {block[0]} x {block[1]}"
    return f"{pixel}, {summed}, model {settings['model']} on {settings['device']}"


def _targets(inputs: list[Path], output: str) -> list[Path]:
    """Where each input's result goes, checked before any work is done."""
    from .io import check_readable, check_writable, stem

    for path in inputs:
        check_readable(path)
    place = Path(output)
    if len(inputs) > 1 or place.is_dir() or output.endswith(("/", os.sep)) or not place.suffix:
        if place.exists() and not place.is_dir():
            raise SBDError(f"{place} is a file; several inputs need a folder to write into.")
        if not place.absolute().parent.is_dir():
            raise SBDError(f"There is no folder {place.absolute().parent}; create it first.")
        targets = [place / f"{stem(path)}_denoised.ome.tif" for path in inputs]
        if len(set(targets)) < len(targets):
            raise SBDError("Two inputs have the same name; denoise them into different folders.")
        if not place.exists():
            check_writable(place.absolute().parent / targets[0].name)
            return targets
    else:
        targets = [place]
    for target in targets:
        if any(target.resolve() == path.resolve() for path in inputs):
            raise SBDError(f"The output {target} is also an input; choose another name.")
        check_writable(target)
    return targets


def _frames(text: str, shape: tuple[int, ...]) -> slice:
    if len(shape) != 3:
        raise SBDError("--frames was given, but the file holds a single image.")
    start, colon, stop = text.partition(":")
    try:
        first = int(start) if start else 0
        last = (int(stop) if stop else None) if colon else first + 1 or None
    except ValueError:
        raise SBDError(f"--frames takes START:STOP or one number, not {text!r}.") from None
    if not range(shape[0])[first:last]:
        raise SBDError(f"--frames {text} chooses none of the {shape[0]} frames.")
    return slice(first, last)


@contextmanager
def _progress(name: str) -> Iterator[Callable[[float, float], None]]:
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn()
    with Progress(
        *columns, TimeRemainingColumn(), console=_err, transient=True, disable=not _err.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
