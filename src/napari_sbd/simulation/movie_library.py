"""A folder of clean simulated movies with their truth, resumed at any moment."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Cancelled, SBDError
from ..files import read_note, replacing, write_bytes
from ..micrograph import Micrograph
from . import wave_cache
from .clips import Clip, draw_clip
from .dataset import FIELD, GENERAL
from .library_writer import MOVIES_NOTE, NOTE

_COLUMNS = ("frame", "y_px", "x_px", "atomic_number", "atoms")
_SCENES = "scenes"


def write_movies(
    folder: str | Path,
    count: int,
    *,
    frames: int = 40,
    size: int = 512,
    pixel_nm: float = 0.0065,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Simulate clean movies, or go on with an unfinished folder.

    Beside each ``movieNNNN.tif`` (vacuum = 1; noise is drawn when it is needed) lie the columns of
    every frame, ``movieNNNN_columns.csv``, and its path and changes, ``movieNNNN_frames.csv``.

    Parameters
    ----------
    folder
        Made when absent.
    count, frames, size
        How many movies, frames in each, and pixels along a side; a larger count later adds to them.
    pixel_nm
        Side of a pixel [nm].
    seed
        Movie i of a seed is the same whatever the number of workers and of movies.
    workers
        Processes that simulate scenes.
    progress
        Called with (done, total), in scenes and then movies.
    should_stop
        Asked now and then.

    Returns
    -------
    The paths of the movies.

    Raises
    ------
    SBDError
        If the field is larger than what is simulated, or the folder holds other movies.
    Cancelled
        If ``should_stop`` said so; the same call goes on with what is there.
    """
    folder, told = Path(folder), progress or (lambda done, total: None)
    if seed < 0 or workers < 1 or count < 1:
        raise SBDError("A folder of movies needs a seed >= 0, workers >= 1 and movies >= 1.")
    if frames < 1 or size < 32 or not pixel_nm > 0:
        raise SBDError("Movies need one frame of 32 pixels along a side or more, and a pixel size.")
    if size * pixel_nm > FIELD[0] / 10:
        raise SBDError(
            f"{size} pixels of {pixel_nm:g} nm are {size * pixel_nm:.3g} nm, and the simulated "
            f"scenes are {FIELD[0] / 10:g} nm wide; lower one of them."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _claim(folder, {"frames": frames, "size": size, "pixel_nm": pixel_nm, "seed": seed})
        scenes = folder / _SCENES
        # one more, as each movie shows a part of the next scene beside its own
        made, total = count + 1, 2 * count + 1
        wave_cache.make_scenes(
            scenes, made, GENERAL, seed, workers, lambda n, _: told(n, total), should_stop
        )
        loaded = wave_cache.load_scenes(scenes)[:made]
        paths = [folder / f"movie{i:04d}.tif" for i in range(count)]
        for i, path in enumerate(paths):
            if not (path.exists() and _beside(path, "columns").exists()):
                rng = np.random.default_rng([seed, 9, i])
                clip = draw_clip([loaded[i]], rng, frames, size, pixel_nm, another=loaded[i + 1])
                _write(path, clip)
            told(made + i + 1, total)
            if should_stop():
                raise Cancelled("Stopped; the same command goes on with what is there.")
    except OSError as error:
        raise SBDError(
            f"{folder} cannot be written ({error.strerror or error}); what is finished is kept, "
            "and the same command goes on from there."
        ) from error
    return paths


def _claim(folder: Path, wanted: dict[str, Any]) -> None:
    note = folder / MOVIES_NOTE
    if not note.exists():
        if any(folder.glob("movie*.tif")) or (folder / NOTE).exists():
            raise SBDError(f"{folder} holds something else; use a folder of its own for movies.")
        write_bytes(note, json.dumps(wanted).encode())
        return
    if read_note(note, "use another folder") != wanted:
        raise SBDError(
            f"{folder} holds movies of other frames, size, pixel or seed; choose another folder."
        )


def _write(path: Path, clip: Clip) -> None:
    from ..io import write

    write(Micrograph(clip.images, clip.pixel_nm), path)
    shifts, turns = clip.shifts, clip.turns
    rows = zip(range(len(turns)), *shifts.T, turns, clip.changed.astype(int), strict=True)
    _table(
        _beside(path, "frames"), ("frame", "shift_y_px", "shift_x_px", "turn_deg", "changed"), rows
    )
    every = [np.insert(c, 0, t, axis=1) for t, c in enumerate(clip.columns)]
    _table(_beside(path, "columns"), _COLUMNS, np.concatenate(every))


def _table(path: Path, names: tuple[str, ...], rows: Any) -> None:
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([[f"{value:.6g}" for value in row] for row in rows])


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.stem}_{what}.csv")
