"""A folder of exit waves, filled by several processes and resumed at any moment."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .. import cluster
from ..errors import Cancelled, SBDError, stopping, warn
from ..files import is_whole, replacing
from .dataset import Wave, simulate_wave
from .scenes import Scene, simulate_scene

_logger = logging.getLogger(__name__)

Item = TypeVar("Item")

_SHARED = "torch", __name__  # what processes that simulate need and take long to import


def make_waves(
    folder: Path,
    count: int,
    mixture: dict[str, float],
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **what: Any,
) -> None:
    """Fill a folder with exit waves; those already there and whole are kept.

    Parameters
    ----------
    folder
        Made when absent.
    count
        How many waves there shall be.
    mixture
        Share of each kind of structure.
    seed
        Wave i of a seed is the same whatever the number of workers.
    workers
        Processes.
    progress
        Called with (done, total).
    should_stop
        Asked several times a second.
    **what
        ``materials``, ``zones`` and ``microscope`` of ``simulate_wave``.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    """
    job = partial(_make_wave, folder, mixture, seed, **what)
    _fill(folder, count, job, workers, progress, should_stop)


def make_scenes(
    folder: Path,
    count: int,
    mixture: dict[str, float],
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Fill a folder with scenes of several states; arguments and errors as ``make_waves``."""
    job = partial(_make_scene, folder, mixture, seed)
    _fill(folder, count, job, workers, progress, should_stop)


def _fill(
    folder: Path,
    count: int,
    job: Callable[[int], None],
    workers: int,
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool],
) -> None:
    """Do the job of each number whose file is not there and whole."""
    folder.mkdir(parents=True, exist_ok=True)
    there = [i for i in range(count) if _wave_path(folder, i).exists()]
    whole = {i for i in there if is_whole(_wave_path(folder, i))}
    if len(whole) < len(there):
        damaged = len(there) - len(whole)
        warn(f"{damaged} damaged exit waves in {folder} are made again.")
    missing = [i for i in range(count) if i not in whole]
    _logger.debug("%d of %d are in %s already", len(whole), count, folder)
    before = count - len(missing)
    told = progress or (lambda done, total: None)
    simulate_all(job, missing, workers, lambda done: told(before + done, count), should_stop)


def simulate_all(
    job: Callable[[Item], object],
    items: Sequence[Item],
    workers: int,
    told: Callable[[int], object],
    should_stop: Callable[[], bool],
) -> None:
    """Do a job of a module for each item, on processes of one thread each.

    Parameters
    ----------
    job, items
        The job leaves what it makes in a file.
    workers
        Processes.
    told
        Called with how many are done.
    should_stop
        Asked several times a second.

    Raises
    ------
    Cancelled
        Within two seconds of when ``should_stop`` says so; what is finished is kept.
    SBDError
        If a process is lost.
    """
    if not items:
        return
    task = partial(_on_one_thread, job)
    try:
        with (
            stopping(should_stop),
            closing(cluster.run(task, items, workers, preload=_SHARED)) as run,
        ):
            for done, _ in enumerate(run, 1):
                told(done)
    except Cancelled:
        raise Cancelled(
            "Stopped while simulating; the same command goes on with what is there."
        ) from None


def _on_one_thread(job: Callable[[Item], object], item: Item) -> None:
    with one_thread():
        job(item)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: sums may depend on their number, and workers share the cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def load_waves(folder: Path) -> list[Wave]:
    """Read every wave of a folder, in order.

    Raises
    ------
    SBDError
        If there is none, or a file is damaged.
    """
    return [_load_wave(path) for path in _paths(folder)]


def load_scenes(folder: Path) -> list[Scene]:
    """Read every scene of a folder, in order; errors as ``load_waves``."""
    return [_load_scene(path) for path in _paths(folder)]


def _paths(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("wave*.npz"))
    if not paths:
        raise SBDError(f"No exit waves in {folder}; run napari-sbd train to make some.")
    return paths


def _wave_path(folder: Path, index: int) -> Path:
    return folder / f"wave{index:06d}.npz"


def _make_wave(folder: Path, mixture: dict[str, float], seed: int, index: int, **what: Any) -> None:
    wave = simulate_wave(*_drawn(mixture, seed, index), **what)
    save_arrays(
        _wave_path(folder, index),
        psi=np.stack([wave.psi.real, wave.psi.imag]).astype(np.float16),
        box=wave.box,
        kilovolt=wave.kilovolt,
        kind=wave.kind,
        columns=wave.columns.astype(np.float32),
    )


def _make_scene(folder: Path, mixture: dict[str, float], seed: int, index: int) -> None:
    scene = simulate_scene(*_drawn(mixture, seed, index))
    first = scene.states[0]
    psi = np.stack([wave.psi for wave in scene.states])
    columns = {f"columns{i}": w.columns.astype(np.float32) for i, w in enumerate(scene.states)}
    save_arrays(
        _wave_path(folder, index),
        psi=np.stack([psi.real, psi.imag]).astype(np.float16),
        box=first.box,
        kilovolt=first.kilovolt,
        kind=first.kind,
        ordered=scene.ordered,
        **columns,
    )


def _drawn(mixture: dict[str, float], seed: int, index: int) -> tuple[str, int]:
    """Kind and seed of the structure of this number."""
    rng = np.random.default_rng([seed, 0, index])
    shares = np.array(list(mixture.values()))
    kind = str(rng.choice(list(mixture), p=shares / shares.sum()))
    return kind, int(rng.integers(2**31))


def save_arrays(path: Path, **arrays: Any) -> None:
    """Write an .npz file that is under its name only when complete.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; nothing is left behind then.
    """
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def _load_wave(path: Path) -> Wave:
    try:
        with np.load(path, allow_pickle=False) as z:
            re, im = z["psi"].astype(np.float32)
            scalars = float(z["box"]), float(z["kilovolt"]), str(z["kind"])
            return Wave((re + 1j * im).astype(np.complex64), *scalars, z["columns"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SBDError(f"{path} is damaged; delete it and run the training again.") from error


def _load_scene(path: Path) -> Scene:
    try:
        with np.load(path, allow_pickle=False) as z:
            re, im = z["psi"].astype(np.float32)
            scalars = float(z["box"]), float(z["kilovolt"]), str(z["kind"])
            waves = [
                Wave(psi, *scalars, z[f"columns{i}"])
                for i, psi in enumerate((re + 1j * im).astype(np.complex64))
            ]
            return Scene(waves, bool(z["ordered"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SBDError(f"{path} is damaged; delete it and run the training again.") from error
