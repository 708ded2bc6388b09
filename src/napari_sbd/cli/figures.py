"""The commands that make figures and films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import SBDError
from ._console import err, out, progress, rectangle

Target = Annotated[Path, typer.Option("-o", "--output", help="The file to write.")]


def figure(
    raw: Annotated[Path, typer.Argument(help="The raw image.")],
    denoised: Annotated[Path, typer.Argument(help="Its denoised image.")],
    output: Target,
    judge: Annotated[
        bool | None,
        typer.Option(help="Draw the agreement as well; by default where electrons can be counted."),
    ] = None,
    columns: Annotated[bool, typer.Option("--columns", help="Find columns; draw them.")] = False,
    fft: Annotated[bool, typer.Option(help="Power spectra in the corners.")] = True,
    box: Annotated[
        str | None, typer.Option(help="Part of the image [pixels], as y0:y1,x0:x1.")
    ] = None,
) -> None:
    """Raw, denoised and judged image side by side: PNG, SVG or PDF."""
    from .. import agreement, find_columns, read, write_figure
    from ..agreement.pairs import check_order
    from ..figures.plate import SUFFIXES
    from ..files import check_folder, with_suffix_of

    check_folder(with_suffix_of(output, "figure", SUFFIXES), raw, denoised)
    first, second = read(raw), read(denoised)
    if first.is_movie:
        raise SBDError("A figure shows a single image; take one frame, or write a film.")
    part = None
    if box is not None:
        rows, across = rectangle(box)
        part = slice(*rows), slice(*across)
    judged = None
    if judge is not False:
        try:
            judged = agreement(first, second)
        except SBDError as error:
            check_order(first, second)
            if judge or first.gain is not None:
                raise
            err.print(f"Note: the figure has no judged picture. {error}", markup=False)
    write_figure(
        output,
        first,
        second,
        agreement=judged,
        columns=find_columns(first, second) if columns else None,
        fft=fft,
        box=part,
    )
    out.print(f"wrote {output}", markup=False)


def film(
    movie: Annotated[Path, typer.Argument(help="A movie.")],
    output: Target,
    beside: Annotated[Path | None, typer.Option(help="Another one, drawn to its right.")] = None,
    fps: Annotated[float, typer.Option(help="Frames per second of the film.")] = 10.0,
) -> None:
    """A movie as MP4 or GIF, with scale bar and time stamp."""
    from .. import read, write_film

    with progress(movie.name) as bar:
        other = None if beside is None else read(beside)
        write_film(output, read(movie), other, frames_per_second=fps, progress=bar)
    out.print(f"wrote {output}", markup=False)
