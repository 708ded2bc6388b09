"""What a batch would do, how long it would take, and how much room it would need."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SBDError, listening
from ..noise.as_denoised import CORRECTIONS
from .one import Options, Task, is_finished
from .plan import Item, plan

if TYPE_CHECKING:
    from ..micrograph import Micrograph

_TUNING_SECONDS = 19.0  # for a file, on two processor cores (docs/gaintuning.md)
_NEIGHBOURS = 2.5  # times as long with neighbouring frames (see denoise_movie)
_BYTES = 4  # of a result's pixel, before compression
_SAMPLE = 128  # pixels along a side of the part on which the first, slower pass is spent


@dataclass(frozen=True)
class Entry:
    """What a batch would do with a file.

    Parameters
    ----------
    item
        The file, and where its result would go.
    shape
        (Y, X) or (T, Y, X); empty where the file cannot be read.
    bytes_in, bytes_out
        Of the file, and of its result before compression; 0 where there would be none.
    seconds
        Of one process, estimated.
    remark
        Why the file would fail or be skipped; else empty.
    """

    item: Item
    shape: tuple[int, ...]
    bytes_in: int
    bytes_out: int
    seconds: float
    remark: str = ""


@dataclass(frozen=True)
class Estimate:
    """What a batch would do: its files, and the room that is left where results go [bytes]."""

    entries: list[Entry]
    free: int
    jobs: int

    @property
    def seconds(self) -> float:
        """Wall time; processes share this machine, so more of them gain less than this says."""
        return sum(e.seconds for e in self.entries) / self.jobs

    @property
    def bytes_out(self) -> int:
        """Room that the results need before compression."""
        return sum(e.bytes_out for e in self.entries)


def estimate(
    folder: str | Path,
    output: str | Path,
    *,
    glob: str = "*",
    to: str = "ome.tif",
    recipe: Any = None,
    resume: bool = False,
    jobs: int = 1,
    sum_frames: int = 1,
    super_resolution: int = 1,
    **settings: Any,
) -> Estimate:
    """Say what ``batch`` would do with the same arguments; nothing is written.

    The time is that of the first frame, measured, times pixels and frames; GainTuning is taken for
    19 s a file.

    Raises
    ------
    SBDError
        As ``batch`` does.
    """
    from . import options

    chosen = options(recipe, settings, sum_frames, super_resolution)
    speed: float | None = None  # seconds per pixel
    entries = []
    for item in plan(folder, output, glob, to):
        size = item.source.stat().st_size
        try:
            entry, speed = _entry(item, size, chosen, resume, speed)
        except SBDError as error:
            entry = Entry(item, (), size, 0, 0.0, str(error))
        entries.append(entry)
    place = Path(output).absolute()
    there = next(p for p in (place, *place.parents) if p.is_dir())
    return Estimate(entries, shutil.disk_usage(there).free, max(jobs, 1))


def _entry(
    item: Item, size: int, chosen: Options, resume: bool, speed: float | None
) -> tuple[Entry, float | None]:
    from ..io import read

    image = read(item.source, **chosen.reading)
    if resume and item.target.exists() and is_finished(Task(item, chosen), image):
        return Entry(item, image.shape, size, 0, 0.0, "finished"), speed
    speed = speed or _speed(image, chosen)
    settings = chosen.on(image)
    seconds = image.data.size * speed * (_NEIGHBOURS if settings.neighbours else 1)
    if settings.tuning:
        seconds += _TUNING_SECONDS
    return Entry(item, image.shape, size, image.data.size * _BYTES, seconds), speed


def _speed(image: Micrograph, chosen: Options) -> float:
    """Seconds per pixel, measured on the first frame."""
    import numpy as np

    from ..micrograph.frames import reference_frame
    from ..session import Session

    frame = reference_frame(image)
    with listening():
        settings = chosen.on(image)
        alone = (*CORRECTIONS, "region", "frames", "gain_tuning", "neighbours")
        usual = {name: type(settings).model_fields[name].default for name in alone}
        settings = settings.model_copy(update=usual)
        corner = np.ascontiguousarray(frame[:_SAMPLE, :_SAMPLE])
        Session(image.replace(data=corner, source=None), settings).collect()
        begun = time.perf_counter()
        Session(image.replace(data=frame, source=None), settings).collect()
    return (time.perf_counter() - begun) / frame.size
