"""The command that compares what a denoiser makes of two halves of the electrons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SBDError
from ..files import check_folder, with_suffix_of, writing
from ._console import Gain, Offset, PixelSize, out

if TYPE_CHECKING:
    from ..agreement.resolution import SplitHalf

_KINDS = (".png", ".csv")


def halves(
    noisy: Annotated[Path, typer.Argument(help="The raw image.")],
    denoised: Annotated[Path, typer.Argument(help="The denoised image, with its recipe.")],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="NAME.png: map and curve; NAME.csv: Fourier ring correlation. Can be given "
            "several times.",
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            help="Keep it in the recipe of the denoised image, in DENOISED.recipe.json, where cite "
            "and rerun find it."
        ),
    ] = False,
    pixel_size: PixelSize = None,
    gain: Gain = None,
    offset: Offset = None,
) -> None:
    """Say how far the images denoised from two halves of the electrons agree."""
    from .. import read, split_half_resolution
    from ..recipe import KEY, write_beside

    if keep and (pixel_size, gain, offset) != (None, None, None):
        raise SBDError(
            "The recipe of the image has a calibration of its own, and no other can be kept in it."
        )
    targets = output or []
    for target in targets:
        check_folder(with_suffix_of(target, "comparison of halves", _KINDS), noisy, denoised)
    raw, clean = read(noisy), read(denoised)
    found = split_half_resolution(raw, clean, pixel_size=pixel_size, gain=gain, offset=offset)
    if keep:
        kept = found.noted_in(clean).metadata[KEY]
        out.print(f"wrote {write_beside(denoised, kept)}", markup=False)
    for target in targets:
        _save(found, target)
        out.print(f"wrote {target}", markup=False)
    out.print(str(found), markup=False)


def _save(found: SplitHalf, target: Path) -> None:
    with writing(target, "comparison") as draft:
        if target.suffix.lower() == ".png":
            found.figure().savefig(draft, dpi=150, format="png")
        else:
            found.table().to_csv(draft, index=False)
