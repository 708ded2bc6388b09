"""Files and folders that appear under their name only when complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder that takes the place of ``path`` at the end.

    If the block raises, the temporary file goes away and an older ``path`` stays as it was.
    """
    temporary = _beside(path, "part")
    try:
        temporary.touch()
        yield temporary
        take_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Like ``replacing``, for a folder; the temporary one is still to be made."""
    temporary = _beside(path, "part")
    try:
        yield temporary
        take_place(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def take_place(finished: Path, path: Path) -> None:
    """Bring a file or folder to the disk and give it the name ``path``, in place of an older one.

    Raises
    ------
    OSError
        If that fails; the older one is then back under its name.
    """
    for file in sorted(finished.rglob("*")) if finished.is_dir() else [finished]:
        if file.is_file():
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
    if not path.is_dir():
        finished.replace(path)
        return
    older = _beside(path, "old")
    path.rename(older)
    try:
        finished.rename(path)
    except OSError:
        older.rename(path)
        raise
    shutil.rmtree(older)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{kind}")
