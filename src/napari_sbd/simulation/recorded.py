"""A dataset or movies as a detector would have recorded them, beside the clean ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import Cancelled, SBDError
from ..files import read_note, write_bytes
from ..micrograph import Micrograph
from .detector import detect, detector_named

FOLDER = "recorded"
_KEY = 12  # of the chance that belongs to recordings


def check_recording(folder: Path, detector: str, dose: float, seed: int) -> dict[str, object]:
    """What a folder of recordings notes of itself, if it can be made or gone on with.

    Raises
    ------
    SBDError
        If there is no such detector, the dose is impossible, or the folder holds other recordings.
    """
    detector_named(detector)
    if not 0 < dose < np.inf:
        raise SBDError(f"A dose of {dose:g} electrons per pixel cannot be recorded.")
    wanted: dict[str, object] = {"detector": detector, "dose": dose, "seed": seed}
    note = folder / FOLDER / "recorded.json"
    if note.exists() and read_note(note, "move its folder away") != wanted:
        raise SBDError(
            f"{note.parent} holds recordings of another detector, dose or seed; move it away."
        )
    return wanted


def write_recordings(
    folder: Path,
    detector: str,
    dose: float = 0.45,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Write what a detector makes of every image, or of what has none yet.

    Parameters
    ----------
    folder
        A finished dataset, or a folder of simulated movies. The recordings go into its folder
        ``recorded``, with pixel size, gain and offset: ``00000.ome.tif`` for the first row of
        ``metadata.csv``, the movies under their own names.
    detector
        Name in ``simulation.detector.DETECTORS``.
    dose
        Electrons per pixel and frame, in vacuum or (ADF-STEM) on average.
    seed
        Recording i of a seed is the same whatever was there before.
    progress, should_stop
        Called with (done, total), asked after every image.

    Returns
    -------
    The paths.

    Raises
    ------
    SBDError
        As ``check_recording``, or if the folder holds neither or cannot be written.
    Cancelled
        If ``should_stop`` said so.
    """
    from ..io import write

    wanted, camera = check_recording(folder, detector, dose, seed), detector_named(detector)
    names, read = _contents(folder, dose)
    target = folder / FOLDER
    try:
        target.mkdir(exist_ok=True)
        write_bytes(target / "recorded.json", json.dumps(wanted).encode())
    except OSError as error:
        raise SBDError(f"{target} cannot be written: {error.strerror or error}.") from error
    paths = [target / f"{name}.ome.tif" for name in names]
    for i, path in enumerate(paths):
        if not path.exists():
            expected, pixel = read(i)
            values = detect(expected, camera, np.random.default_rng([seed, _KEY, i]))
            whole = values.astype(np.int32) if camera.counts else values
            made = Micrograph(whole, pixel, gain=camera.gain, offset=camera.offset)
            write(made, path)
        progress(i + 1, len(paths))
        if should_stop():
            raise Cancelled("Stopped; the same command goes on with what is there.")
    return paths


Read = Callable[[int], tuple[np.ndarray, float]]


def _contents(folder: Path, dose: float) -> tuple[list[str], Read]:
    """Names, and what reads the expected electrons of each, with the pixel size [nm]."""
    from ..io import read
    from .library import Library

    movies = sorted(folder.glob("movie[0-9]*.tif"))
    if not movies:
        library = Library(folder)
        return [f"{i:05d}" for i in range(len(library))], lambda i: (
            library.read_image(i, dose=dose),
            float(library.rows[i]["pixel_nm"]),
        )

    def movie(i: int) -> tuple[np.ndarray, float]:
        clean = read(movies[i])
        assert clean.pixel_size_yx is not None
        return np.asarray(clean.data) * dose, clean.pixel_size_yx[0]

    return [path.stem for path in movies], movie
