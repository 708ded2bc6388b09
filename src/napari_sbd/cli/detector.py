"""The commands that calibrate a detector from an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..errors import SBDError
from ._console import PixelSize, out, rectangle


def detector(
    image: Annotated[Path, typer.Argument(help="Raw detector values: an image or a movie.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="NAME.png: the diagnostic plot.")
    ] = None,
    gain: Annotated[float | None, typer.Option(help="File units per electron, if known.")] = None,
    offset: Annotated[float | None, typer.Option(help="File units at 0 electrons.")] = None,
) -> None:
    """Estimate gain, offset, read-out noise and correlation from variance against mean."""
    from ..files import check_folder, writing
    from ..io import read
    from ..noise.detector_estimate import estimate_detector

    if output is not None and output.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise SBDError(f"The plot {output} must end in .png, .pdf or .svg.")
    if output is not None:
        check_folder(output, image)
    found = estimate_detector(read(image), gain=gain, offset=offset)
    out.print(str(found), markup=False)
    if output is not None:
        with writing(output, "plot") as draft:
            found.figure().savefig(draft, dpi=150, format=output.suffix[1:].lower())
        out.print(f"wrote {output}", markup=False)


def noise_spectrum(
    image: Annotated[Path, typer.Argument(help="Raw detector values: an image or a movie.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="NAME.json, which denoise --noise takes.")
    ],
    region: Annotated[
        str | None,
        typer.Option(help="Y0:Y1,X0:X1 [px], a part without signal: vacuum, or no beam."),
    ] = None,
    pixel_size: PixelSize = None,
) -> None:
    """Keep the noise spectrum of a detector: of an image, a region, or a movie's differences."""
    from ..files import check_folder
    from ..io import read
    from ..noise.camera import estimate_noise_spectrum

    if output.suffix.lower() != ".json":
        raise SBDError(f"A noise spectrum is kept in a file that ends in .json, not {output.name}.")
    check_folder(output, image)
    m = read(image)
    mask = None if region is None else _rectangle(region, m.shape[-2:])
    found = estimate_noise_spectrum(m, pixel_size=pixel_size, region=mask)
    found.save(output)
    out.print(f"{image}: noise {found}", markup=False)
    out.print(f"wrote {output}", markup=False)


def _rectangle(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """(Y, X) bool, True within Y0:Y1,X0:X1."""
    (y0, y1), (x0, x1) = rectangle(text)
    if not (0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]):
        raise SBDError(f"The region {text} does not lie in the {shape[0]} x {shape[1]} pixels.")
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask
