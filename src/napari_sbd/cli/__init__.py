"""The command line. Nothing heavy is imported before a command needs it.

Each module of this folder holds the commands of one room; ``main`` gathers them.
"""

from __future__ import annotations

import sys
import warnings

import typer

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
    provenance,
    series,
    simulate,
    train,
)
from ._console import err

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


def main() -> None:
    """Run the command line; bad input ends with one sentence and exit status 2."""
    warnings.showwarning = lambda message, *_: err.print(f"Warning: {message}", markup=False)
    try:
        app()
    except SBDError as error:
        err.print(f"napari-sbd: {error}", markup=False)
        sys.exit(2)
