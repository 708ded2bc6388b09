"""The command that finds atomic columns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import SBDError
from ..units import number_of
from ._console import (
    Dark,
    Device,
    FixedPattern,
    Gain,
    GainReference,
    Offset,
    PixelSize,
    camera_of,
    out,
    progress,
)

_NO_ELEMENT = "X"


def columns(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Raw image or movie.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Table: .csv, .hdf5 (atomap) or .xyz.")
    ],
    denoised: Annotated[
        Path | None, typer.Option(help="Denoised file of IN; denoised here when absent.")
    ] = None,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="IN needs no denoising and holds no counts.")
    ] = False,
    pixel_size: PixelSize = None,
    gain: Gain = None,
    offset: Offset = None,
    polarity: Annotated[str, typer.Option(help="auto, bright or dark.")] = "auto",
    sensitivity: Annotated[float, typer.Option(help="0 to 1; higher finds weaker columns.")] = 0.5,
    spacing: Annotated[float | None, typer.Option(help="Of nearest columns [px].")] = None,
    alpha: Annotated[float | None, typer.Option(help="Of the outline, in spacings.")] = None,
    halves: Annotated[
        bool, typer.Option(help="Judge by halves of the electrons; three more runs of the model.")
    ] = True,
    region: Annotated[
        str | None, typer.Option(help="Part of the image, Y0:Y1,X0:X1 or corners 'Y,X Y,X Y,X'.")
    ] = None,
    strain: Annotated[bool, typer.Option("--strain", help="Lattices, strain, species.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Link the frames of a movie.")] = False,
    dark: Dark = None,
    gain_reference: GainReference = None,
    fixed_pattern: FixedPattern = False,
    element: Annotated[str, typer.Option(help="Symbol for XYZ files.")] = _NO_ELEMENT,
    device: Device = "auto",
) -> None:
    """Find and fit atomic columns, and judge them by the raw counts."""
    if as_it_is and denoised is not None:
        raise SBDError("Give either --denoised or --as-it-is.")
    if element != _NO_ELEMENT and output.suffix.lower() != ".xyz":
        raise SBDError("--element is written in .xyz files alone; leave it out.")
    camera = camera_of(dark, gain_reference, fixed_pattern)
    if (as_it_is or denoised is not None) and any(camera.values()):
        raise SBDError(
            "References of the camera are for images that are denoised here; a denoised file tells "
            "those that it was made with."
        )
    from .. import denoise, read
    from ..columns import describe_lattice, find_columns, follow_columns, species, write_columns
    from ..columns.export import check_target
    from ..columns.inputs import refuse_unless_square
    from ..columns.verdict import support_told
    from ..micrograph.frames import as_micrograph

    check_target(output)
    raw = read(source)
    refuse_unless_square(as_micrograph(raw, pixel_size))
    if follow and not raw.is_movie:
        raise SBDError("--follow was given, but the file holds a single image.")
    if strain and raw.is_movie:
        raise SBDError("--strain describes single images; take one frame of the movie.")
    if as_it_is:
        clean, noisy = raw, None
    else:
        clean, noisy = read(denoised) if denoised else None, raw
        if clean is None:
            calibration: dict[str, Any] = {"pixel_size": pixel_size, "gain": gain, "offset": offset}
            with progress("denoising") as report:
                told = {**calibration, "device": device, "region": region, **camera}
                clean = denoise(raw, **told, progress=report)
    with progress("columns") as report:
        table = find_columns(
            noisy,
            clean,
            pixel_size=pixel_size,
            gain=gain,
            offset=offset,
            polarity=polarity,  # type: ignore[arg-type]
            sensitivity=sensitivity,
            spacing=spacing,
            alpha=alpha,
            halves=halves,
            region=region,
            progress=report,
        )
    attrs = dict(table.attrs)
    if follow:
        table = follow_columns(table)
    if strain:
        table = describe_lattice(table)
        table["species"] = species(table["intensity"].to_numpy())
    table.attrs = {**attrs, **table.attrs}
    write_columns(table, output, None if clean.is_movie else clean.data, element)
    facts = number_of(len(table), f"{attrs['polarity']} column")
    if clean.is_movie:
        facts += f" in {number_of(len(clean.data), 'frame')}"
    if len(table):
        facts += (
            f", spacing {attrs['spacing']:.1f} px, {int(table['surface'].sum())} on the surface"
        )
    if noisy is not None and not table["supported"].all():
        facts += f", {support_told(table)}"
    out.print(f"{source} -> {output}  ({facts})", markup=False)
