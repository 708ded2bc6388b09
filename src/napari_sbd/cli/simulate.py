"""The commands that simulate datasets, and single micrographs of known truth."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import Cancelled, SBDError
from ..units import number_of, parse_length
from ._console import err, out, progress, typed

_DETECTORS = (
    "counting; direct electron, integrating; scintillator CMOS; scintillator CCD; STEM annular."
)

_DOSE = 0.45  # electrons per pixel and frame


def simulate(
    preset: Annotated[str, typer.Argument(help="sbd-ptceo2, hrtem, stem or movies.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the dataset.")],
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    images: Annotated[
        int | None, typer.Option(help="Only so many images, chosen at random; or so many movies.")
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Of each movie; 40 by default.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default one for each processor.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask.distributed cluster to use instead.")
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(help=f"Also write what this detector records: {_DETECTORS}"),
    ] = None,
    dose: Annotated[
        float | None,
        typer.Option(help="Of what is recorded [electrons per pixel and frame]; 0.45 by default."),
    ] = None,
) -> None:
    """Simulate a dataset of clean images with metadata, or go on with an unfinished one.

    sbd-ptceo2 is the benchmark of the SBD paper: 17,955 images of platinum on ceria. hrtem and
    stem are random images of many materials. movies are scenes that drift, turn and change.
    """
    from ..simulation.library_writer import write_library
    from ..simulation.movie_library import write_movies
    from ..simulation.recorded import check_recording

    if detector is None and dose is not None:
        raise SBDError("--dose is that of what a detector records; give --detector as well.")
    electrons = _DOSE if dose is None else dose
    if detector is not None:
        check_recording(output, detector, electrons, seed)
    processes = (os.cpu_count() or 1) if workers is None else workers
    if preset == "movies":
        if scheduler is not None:
            raise SBDError("Movies are simulated on this machine; leave the scheduler out.")
        count, length = 10 if images is None else images, 40 if frames is None else frames
        with progress(preset) as bar:
            try:
                paths = write_movies(
                    output, count, frames=length, seed=seed, workers=processes, progress=bar
                )
            except KeyboardInterrupt as stop:
                raise Cancelled("Stopped; the same command goes on with what is there.") from stop
        out.print(
            f"wrote {number_of(len(paths), 'movie')} of {number_of(length, 'frame')} to {output}",
            markup=False,
        )
        _record(output, detector, electrons, seed)
        return
    if frames is not None:
        raise SBDError(f"{preset} is a dataset of single images; leave --frames out.")
    with progress(preset) as bar:
        try:
            done = write_library(output, preset, seed, images, processes, scheduler, bar)
        except KeyboardInterrupt as stop:
            raise Cancelled("Stopped; the same command goes on with what is there.") from stop
    for name in done.damaged:
        err.print(f"Note: {name} was damaged and has been made again.", markup=False)
    classes = ", ".join(f"{done.contrast[c]} {c}" for c in sorted(done.contrast))
    out.print(
        f"{number_of(done.images, 'image')} of {number_of(done.waves, 'exit wave')} "
        f"({done.made} of them new)" + (f": {classes}" if classes else ""),
        markup=False,
    )
    out.print(f"wrote {output / 'metadata.csv'}", markup=False)
    _record(output, detector, electrons, seed)


def _record(folder: Path, detector: str | None, dose: float, seed: int) -> None:
    """Write what a detector records of a dataset, where one is asked for."""
    from ..simulation.recorded import write_recordings

    if detector is None:
        return
    with progress(detector) as bar:
        try:
            paths = write_recordings(folder, detector, dose, seed, bar)
        except KeyboardInterrupt as stop:
            raise Cancelled("Stopped; the same command goes on with what is there.") from stop
    out.print(f"wrote {len(paths)} recordings to {paths[0].parent}", markup=False)


def phantom(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="NAME.tif or the like; NAME_clean beside it.")
    ],
    kind: Annotated[str, typer.Option(help="What lies in the field.")] = "pt_ceo2",
    modality: Annotated[str, typer.Option(help="hrtem or stem.")] = "hrtem",
    detector: Annotated[
        str,
        typer.Option(help=_DETECTORS),
    ] = "counting",
    dose: Annotated[float, typer.Option(help="Electrons per pixel and frame.")] = 0.45,
    pixel_size: Annotated[
        Any,
        typed(partial(parse_length, what="pixel size"), "length", "nm, or with a unit (6.1pm)."),
    ] = "0.0061",
    size: Annotated[int, typer.Option(help="Pixels along a side.")] = 512,
    frames: Annotated[int, typer.Option(help="More than 1 give a movie.")] = 1,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
) -> None:
    """Simulate a noisy micrograph as a camera writes it, and the noise-free one beside it."""
    from ..files import check_folder
    from ..io import check_writable, stem, write
    from ..simulation.phantom import simulate as simulate_one

    check_folder(output)
    clean = output.with_name(f"{stem(output)}_clean{output.name[len(stem(output)) :]}")
    for path in (output, clean):
        check_writable(path)
    made = simulate_one(
        kind,
        size=size,
        pixel_size=pixel_size,
        dose=dose,
        frames=frames,
        seed=seed,
        modality=modality,
        detector=detector,
    )
    for m, path in ((made.noisy, output), (made.clean, clean)):
        write(m, path)
        out.print(f"wrote {path}", markup=False)
