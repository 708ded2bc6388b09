"""The command that judges a denoised image by the raw counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SBDError
from ..files import check_folder, writing
from ._console import Gain, Offset, PixelSize, out

if TYPE_CHECKING:
    from ..agreement.result import Agreement

_LIMIT = 5.0  # of the picture's colours, the same for every image
_KINDS = (".png", ".csv", ".npz")


def agreement(
    noisy: Annotated[Path, typer.Argument(help="The raw image or movie.")],
    denoised: Annotated[Path, typer.Argument(help="The denoised image or movie.")],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="NAME.png: heatmap; NAME.csv: table of columns; NAME.npz: z and log-likelihood "
            "ratio. Can be given several times.",
        ),
    ] = None,
    pixel_size: PixelSize = None,
    gain: Gain = None,
    offset: Offset = None,
    region: Annotated[
        str | None, typer.Option(help="Part of the image, Y0:Y1,X0:X1 or corners 'Y,X Y,X Y,X'.")
    ] = None,
) -> None:
    """Say where the raw counts do not support a denoised image."""
    from .. import agreement as judge
    from ..io import read
    from ..recipe import origin_of, recipe, write_beside

    targets = output or []
    for target in targets:
        if target.suffix.lower() not in _KINDS:
            raise SBDError(f"The output {target} must end in {', '.join(_KINDS)}.")
        check_folder(target, noisy, denoised)
    raw, clean = read(noisy), read(denoised)
    result = judge(raw, clean, pixel_size=pixel_size, gain=gain, offset=offset, region=region)
    entry = recipe(
        "agreement",
        origin_of(clean),
        noisy=origin_of(raw.replace(metadata={})),
        pixel_size=pixel_size,
        gain=gain,
        offset=offset,
        region=region,
    )
    for target in targets:
        _save(result, target)
        write_beside(target, {"history": [entry]})
        out.print(f"wrote {target}", markup=False)
    out.print(result.verdict(), markup=False)


def _save(result: Agreement, target: Path) -> None:
    kind = target.suffix.lower()
    with writing(target, "judgement") as draft:
        if kind == ".csv":
            result.columns.to_csv(draft, index=False)
        elif kind == ".npz":
            import numpy as np

            ratio = result.log_likelihood_ratio
            with draft.open("wb") as file:  # numpy adds a suffix to names
                np.savez_compressed(file, z=result.z, log_likelihood_ratio=ratio)
        else:
            _picture(result, draft)


def _picture(result: Agreement, target: Path) -> None:
    """The z map with labelled limits, and rings around unsupported columns."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(result.z, cmap="coolwarm", vmin=-_LIMIT, vmax=_LIMIT)
    figure.colorbar(shown, label="agreement z [sigma]", extend="both")
    doubtful = result.columns[~result.columns["supported"]]
    axes.plot(doubtful["x"], doubtful["y"], "o", mfc="none", mec="k", ms=10)
    axes.set(xlabel="x [px]", ylabel="y [px]")
    axes.set_title(result.verdict(), fontsize="small", wrap=True)
    figure.savefig(target, dpi=150, format="png")
