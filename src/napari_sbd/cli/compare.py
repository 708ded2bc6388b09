"""The command that compares denoisers on one noisy image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from ..errors import SBDError
from ._console import (
    Dark,
    Device,
    FixedPattern,
    Gain,
    GainReference,
    Modality,
    Offset,
    PixelSize,
    camera_of,
    err,
    out,
)

Method = Literal["thinning", "frames", "exposures", "subsampling"]


def compare(
    noisy: Annotated[Path, typer.Argument(help="A raw image, or a movie of a still scene.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A .csv file.")] = None,
    pixel_size: PixelSize = None,
    gain: Gain = None,
    offset: Offset = None,
    peak: Annotated[
        float | None,
        typer.Option(help="Of the uPSNR [electrons per pixel]; else the best estimate's maximum."),
    ] = None,
    method: Annotated[
        Method, typer.Option(help="How noisy samples are had: see docs/trust.md.")
    ] = "thinning",
    every: Annotated[bool, typer.Option("--all", help="All classical filters.")] = False,
    gain_tuning: Annotated[
        bool, typer.Option(help="Also the network tuned to the image; takes a minute or two.")
    ] = True,
    model: Annotated[str, typer.Option(help="auto, a bundled model, or a file.")] = "auto",
    modality: Modality = "auto",
    dark: Dark = None,
    gain_reference: GainReference = None,
    fixed_pattern: FixedPattern = False,
    device: Device = "auto",
) -> None:
    """Compare denoisers on noisy data alone: uPSNR, differences, a verdict."""
    from .. import compare as run
    from ..files import check_folder, writing
    from ..io import read
    from ..micrograph.frames import as_micrograph
    from ..noise import counts as electrons
    from ..noise.as_denoised import camera_corrected
    from ..quality import candidates

    if output is not None:
        check_folder(output, noisy)
        if output.suffix.lower() != ".csv":
            raise SBDError(f"The comparison is written as .csv, not {output.suffix!r}.")
    raw = as_micrograph(read(noisy), gain=gain, offset=offset)
    raw = camera_corrected(raw, **camera_of(dark, gain_reference, fixed_pattern))
    if gain is None and method == "thinning":
        electrons.refuse_unless_poisson(raw)
    told = gain is not None or electrons.in_electrons(raw)
    m = electrons.counted(raw) if told else raw
    size = pixel_size or m.pixel_size
    chosen = candidates(
        pixel_size=size,
        model=model,
        modality=modality,
        device=device,
        method=method,
        every=every,
        gain_tuning=gain_tuning,
        counts=told,
    )
    err.print(f"Comparing {'; '.join(chosen)}.", markup=False)
    table = run(m, chosen, peak, method)
    if output is not None:
        with writing(output, "table") as draft:
            table.assign(peak=table.attrs["peak"], unit=table.attrs["unit"]).to_csv(draft)
    unit = "e" if table.attrs["unit"] == "electrons" else "image units"
    shown = Table(box=None, pad_edge=False)
    for title in (
        "denoiser",
        f"uPSNR [dB, peak {table.attrs['peak']:.3g} {unit}]",
        "95 % interval",
        "verdict",
    ):
        shown.add_column(title)
    for name, row in table.iterrows():
        resolved = row["high"] < float("inf")
        shown.add_row(
            str(name),
            f"{row['upsnr']:.2f}" if resolved else "not resolvable",
            f"{row['low']:.2f} to {row['high']:.2f}" if resolved else f"above {row['low']:.2f}",
            str(row["verdict"]),
        )
    out.print(shown)
