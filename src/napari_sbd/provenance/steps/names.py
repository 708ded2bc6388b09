"""Names of files in scripts and commands."""

from __future__ import annotations

import re
from pathlib import Path

NO_FILE = "image.tif"


def output_name(path: str | None, ending: str) -> str:
    """A name in the working folder for what is made of a file; of a path only the name counts."""
    from ...io import stem

    file = Path(re.split(r"[/\\]", path or NO_FILE)[-1])
    known = re.search(r"\.nii(\.gz)?$", file.name, re.IGNORECASE)
    name = file.name[: known.start()] if known else stem(file)
    return re.sub(r"[^\w. -]", "_", name) + ending


def is_series_file(path: str | None) -> bool:
    """Whether a path is that of a NIfTI file, which is read and written as a series."""
    from ...series.files import is_nifti

    return path is not None and is_nifti(Path(path))
