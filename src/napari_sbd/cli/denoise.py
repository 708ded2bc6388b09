"""The command that denoises files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import SBDError
from ..micrograph import Micrograph
from ..provenance import history
from ._console import Device, out, progress

_TUNING = "auto", "gains", "reference", 100


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
    gain_tuning: Annotated[
        bool, typer.Option("--gain-tuning", help="Adapt the model to each input first.")
    ] = False,
    loss: Annotated[
        str, typer.Option(help="Of gain tuning: auto, thinning, sure, blind-spot or resampling.")
    ] = "auto",
    tune: Annotated[str, typer.Option(help="gains, or all weights for comparison.")] = "gains",
    tune_frames: Annotated[
        str, typer.Option(help="Of a movie: reference, all, each, or the number of a frame.")
    ] = "reference",
    tune_steps: Annotated[int, typer.Option(help="Of gain tuning, at most.")] = 100,
    gains: Annotated[
        Path | None, typer.Option(help="Apply gains saved earlier with --save-gains.")
    ] = None,
    save_gains: Annotated[
        bool, typer.Option("--save-gains", help="Write NAME_gains.safetensors beside the result.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of gain tuning and --neighbours.")] = 0,
    device: Device = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with unfinished results of movies.")
    ] = False,
    neighbours: Annotated[
        int, typer.Option(help="Frames on each side of a movie's frame that help to denoise it.")
    ] = 0,
) -> None:
    """Denoise images and movies."""
    if gain_tuning and gains:
        raise SBDError("--gains applies gains saved earlier; leave out --gain-tuning or --gains.")
    if not gain_tuning and (save_gains or (loss, tune, tune_frames, tune_steps) != _TUNING):
        raise SBDError("--loss, --save-gains and the --tune options need --gain-tuning.")
    if neighbours and (gain_tuning or gains or resume):
        raise SBDError("--neighbours cannot be combined with gain tuning, --gains or --resume.")
    targets = _targets(inputs, output)
    from ..io import read, stem
    from ..streaming import denoise_file

    if neighbours:
        from ..frames import as_micrograph
        from ..streaming.neighbours import denoise_movie_into
    if gain_tuning:
        from ..gaintuning import gain_tune
    for source, target in zip(inputs, targets, strict=True):
        began = time.perf_counter()
        m = read(source)
        chosen = _frames(frames, m.shape) if frames else None
        m = m.replace(data=m.data[chosen]) if chosen else m
        tuned: Any = gains or False
        if gain_tuning:
            with progress(f"{source.name}, tuning") as report:
                tuned = gain_tune(
                    m,
                    pixel_size,
                    gain,
                    offset,
                    model=model,
                    loss=loss,
                    tune=tune,  # type: ignore[arg-type]
                    steps=tune_steps,
                    frames=_tune_frames(tune_frames),
                    device=device,
                    seed=seed,
                    progress=report,
                )
            out.print(f"{source}: {tuned.report.reason}", markup=False)
        with progress(source.name) as report, _folder(target.parent):
            shared: dict[str, Any] = {"model": model, "seed": seed, "quality": quality}
            shared |= {"device": device, "progress": report}
            if neighbours:
                m = as_micrograph(m, pixel_size, gain, offset)
                denoise_movie_into(m, target, neighbours=neighbours, frames=frames, **shared)
            else:
                denoise_file(
                    source,
                    target,
                    pixel_size,
                    gain,
                    offset,
                    frames=chosen,
                    gain_tuning=tuned,
                    resume=resume,
                    **shared,
                )
        if save_gains:
            tuned.save(target.with_name(f"{stem(target)}_gains.safetensors"))
        seconds = time.perf_counter() - began
        out.print(
            f"{source} -> {target}  ({_summary(read(target))}; {seconds:.1f} s)", markup=False
        )


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make a folder; it goes away again when it is still empty after a failure."""
    made = not path.exists()
    path.mkdir(exist_ok=True)
    try:
        yield
    except SBDError:
        if made and not any(path.iterdir()):
            path.rmdir()
        raise


def _summary(result: Micrograph) -> str:
    """What was understood of an image and done with it, from its recipe."""
    settings = history(result.metadata)[-1]["settings"]
    block, size = settings["block"], result.pixel_size_yx
    pixel = "pixel size unknown" if size is None else "pixel size {:.4g} x {:.4g} nm".format(*size)
    summed = f"summed {block[0]} x {block[1]}"
    model = f"model {settings['model']} ({settings['model_choice']})"
    return f"{pixel}, {summed}, {model} on {settings['device']}"


def _targets(inputs: list[Path], output: str) -> list[Path]:
    """Where each input's result goes, checked before any work is done."""
    from ..io import check_readable, check_writable, is_writable, stem

    for path in inputs:
        check_readable(path)
    place = Path(output)
    is_folder = place.is_dir() and place.suffix.lower() != ".zarr"
    if len(inputs) > 1 or is_folder or output.endswith(("/", os.sep)) or not place.suffix:
        if place.exists() and not place.is_dir():
            raise SBDError(f"{place} is a file; several inputs need a folder to write into.")
        if (
            len(inputs) > 1
            and not is_folder
            and is_writable(place)
            and not output.endswith(("/", os.sep))
        ):
            raise SBDError(
                f"{place} is the name of a file; several inputs need a folder: give {place.stem}/."
            )
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


def _tune_frames(text: str) -> Literal["reference", "all", "each"] | int:
    try:
        return int(text)
    except ValueError:
        return text  # type: ignore[return-value]
