"""The command that denoises files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..denoising.settings import Settings, TuningRequest
from ..errors import Cancelled, SBDError
from ..units import number_of
from ._console import SumFrames, SuperResolution, err, out, progress, stoppable
from ._settings import with_settings

if TYPE_CHECKING:
    from ..session import Session

_USUAL = TuningRequest()
_MOST_NEIGHBOURS = 32  # as in the window; more cost memory and hardly help


@with_settings()
def denoise(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="Image or movie files.")],
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", help="A file, or a folder for several inputs (NAME_denoised.ome.tif)."
        ),
    ],
    gain_tuning: Annotated[
        bool, typer.Option("--gain-tuning", help="Adapt the model to each input first.")
    ] = False,
    loss: Annotated[
        str, typer.Option(help="Of gain tuning: auto, thinning, sure, blind-spot or resampling.")
    ] = _USUAL.loss,
    tune: Annotated[str, typer.Option(help="gains, or all weights for comparison.")] = _USUAL.tune,
    tune_frames: Annotated[
        str, typer.Option(help="Of a movie: reference, all, each, or the number of a frame.")
    ] = str(_USUAL.frames),
    tune_steps: Annotated[int, typer.Option(help="Of gain tuning, at most.")] = _USUAL.steps,
    gains: Annotated[
        Path | None, typer.Option(help="Apply gains saved earlier with --save-gains.")
    ] = None,
    save_gains: Annotated[
        bool, typer.Option("--save-gains", help="Write NAME_gains.safetensors beside the result.")
    ] = False,
    save_outliers: Annotated[
        bool,
        typer.Option("--save-outliers", help="Write NAME_outliers.tif, 1 in pixels left out."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with unfinished results of movies.")
    ] = False,
    sum_frames: SumFrames = 1,
    super_resolution: SuperResolution = 1,
    neighbours: Annotated[
        int | None,
        typer.Option(help="Frames on each side of a movie's frame that help to denoise it."),
    ] = None,
    **settings: Any,
) -> None:
    """Denoise images and movies."""
    request = TuningRequest(
        loss=loss, tune=tune, frames=_number_or_word(tune_frames), steps=tune_steps
    )
    if gain_tuning and gains:
        raise SBDError("--gains applies gains saved earlier; leave out --gain-tuning or --gains.")
    if not gain_tuning and (save_gains or request != _USUAL):
        raise SBDError("--loss, --save-gains and the --tune options need --gain-tuning.")
    if neighbours is not None and not 1 <= neighbours <= _MOST_NEIGHBOURS:
        raise SBDError(
            f"--neighbours takes 1 to {_MOST_NEIGHBOURS} frames on each side, not {neighbours}; "
            "leave it out to denoise each frame alone."
        )
    chosen = Settings.of(
        **settings, neighbours=neighbours, gain_tuning=request if gain_tuning else gains or False
    )
    if save_outliers and not chosen.outliers:
        raise SBDError("--save-outliers writes what was left out; do without --no-outliers.")
    targets = _targets(inputs, output)
    from ..io import read, stem
    from ..streaming.file import denoise_into

    for source, target in zip(inputs, targets, strict=True):
        began = time.perf_counter()
        m = read(source, sum_frames=sum_frames, super_resolution=super_resolution)
        if neighbours and m.is_movie and neighbours >= len(m.data):
            err.print(
                f"Warning: {source.name} has {len(m.data)} frames, so no frame has "
                f"{neighbours} neighbours on each side; all others help.",
                markup=False,
            )
        with (
            _words_when_stopped(target),
            progress(source.name) as report,
            _folder(target.parent),
            stoppable() as stop,
        ):
            session = denoise_into(m, target, chosen, resume, report, stop)
        for sentence in session.worker.camera.seen:
            out.print(f"{source}: {sentence}", markup=False)
        if session.tuned and gain_tuning:
            out.print(f"{source}: {session.tuned.report.reason}", markup=False)
        if session.tuned and save_gains:
            session.tuned.save(target.with_name(f"{stem(target)}_gains.safetensors"))
        if save_outliers:
            _write_outliers(session, target)
        seconds = time.perf_counter() - began
        out.print(f"{source} -> {target}  ({_summary(session)}; {seconds:.1f} s)", markup=False)


def _write_outliers(session: Session, target: Path) -> None:
    """Write a map of the outliers beside a result, which it fits pixel by pixel."""
    from ..io import stem, write

    place = target.with_name(f"{stem(target)}_outliers.tif")
    mask = session.outlier_mask()
    write(session.source.replace(data=mask.astype(np.uint8), gain=None, offset=0.0), place)
    out.print(f"wrote {place}  ({number_of(mask.sum(), 'pixel')} left out)", markup=False)


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make a folder; it goes away again when it is still empty after a failure."""
    made = not path.exists()
    path.mkdir(exist_ok=True)
    try:
        yield
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()


@contextmanager
def _words_when_stopped(target: Path) -> Iterator[None]:
    """Say what is left of a result after Ctrl-C or SIGTERM, and how to go on."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        kept = target.with_name(target.name + ".partial")
        if not kept.is_dir():
            raise KeyboardInterrupt from None  # which all commands put into words
        raise Cancelled(
            f"Stopped; finished frames are kept in {kept}; go on with --resume."
        ) from None


def _summary(session: Session) -> str:
    """What was understood of an image and done with it."""
    from ..io.acquisition import sentence

    worker, size = session.worker, session.source.pixel_size_yx
    pixel = "pixel size unknown" if size is None else "pixel size {:.4g} x {:.4g} nm".format(*size)
    summed = f"summed {worker.block[0]} x {worker.block[1]}"
    model = f"model {worker.card.name} ({worker.why})"
    recorded = sentence(session.source.metadata)
    return f"{pixel}{recorded and f', {recorded}'}, {summed}, {model} on {worker.passes.device}"


def _targets(inputs: list[Path], output: str) -> list[Path]:
    """Where each input's result goes, checked before any work is done."""
    from ..files import check_folder
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
        check_folder(place)
        targets = [place / f"{stem(path)}_denoised.ome.tif" for path in inputs]
        if len(set(targets)) < len(targets):
            raise SBDError("Two inputs have the same name; denoise them into different folders.")
        if not place.exists():
            check_writable(place.absolute().parent / targets[0].name)
            return targets
    else:
        targets = [place]
    for target in targets:
        check_folder(target, *inputs)
        check_writable(target)
    return targets


def _number_or_word(text: str) -> str | int:
    try:
        return int(text)
    except ValueError:
        return text
