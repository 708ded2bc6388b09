"""The command that denoises files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ..errors import SBDError
from ..micrograph import Micrograph
from ..provenance import KEY
from ._console import Device, out, progress


def denoise(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="Image or movie files.")],
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", help="A file, or a folder for several inputs (NAME_denoised.ome.tif)."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="auto, a bundled model, or a .safetensors file.")
    ] = "auto",
    pixel_size: Annotated[float | None, typer.Option(help="nm; overrides the file.")] = None,
    gain: Annotated[float | None, typer.Option(help="File units per electron.")] = None,
    offset: Annotated[float | None, typer.Option(help="File units at zero electrons.")] = None,
    frames: Annotated[str, typer.Option(help="START:STOP or one number; all by default.")] = "",
    quality: Annotated[str, typer.Option(help="fast or best.")] = "fast",
    device: Device = "auto",
) -> None:
    """Denoise images and movies."""
    targets = _targets(inputs, output)
    from .. import denoise as run
    from ..io import read, write

    for source, target in zip(inputs, targets, strict=True):
        began = time.perf_counter()
        m = read(source)
        if frames:
            m = m.replace(data=m.data[_frames(frames, m.shape)])
        with progress(source.name) as report:
            result = run(
                m,
                pixel_size,
                gain,
                offset,
                model=model,
                quality=quality,  # type: ignore[arg-type]
                device=device,
                progress=report,
            )
        if frames:
            result.metadata[KEY]["history"][-1]["settings"]["frames"] = frames
        target.parent.mkdir(exist_ok=True)
        write(result, target)
        seconds = time.perf_counter() - began
        out.print(f"{source} -> {target}  ({_summary(result)}; {seconds:.1f} s)", markup=False)


def _summary(result: Micrograph) -> str:
    """What was understood of an image and done with it, from its recipe."""
    settings = result.metadata[KEY]["history"][-1]["settings"]
    block, size = settings["block"], result.pixel_size_yx
    pixel = "pixel size unknown" if size is None else "pixel size {:.4g} x {:.4g} nm".format(*size)
    summed = f"summed {block[0]} x {block[1]}"
    model = f"model {settings['model']} ({settings['model_choice']})"
    return f"{pixel}, {summed}, {model} on {settings['device']}"


def _targets(inputs: list[Path], output: str) -> list[Path]:
    """Where each input's result goes, checked before any work is done."""
    from ..io import check_readable, check_writable, stem

    for path in inputs:
        check_readable(path)
    place = Path(output)
    if len(inputs) > 1 or place.is_dir() or output.endswith(("/", os.sep)) or not place.suffix:
        if place.exists() and not place.is_dir():
            raise SBDError(f"{place} is a file; several inputs need a folder to write into.")
        if not place.absolute().parent.is_dir():
            raise SBDError(f"There is no folder {place.absolute().parent}; create it first.")
        targets = [place / f"{stem(path)}_denoised.ome.tif" for path in inputs]
        if len(set(targets)) < len(targets):
            raise SBDError("Two inputs have the same name; denoise them into different folders.")
        if not place.exists():
            check_writable(place.absolute().parent / targets[0].name)
            return targets
    else:
        targets = [place]
    for target in targets:
        if any(target.resolve() == path.resolve() for path in inputs):
            raise SBDError(f"The output {target} is also an input; choose another name.")
        check_writable(target)
    return targets


def _frames(text: str, shape: tuple[int, ...]) -> slice:
    if len(shape) != 3:
        raise SBDError("--frames was given, but the file holds a single image.")
    start, colon, stop = text.partition(":")
    try:
        first = int(start) if start else 0
        last = (int(stop) if stop else None) if colon else first + 1 or None
    except ValueError:
        raise SBDError(f"--frames takes START:STOP or one number, not {text!r}.") from None
    if not range(shape[0])[first:last]:
        raise SBDError(f"--frames {text} chooses none of the {shape[0]} frames.")
    return slice(first, last)
