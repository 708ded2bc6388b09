"""The command that estimates drift and takes it out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import SBDError
from ._console import (
    Dark,
    Device,
    FixedPattern,
    GainReference,
    Modality,
    PixelSize,
    camera_of,
    out,
    progress,
)

_FIGURES = ".png", ".pdf", ".svg"


def drift(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Movie file.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Movie without its drift.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="CSV of the shifts; printed when absent.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Figure of the path: .png, .pdf, .svg.")] = None,
    interpolate: Annotated[
        bool,
        typer.Option("--interpolate", help="By fractions of a pixel; the values are no counts."),
    ] = False,
    crop: Annotated[
        bool, typer.Option("--crop", help="Keep what all frames hold; else edges become NaN.")
    ] = False,
    model: Annotated[
        str, typer.Option(help="auto, a bundled model, or a .safetensors file.")
    ] = "auto",
    pixel_size: PixelSize = None,
    dark: Dark = None,
    gain_reference: GainReference = None,
    fixed_pattern: FixedPattern = False,
    jitter: Annotated[
        float, typer.Option(help="nm; of the steps about a smooth path, below a lattice period.")
    ] = 0.05,
    largest_step: Annotated[float, typer.Option(help="nm; from the expected place.")] = 0.6,
    modality: Modality = "auto",
    device: Device = "auto",
) -> None:
    """Estimate the drift of a movie; move the raw frames back, by whole pixels."""
    if output is None and (interpolate or crop):
        raise SBDError("--interpolate and --crop need -o, the file of the corrected movie.")
    from .. import correct_drift, estimate_drift
    from ..files import check_folder, writing
    from ..io import check_writable, read, write

    if output is not None:
        check_folder(output, source)
        check_writable(output)
    if plot is not None and plot.suffix.lower() not in _FIGURES:
        raise SBDError(f"The figure of the path is one of {', '.join(_FIGURES)}, not {plot.name}.")
    for path in (table, plot):
        if path is not None:
            check_folder(path, source)
    m = read(source)
    if pixel_size is not None:
        m = m.replace(pixel_size=pixel_size)
    with progress(source.name) as report:
        found = estimate_drift(
            m,
            model=model,
            modality=modality,
            device=device,
            jitter=jitter,
            largest_step=largest_step,
            progress=report,
            **camera_of(dark, gain_reference, fixed_pattern),
        )
    if table is None:
        out.print(found.table().to_csv(index=False), markup=False)
    else:
        with writing(table, "table") as draft:
            found.table().to_csv(draft, index=False)
    if plot is not None:
        from ..figures.drift import plot_drift

        plot_drift(found, plot)
    if output is not None:
        write(correct_drift(m, found, interpolate, "crop" if crop else "pad"), output)
    for path in (table, plot, output):
        if path is not None:
            out.print(f"wrote {path}", markup=False)
    out.print(f"{source}: {found.verdict()}", markup=False)
