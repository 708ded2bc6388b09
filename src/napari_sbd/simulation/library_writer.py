"""Make a dataset in a folder, piece by piece, and go on where a run has ended.

    dataset.json        preset, seed and version that made it
    images/NAME.npz     the images of one exit wave, and the columns they show
    metadata.csv        one row per image; written last

Images are stored as 16-bit integers at the coarsest sampling that holds all their frequencies.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .. import cluster
from ..errors import Cancelled, SBDError
from ..files import read_note, write_bytes
from .presets import Piece, preset
from .wave_cache import one_thread

NOTE, MOVIES_NOTE = "dataset.json", "movies.json"  # what a folder holds of either kind
_STEP = 1e-4  # of the vacuum: what one unit of a stored image is worth, unless it is too bright


@dataclass(frozen=True)
class Summary:
    """What ``write_library`` did.

    Parameters
    ----------
    images, waves
        In the dataset.
    made
        Exit waves of them that were missing.
    damaged
        Names of files that were not whole and were made again.
    contrast
        Number of images of each contrast class, empty if the preset has none.
    """

    images: int
    waves: int
    made: int
    damaged: tuple[str, ...]
    contrast: dict[str, int]


def write_library(
    folder: Path,
    name: str,
    seed: int = 0,
    images: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Summary:
    """Simulate a dataset, or what is missing of it.

    Its files are the same for a seed whatever the number of workers and interruptions. Each is
    under its name only when complete; those already there are checked and kept if whole.

    Parameters
    ----------
    folder
        Made when absent.
    name
        Key of ``presets.PRESETS``.
    seed
        Of everything.
    images
        Only so many of the preset's images, chosen at random; a larger number later adds to them.
    workers
        Processes on this machine.
    scheduler
        Address of a dask.distributed cluster to use instead. Only this process writes, so its
        workers need no access to the folder.
    progress
        Called with (done, total) exit waves.
    should_stop
        Asked after every exit wave.

    Raises
    ------
    SBDError
        If preset or numbers are impossible, the folder holds another dataset or cannot be written,
        the disk is full, or workers are lost. Finished pieces remain.
    Cancelled
        If ``should_stop`` said so.
    """
    if seed < 0 or workers < 1 or (images is not None and images < 1):
        raise SBDError("A dataset needs a seed >= 0, workers >= 1 and images >= 1.")
    chosen = preset(name)
    pieces = chosen.pieces(seed, images)
    try:
        _claim(folder, {"preset": name, "seed": seed, "version": version("napari-sbd")})
        there = [p for p in pieces if _path(folder, p).exists()]
        whole = {p.name for p in there if _is_whole(_path(folder, p))}
        missing = [p for p in pieces if p.name not in whole]
        _check_room(folder, len(missing) * chosen.piece_bytes)
        progress(len(whole), len(pieces))
        drawn = cluster.run(packed, missing, workers, scheduler, preload=("torch",))
        try:
            for done, (piece, content) in enumerate(drawn, len(whole) + 1):
                write_bytes(_path(folder, piece), content)
                progress(done, len(pieces))
                if should_stop():
                    raise Cancelled("Stopped; the same command goes on with what is there.")
        finally:
            drawn.close()
        rows = [row for piece in pieces for row in _rows(folder, piece)]
        write_bytes(folder / "metadata.csv", _table(rows))
    except OSError as error:
        raise SBDError(
            f"{folder} cannot be written ({error.strerror or error}); what is finished is kept, "
            "and the same command goes on from there."
        ) from error
    damaged = tuple(_path(folder, p).name for p in there if p.name not in whole)
    contrast = Counter(row["contrast"] for row in rows if "contrast" in row)
    return Summary(len(rows), len(pieces), len(missing), damaged, dict(contrast))


def packed(piece: Piece) -> bytes:
    """Draw a piece and pack it as the content of its .npz file, the same wherever it runs."""
    with one_thread():
        drawn = piece.draw()
    scale = max(_STEP, float(drawn.images.max()) / 65535)
    arrays: dict[str, Any] = {
        "images": np.clip(np.rint(drawn.images / scale), 0, 65535).astype(np.uint16),
        "scale": scale,
    }
    for key in ("box_nm", "field_nm", "contrast"):
        if getattr(drawn, key) is not None:
            arrays[key] = np.array(getattr(drawn, key))
    if drawn.columns is not None:
        arrays["columns"] = drawn.columns.astype(np.float32)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _path(folder: Path, piece: Piece) -> Path:
    return Path(folder / piece.rows[0]["file"])


def _claim(folder: Path, wanted: dict[str, Any]) -> None:
    """Make the folder this dataset's own and clear what an interrupted run left half-written."""
    if (folder / MOVIES_NOTE).exists():
        raise SBDError(f"{folder} holds movies; use a folder of its own.")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for draft in [*folder.glob("*.part"), *folder.glob("images/*.part")]:
        draft.unlink(missing_ok=True)
    note = folder / NOTE
    if not note.exists():
        write_bytes(note, json.dumps(wanted, indent=1).encode())
    found = read_note(note, "use another folder")
    if found != wanted:
        raise SBDError(
            f"{folder} holds another dataset ({', '.join(map(str, found.values()))}); use a folder "
            "of its own."
        )


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SBDError(
            f"The images need about {needed / 1e9:.2g} GB and {folder} has {free / 1e9:.2g} GB "
            "free; make room, choose another folder or ask for fewer images."
        )


def _is_whole(path: Path) -> bool:
    """Whether an .npz file can be read and agrees with its checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and "images.npy" in archive.namelist()
    except (OSError, zlib.error, zipfile.BadZipFile):
        return False


def _rows(folder: Path, piece: Piece) -> list[dict[str, Any]]:
    """Metadata of a finished piece, with what only its images could tell."""
    with np.load(_path(folder, piece), allow_pickle=False) as arrays:
        if "contrast" not in arrays:
            return list(piece.rows)
        contrast = arrays["contrast"]
    return [{**row, "contrast": str(contrast[row["index"]])} for row in piece.rows]


def _table(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
