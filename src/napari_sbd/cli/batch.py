"""The command that denoises a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import Cancelled, SBDError
from ..units import number_of
from ._console import SumFrames, SuperResolution, err, out, progress
from ._settings import with_settings

if TYPE_CHECKING:
    from ..batch import Outcome
    from ..batch.estimate import Estimate

_GB = 1e9


@with_settings()
def batch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="With images and movies.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")],
    glob: Annotated[
        str, typer.Option(help="Which files, such as *.mrc or, with subfolders, **/*.dm4.")
    ] = "*",
    recipe: Annotated[
        Path | None, typer.Option(help="A result of this program: do the same to every file.")
    ] = None,
    to: Annotated[str, typer.Option(help="Suffix of the results.")] = "ome.tif",
    judge: Annotated[
        bool, typer.Option("--judge", help="Compare halves, find columns: NAME_columns.csv.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="A page for the lab book: NAME_report.pdf.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip what is finished with the same settings.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask.distributed cluster to use instead.")
    ] = None,
    sum_frames: SumFrames = 1,
    super_resolution: SuperResolution = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List files, time and room needed; write nothing.")
    ] = False,
    gain_tuning: Annotated[
        bool, typer.Option("--gain-tuning", help="Adapt the model to each file first.")
    ] = False,
    **settings: Any,
) -> None:
    """Denoise all files of a folder; exit status 1 if any failed."""
    from ..batch import batch as run
    from ..batch.estimate import estimate
    from ..provenance import read_recipe

    options = {**settings, "gain_tuning": gain_tuning, "glob": glob, "to": to, "resume": resume}
    options |= {"jobs": jobs, "recipe": recipe and read_recipe(recipe)}
    options |= {"sum_frames": sum_frames, "super_resolution": super_resolution}
    if dry_run:
        _print(estimate(folder, output, **options), folder)
        return
    with progress(folder.name) as bar:
        try:
            outcomes = run(
                folder,
                output,
                **options,
                judge=judge,
                report=report,
                scheduler=scheduler,
                on_file=_say,
                progress=bar,
            )
        except KeyboardInterrupt as stop:
            raise Cancelled("Stopped; the same command with --resume goes on.") from stop
    counts = {s: sum(o.status == s for o in outcomes) for s in ("done", "skipped", "failed")}
    out.print(
        f"{counts['done']} done, {counts['skipped']} skipped, {counts['failed']} failed; "
        f"see {output / 'batch.csv'}",
        markup=False,
    )
    for outcome in outcomes:
        if outcome.status == "failed":
            err.print(f"failed: {outcome.source}: {outcome.reason}", markup=False)
    if counts["failed"]:
        raise typer.Exit(1)


def _say(outcome: Outcome) -> None:
    if outcome.status != "failed":
        note = f"; {outcome.reason}" if outcome.reason else ""
        facts = f"{outcome.status}, {outcome.seconds:.1f} s{note}"
        try:
            out.print(f"{outcome.source} -> {outcome.target}  ({facts})", markup=False)
        except (BrokenPipeError, SystemExit):  # of rich, older and newer ones, without a word
            raise SBDError(
                f"Nobody reads the output any more, so the batch ended after "
                f"{outcome.source.name}; the same command with --resume goes on."
            ) from None


def _print(found: Estimate, folder: Path) -> None:
    for entry in found.entries:
        name = entry.item.source.relative_to(folder.absolute())
        if entry.remark:
            out.print(f"{name}: {entry.remark}", markup=False)
            continue
        shape = " x ".join(map(str, entry.shape))
        size, result = entry.bytes_in / _GB, entry.bytes_out / _GB
        facts = f"{shape}, {size:.3g} GB -> {result:.3g} GB, about {entry.seconds:.2g} s"
        out.print(f"{name}: {facts} -> {entry.item.target}", markup=False)
    out.print(
        f"{number_of(len(found.entries), 'file')}, about {found.seconds:.2g} s with "
        f"{number_of(found.jobs, 'job')}, {found.bytes_out / _GB:.3g} GB of "
        f"{found.free / _GB:.3g} GB free",
        markup=False,
    )
    if found.bytes_out > found.free:
        err.print("Warning: the results do not fit on this disk.", markup=False)
