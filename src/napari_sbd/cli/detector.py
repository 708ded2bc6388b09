"""The command that calibrates a detector from an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import SBDError
from ._console import out


def detector(
    image: Annotated[Path, typer.Argument(help="Raw detector values: an image or a movie.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="NAME.png: the diagnostic plot.")
    ] = None,
    gain: Annotated[float | None, typer.Option(help="File units per electron, if known.")] = None,
    offset: Annotated[float | None, typer.Option(help="File units at 0 electrons.")] = None,
) -> None:
    """Estimate gain, offset, read-out noise and correlation from variance against mean."""
    from ..files import check_folder
    from ..io import read
    from ..noise.detector import estimate_detector

    if output is not None and output.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise SBDError(f"The plot {output} must end in .png, .pdf or .svg.")
    if output is not None:
        check_folder(output)
    found = estimate_detector(read(image), gain=gain, offset=offset)
    out.print(str(found), markup=False)
    if output is not None:
        found.figure().savefig(output, dpi=150)
        out.print(f"wrote {output}", markup=False)
