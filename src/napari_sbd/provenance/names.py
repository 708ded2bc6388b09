"""What scripts and commands have in common."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import SBDError

NO_FILE = "image.tif"
TUNING_DEFAULTS = {"loss": "auto", "steps": 100, "frames": "reference", "tune": "gains"}


def output_name(path: str | None, ending: str) -> str:
    """A name in the working folder for what is made of a file; of a path only the name counts."""
    from ..io import stem

    file = Path(re.split(r"[/\\]", path or NO_FILE)[-1])
    known = re.search(r"\.nii(\.gz)?$", file.name, re.IGNORECASE)
    name = file.name[: known.start()] if known else stem(file)
    return re.sub(r"[^\w. -]", "_", name) + ending


def is_series_file(path: str | None) -> bool:
    """Whether a path is that of a NIfTI file, which is read and written as a series."""
    from ..series.files import is_nifti

    return path is not None and is_nifti(Path(path))


def frames_slice(frames: str, shape: tuple[int, ...]) -> slice:
    """The frames that ``--frames`` chose.

    Raises
    ------
    SBDError
        If the image is no movie.
    """
    if len(shape) != 3:
        raise SBDError("The recipe chooses frames of a movie, and this is a single image.")
    first, colon, last = frames.partition(":")
    start = int(first) if first else None
    if not colon:
        return slice(start, (start or 0) + 1 or None)
    return slice(start, int(last) if last else None)
