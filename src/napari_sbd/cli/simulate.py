"""The command that simulates datasets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import Cancelled
from ._console import err, out, progress


def simulate(
    preset: Annotated[str, typer.Argument(help="sbd-ptceo2, hrtem or stem.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the dataset.")],
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    images: Annotated[
        int | None, typer.Option(help="Only so many images, chosen at random.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default one for each processor.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask.distributed cluster to use instead.")
    ] = None,
) -> None:
    """Simulate a dataset of clean images with metadata, or go on with an unfinished one.

    sbd-ptceo2 is the benchmark of the SBD paper: 17,955 images of platinum on ceria. hrtem and
    stem are random images of many materials.
    """
    from ..simulation.library_writer import write_library

    processes = (os.cpu_count() or 1) if workers is None else workers
    with progress(preset) as bar:
        try:
            done = write_library(output, preset, seed, images, processes, scheduler, bar)
        except KeyboardInterrupt as stop:
            raise Cancelled("Stopped; the same command goes on with what is there.") from stop
    for name in done.damaged:
        err.print(f"Note: {name} was damaged and has been made again.", markup=False)
    classes = ", ".join(f"{done.contrast[c]} {c}" for c in sorted(done.contrast))
    out.print(
        f"{done.images} images of {done.waves} exit waves ({done.made} of them new)"
        + (f": {classes}" if classes else ""),
        markup=False,
    )
    out.print(f"wrote {output / 'metadata.csv'}", markup=False)
