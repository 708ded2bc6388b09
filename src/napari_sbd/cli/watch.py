"""The command that denoises while a camera writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._console import SumFrames, SuperResolution, err, out, stoppable
from ._settings import with_settings

if TYPE_CHECKING:
    from ..watch import Seen


@with_settings("frames", "neighbours", "fixed_pattern", "seed")
def watch(
    source: Annotated[
        Path, typer.Argument(help="A folder into which frames come, or a file that grows.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")],
    glob: Annotated[str, typer.Option(help="Which files of the folder, such as *.mrc.")] = "*",
    to: Annotated[str, typer.Option(help="Suffix of single images; stacks become .zarr.")] = (
        "ome.tif"
    ),
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave frames out that a faster camera left behind.")
    ] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Denoise the middle alone where frames are too large."),
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask.distributed cluster that denoises.")
    ] = None,
    idle: Annotated[
        float | None, typer.Option(help="End when nothing new came for this many seconds.")
    ] = None,
    mean: Annotated[
        int | None,
        typer.Option(help="Also tell focus and drift, with the mean of that many frames."),
    ] = None,
    sum_frames: SumFrames = 1,
    super_resolution: SuperResolution = 1,
    **settings: Any,
) -> None:
    """Denoise frames while they come; Ctrl-C ends it, the same command goes on."""
    from ..watch import watch as run
    from ..watch.running import RunningMean

    running = None if mean is None else RunningMean(mean)

    def tell(seen: Seen) -> None:
        _say(seen)
        if running is not None and (now := running(seen)) is not None:
            out.print(f"  {now}", markup=False)

    out.print(f"watching {source}; Ctrl-C ends it", markup=False)
    with stoppable() as should_stop:
        summary = run(
            source,
            output,
            glob=glob,
            to=to,
            skip=skip,
            preview=preview,
            scheduler=scheduler,
            idle=idle,
            sum_frames=sum_frames,
            super_resolution=super_resolution,
            on_frame=tell,
            say=lambda sentence: err.print(f"Warning: {sentence}", markup=False),
            should_stop=should_stop,
            **settings,
        )
    counts = ", ".join(f"{n} {fate}" for fate, n in summary.fates.items()) or "no frames"
    left = f"; {summary.waiting} waiting for the next watch" if summary.waiting else ""
    out.print(f"{counts}{left}; see {output / 'watch.csv'}", markup=False)


def _say(seen: Seen) -> None:
    name = f"{seen.arrival.path.name} [{seen.arrival.index}]"
    note = f" ({seen.reason})" if seen.reason else ""
    waiting = f", {seen.waiting} waiting" if seen.waiting else ""
    out.print(f"{name}: {seen.fate}{note}, {seen.delay_s:.2f} s{waiting}", markup=False)
