"""The command line. Nothing heavy is imported before a command needs it.

Each module of this folder holds the commands of one room; ``main`` gathers them.
"""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from .. import __version__
from ..errors import SBDError
from . import (
    agreement,
    batch,
    columns,
    compare,
    denoise,
    detector,
    drift,
    first_steps,
    halves,
    provenance,
    series,
    simulate,
    train,
)
from ._console import err, out

app = typer.Typer(
    name="napari-sbd",
    help="Denoise atomic-resolution TEM images with networks trained on simulations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in (
    denoise.denoise,
    batch.batch,
    agreement.agreement,
    halves.halves,
    columns.columns,
    drift.drift,
    provenance.rerun,
    provenance.cite,
    compare.compare,
    detector.detector,
    first_steps.models,
    first_steps.doctor,
    first_steps.demo,
    simulate.simulate,
    train.train,
    train.fine_tune,
):
    app.command()(_command)
app.add_typer(series.app)


def _say_version(wanted: bool) -> None:
    if wanted:
        out.print(f"napari-sbd {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; bad input ends with one sentence and exit status 2."""
    warnings.showwarning = lambda message, *_: err.print(f"Warning: {message}", markup=False)
    try:
        app()
    except SBDError as error:
        err.print(f"napari-sbd: {error}", markup=False)
        sys.exit(2)
