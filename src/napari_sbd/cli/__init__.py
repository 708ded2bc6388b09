"""The command line. Nothing heavy is imported before a command needs it.

Each module of this folder holds the commands of one room; ``main`` gathers them.
"""

from __future__ import annotations

import logging
import signal
import sys
import traceback
import warnings
from typing import Annotated

import typer

from ..errors import Cancelled, SBDError, reason_of
from . import (
    agreement,
    batch,
    columns,
    compare,
    denoise,
    detector,
    drift,
    figures,
    first_steps,
    halves,
    measure,
    provenance,
    series,
    simulate,
    train,
    watch,
)
from ._console import STOPPED, Commands, err, out

_logger = logging.getLogger("napari_sbd")

app = typer.Typer(
    name="napari-sbd",
    cls=Commands,
    help="Denoise atomic-resolution TEM images with networks trained on simulations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in (
    denoise.denoise,
    batch.batch,
    watch.watch,
    agreement.agreement,
    halves.halves,
    columns.columns,
    measure.fft,
    measure.profile,
    measure.kymograph,
    measure.strain,
    measure.histogram,
    drift.drift,
    figures.figure,
    figures.film,
    provenance.rerun,
    provenance.cite,
    compare.compare,
    detector.detector,
    detector.noise_spectrum,
    first_steps.models,
    first_steps.doctor,
    first_steps.demo,
    simulate.simulate,
    simulate.phantom,
    train.train,
    train.fine_tune,
    train.specialise,
):
    app.command()(_command)
app.add_typer(series.app)


def _say_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        out.print(f"napari-sbd {__version__}", highlight=False)
        raise typer.Exit


def _show_debugging(wanted: bool) -> None:
    """Let the loggers of this package speak, or keep them silent."""
    if wanted:
        logging.basicConfig(format="%(name)s: %(message)s")
    _logger.setLevel(logging.DEBUG if wanted else logging.NOTSET)


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            envvar="SBD_DEBUG",
            callback=_show_debugging,
            help="Show what is chosen on the way and, after an error, what caused it.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; bad input ends with one sentence and exit status 2, Ctrl-C with 130.

    SIGTERM, as a cluster sends it when the time is over, is heard as Ctrl-C.

    With ``--debug`` the chain of errors behind the sentence comes before it.
    """
    warnings.showwarning = lambda message, *_: err.print(f"Warning: {message}", markup=False)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except SBDError as error:
        if _logger.isEnabledFor(logging.DEBUG):
            traceback.print_exception(error)
        err.print(f"napari-sbd: {error}", markup=False)
        sys.exit(2)
    except OSError as error:  # such as standard output to a disk that is full
        if _logger.isEnabledFor(logging.DEBUG):
            traceback.print_exception(error)
        where = error.filename or "The output"
        err.print(f"napari-sbd: {where} cannot be written: {reason_of(error)}.", markup=False)
        sys.exit(2)
    except (Cancelled, KeyboardInterrupt) as stop:
        err.print(f"napari-sbd: {str(stop) or 'Stopped.'}", markup=False)
        sys.exit(STOPPED)
    finally:
        signal.signal(signal.SIGTERM, before)
