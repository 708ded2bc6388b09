"""The command that simulates datasets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import Cancelled, SBDError
from ._console import err, out, progress


def simulate(
    preset: Annotated[str, typer.Argument(help="sbd-ptceo2, hrtem, stem or movies.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the dataset.")],
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    images: Annotated[
        int | None, typer.Option(help="Only so many images, chosen at random; or so many movies.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Of each movie.")] = 40,
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default one for each processor.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask.distributed cluster to use instead.")
    ] = None,
) -> None:
    """Simulate a dataset of clean images with metadata, or go on with an unfinished one.

    sbd-ptceo2 is the benchmark of the SBD paper: 17,955 images of platinum on ceria. hrtem and
    stem are random images of many materials. movies are scenes that drift, turn and change.
    """
    from ..simulation.library_writer import write_library
    from ..simulation.movie_library import write_movies

    processes = (os.cpu_count() or 1) if workers is None else workers
    if preset == "movies":
        if scheduler is not None:
            raise SBDError("Movies are simulated on this machine; leave the scheduler out.")
        count = 10 if images is None else images
        with progress(preset) as bar:
            try:
                paths = write_movies(
                    output, count, frames=frames, seed=seed, workers=processes, progress=bar
                )
            except KeyboardInterrupt as stop:
                raise Cancelled("Stopped; the same command goes on with what is there.") from stop
        out.print(f"wrote {len(paths)} movies of {frames} frames to {output}", markup=False)
        return
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
