"""Files and folders that appear under their name only when complete, and are known again."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import SBDError, reason_of

if TYPE_CHECKING:
    from filelock import BaseFileLock

_noted: ContextVar[list[Path] | None] = ContextVar("noted", default=None)
_NAMED = 3  # files that are told by name
_LOCK = ".napari-sbd.lock"
_LONG_NAME = 100  # bytes; systems end names at 255 bytes, Windows paths at 260


@contextmanager
def replacing(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path in the same folder that takes the place of ``path`` at the end.

    If the block raises, the temporary file goes away and an older ``path`` stays as it was. At the
    end the older one goes away, or gets the name ``keep``.
    """
    temporary = _beside(path, "part")
    try:
        temporary.touch()
        yield temporary
        _sync(temporary)
        if keep is not None and path.exists():
            path.replace(keep)
        temporary.replace(path)
        _note(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def noting() -> Iterator[list[Path]]:
    """Collect the paths of the files and folders that this thread completes meanwhile."""
    noted: list[Path] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def some_of(names: Sequence[str]) -> str:
    """Names of files in words, of many the first ones and how many more."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _note(path: Path) -> None:
    noted = _noted.get()
    if noted is not None and path not in noted:
        noted.append(path)


@contextmanager
def writing(path: Path, what: str) -> Iterator[Path]:
    """Like ``replacing``, for what a user asked to be written.

    Raises
    ------
    SBDError
        If it cannot be, with the name of what it is and where.
    """
    check_folder(path)
    try:
        with replacing(path) as draft:
            yield draft
    except OSError as error:
        raise SBDError(f"The {what} cannot be written to {path}: {reason_of(error)}.") from error


def held(folder: Path) -> BaseFileLock:
    """Keep other batches and watches from a folder, which is made where it is missing.

    Raises
    ------
    SBDError
        If another one writes there, or the folder cannot be written.
    """
    with written_at(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return locked(
            folder / _LOCK,
            lambda: (
                f"Another batch or watch writes into {folder}; end it, or choose another folder."
            ),
        )


def locked(path: Path, refusal: Callable[[], str]) -> BaseFileLock:
    """Take a lock, whose file stays.

    The system takes it from a process that ends, however it ends.

    Raises
    ------
    SBDError
        With the sentence of ``refusal``, if another process has it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise SBDError(refusal()) from None
    return lock


@contextmanager
def written_at(path: Path) -> Iterator[None]:
    """Say in a sentence where something cannot be written, and why."""
    try:
        yield
    except OSError as error:
        raise SBDError(
            f"{path} cannot be written ({reason_of(error)}); make room, or check the rights "
            "of its folder."
        ) from error


class Table:
    """Comma-separated values, each line of which is whole and on the disk before it counts.

    Parameters
    ----------
    path
        In a folder that is made where it is missing.
    columns
        Their names, the first line.
    go_on
        Whether lines are added to those that are there.
    begins_with
        Lines that a new table begins with.

    Raises
    ------
    SBDError
        If it cannot be written, now or with a line; also where it is not there any more.
    """

    def __init__(
        self,
        path: Path,
        columns: Iterable[str],
        go_on: bool = False,
        begins_with: Iterable[Iterable[Any]] = (),
    ) -> None:
        self.path = path
        with written_at(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            held = path.read_bytes() if go_on and path.exists() else b""
            if not held:  # an older one stays until there is room for this
                write_bytes(path, b"".join(map(_line, (columns, *begins_with))))
        if held and not held.endswith(b"\n"):  # a program was killed there
            self._write(b"\r\n")

    def add(self, values: Iterable[Any]) -> None:
        """Add a line."""
        self._write(_line(values))

    def _write(self, line: bytes) -> None:
        # opened anew each time, since a drive may have vanished and come back; never made anew, as
        # it would have no first line and none of the older ones
        with written_at(self.path), self.path.open("r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(end)
                raise


def _line(values: Iterable[Any]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(values)
    return line.getvalue().encode()


def with_suffix_of(path: str | Path, what: str, suffixes: tuple[str, ...]) -> Path:
    """A path whose suffix is one of those that a kind of file can have.

    Raises
    ------
    SBDError
        If it is none of them, before any work is done.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        known = ", ".join(suffixes[:-1]) + f" or {suffixes[-1]}"
        raise SBDError(f"A {what} is a {known} file; {path.name!r} is none.")
    return path


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
            _sync(file)
    if not path.is_dir():
        finished.replace(path)
        _note(path)
        return
    older = _beside(path, "old")
    path.rename(older)
    try:
        finished.rename(path)
    except OSError:
        older.rename(path)
        raise
    _note(path)
    shutil.rmtree(older)


def read_note(path: Path, remedy: str) -> Any:
    """What a folder notes of itself as JSON.

    Raises
    ------
    SBDError
        If it is damaged, with what to do then.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise SBDError(f"{path} is damaged; {remedy}.") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is under its name only when complete and on the disk.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; nothing is left behind then.
    """
    with replacing(path) as draft:
        draft.write_bytes(content)


def check_folder(path: Path, *inputs: Path | None) -> None:
    """Refuse a path in a folder that is missing or cannot be written, before any work is done; that
    of an input, which would be lost; and one inside of a Zarr store, among its data.

    Raises
    ------
    SBDError
        With the name of folder or file.
    """
    if any(one is not None and path.resolve() == one.resolve() for one in inputs):
        raise SBDError(f"The output {path} is also an input; choose another name.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise SBDError(f"There is no folder {folder}; create it first.")
    if store := next(filter(is_store, (folder, *folder.parents)), None):
        raise SBDError(f"{store} is a Zarr store, no folder for other files; choose another.")
    if not os.access(folder, os.W_OK):
        raise SBDError(f"{path} cannot be written; check the rights of its folder.")


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def checksum(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_checksum(path: str | Path) -> str | None:
    """SHA-256 of a file, read once as long as it does not change; None where it cannot be read."""
    try:
        state = os.stat(path)
        return _checksum(str(path), state.st_size, state.st_mtime_ns)
    except OSError:
        return None


def is_whole(path: Path) -> bool:
    """Whether a zip archive, such as an .npz file, is there and agrees with its checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _sync(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


@lru_cache(maxsize=1024)
def _checksum(path: str, size: int, changed: int) -> str:
    return checksum(Path(path))


def _beside(path: Path, kind: str) -> Path:
    """A name that nobody else has, of a length that the system allows as well."""
    name = path.name
    if len(os.fsencode(name)) > _LONG_NAME:  # letters of some scripts take three or four
        name = f"{name[: _LONG_NAME // 2]}-{zlib.crc32(name.encode()):08x}"
    return path.with_name(f".{name}.{os.getpid()}.{kind}")
