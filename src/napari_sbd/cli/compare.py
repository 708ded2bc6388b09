"""The command that compares denoisers on one noisy image."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..errors import SBDError
from ._console import Device, err, out

_WIDE = ("Gaussian", "Wiener", "BM3D")  # the classical filters that are compared by default


def compare(
    noisy: Annotated[Path, typer.Argument(help="A raw image, or a movie of a still scene.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A .csv file.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="nm; overrides the file.")] = None,
    gain: Annotated[float | None, typer.Option(help="File units per electron.")] = None,
    offset: Annotated[float | None, typer.Option(help="File units at zero electrons.")] = None,
    peak: Annotated[float, typer.Option(help="Of the uPSNR, electrons per pixel.")] = 1.0,
    method: Annotated[
        str, typer.Option(help="thinning, frames, exposures or subsampling.")
    ] = "thinning",
    every: Annotated[bool, typer.Option("--all", help="All classical filters.")] = False,
    model: Annotated[str, typer.Option(help="auto, a bundled model, or a file.")] = "auto",
    device: Device = "auto",
) -> None:
    """Compare denoisers on noisy data alone: uPSNR, differences, a verdict."""
    from .. import compare as run
    from .. import denoise, electrons
    from ..filters import denoisers
    from ..io import read

    if output is not None and not output.absolute().parent.is_dir():
        raise SBDError(f"There is no folder {output.absolute().parent}; create it first.")
    m = electrons.counted(read(noisy), gain, offset)
    size = pixel_size or m.pixel_size
    filters = denoisers(pixel_size=size)
    network = partial(denoise, pixel_size=size, model=model, device=device)
    chosen = {
        "raw": lambda image: image,
        **{n: f for n, f in filters.items() if every or n in _WIDE},
        "network": network,
        "network, best": partial(network, quality="best"),
    }
    err.print(f"Comparing {', '.join(chosen)}.", markup=False)
    table = run(m, chosen, peak, method)
    if output is not None:
        table.to_csv(output)
    shown = Table(box=None, pad_edge=False)
    for title in ("denoiser", f"uPSNR [dB, peak {peak:g} e]", "95 % interval", "verdict"):
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
