"""One recipe over a folder of files, on this machine or on a cluster."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..denoising.settings import Settings, takes_settings
from ..errors import Cancelled, SBDError, stop_if_asked, stopping
from ..files import Table, held
from .looked_at import Facts
from .one import Options, Outcome, Task, process
from .plan import Item, plan

__all__ = ["Options", "Outcome", "batch"]

REPORT = "batch.csv"


@takes_settings
def batch(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    glob: str = "*",
    to: str = "ome.tif",
    recipe: Any = None,
    judge: bool = False,
    report: bool = False,
    resume: bool = False,
    jobs: int = 1,
    scheduler: str | None = None,
    sum_frames: int = 1,
    super_resolution: int = 1,
    on_file: Callable[[Outcome], None] | None = None,
    progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> list[Outcome]:
    """Denoise all files of a folder.

    A file that fails does not end the batch. ``batch.csv`` in the output folder gets a line for
    each file as soon as it is through: file, output, status, seconds, what is known of the result
    (``batch.looked_at.Facts``: model, pixel size, dose ...), why it failed or what was warned of.
    Lines of earlier batches about other results stay, and the result of another file is never
    replaced. Two batches at a time need two folders.

    Parameters
    ----------
    folder, output
        Folders. Outputs are named ``NAME_denoised``; where names differ by their suffix only, it
        becomes part of the name (``a_mrc_denoised``, ``a_dm4_denoised``). Subfolders are kept.
    glob
        Which files, such as ``*.mrc`` or, with subfolders, ``**/*.dm4``; of ``*`` those that can be
        read.
    to
        Suffix of the outputs, one that ``write`` knows.
    recipe
        What stands in a result's metadata; its model and settings are then taken, and each file's
        own calibration, as in ``replay.apply``. No settings but the device then.
    **settings
        Those of ``Settings``.
    judge
        Also compare halves of the electrons and find columns; ``NAME_columns.csv`` is their table.
    report
        Also write a page for the lab book, ``NAME_report.pdf``.
    resume
        Skip outputs that are complete, of the same file (by checksum), with the same settings, from
        this version.
    jobs
        Processes on this machine, which share its processors.
    scheduler
        Address of a dask.distributed scheduler whose workers are used instead; they need the same
        paths. What a dying worker leaves undone is done by another.
    sum_frames, super_resolution
        How the files are read, as ``read`` takes it; by default as the recipe says.
    on_file
        Called with each outcome.
    progress
        Called with (done, total), in files.
    should_stop
        Asked between files and, but for a cluster, also within; True ends the batch.

    Returns
    -------
    What came of each file, in the order of their names.

    Raises
    ------
    SBDError
        If nothing can be begun, or the workers are lost.
    Cancelled
        If ``should_stop`` said so; what is finished stays.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("raw").mkdir()
    >>> sbd.write(noisy, "raw/a.tif")
    >>> outcomes = sbd.batch("raw", "results", model="hrtem")
    >>> [(o.status, o.target.name) for o in outcomes]
    [('done', 'a_denoised.ome.tif')]
    """
    from .. import cluster

    chosen = options(recipe, settings, sum_frames, super_resolution)
    chosen = replace(chosen, judge=judge, report=report)
    if jobs < 1:
        raise SBDError(f"The number of jobs is a whole number from 1 up, not {jobs}.")
    items = plan(folder, output, glob, to)
    alone = jobs == 1 and scheduler is None
    threads = None if jobs == 1 or scheduler else max(1, (os.cpu_count() or 1) // jobs)
    tasks = [Task(item, chosen, resume, threads) for item in items]
    work = partial(process, should_stop=should_stop) if alone else process
    results = cluster.run(work, tasks, jobs, scheduler, preload=("torch", process.__module__))
    outcomes: dict[Item, Outcome] = {}
    columns = ["file", "output", "status", "seconds", *Facts.names(), "reason"]
    path = Path(output, REPORT)
    with held(Path(output)), stopping(should_stop), closing(results):
        table = Table(path, columns, begins_with=_of_others(path, columns, items))
        for task, outcome in _until(results):
            outcomes[task.item] = outcome
            known = task.item.source, task.item.target, outcome.status, f"{outcome.seconds:.2f}"
            table.add([*known, *outcome.facts.row(), outcome.reason])
            if on_file:
                on_file(outcome)
            if progress:
                progress(len(outcomes), len(items))
    return [outcomes[item] for item in items]


def options(
    recipe: Any, settings: dict[str, Any], sum_frames: int = 1, super_resolution: int = 1
) -> Options:
    """Options of a batch, checked before any work.

    Raises
    ------
    SBDError
        If a setting is unknown, or the recipe does not end with a denoising.
    """
    from ..io import choices

    chosen = Options(Settings.of(**settings), recipe, choices(sum_frames, super_resolution))
    chosen.check()
    return chosen


def _of_others(path: Path, columns: list[str], items: list[Item]) -> list[list[str]]:
    """Lines of an earlier table about results that are none of these."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    ours = {None, *(str(item.target) for item in items)}
    return [[row.get(c) or "" for c in columns] for row in rows if row.get("output") not in ours]


def _until(
    results: Generator[tuple[Task, Outcome], None, None],
) -> Iterator[tuple[Task, Outcome]]:
    try:
        for pair in results:
            yield pair
            stop_if_asked()
    except Cancelled as stop:
        raise Cancelled("The batch was stopped; with resume it goes on where it was.") from stop
