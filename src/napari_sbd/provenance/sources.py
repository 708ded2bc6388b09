"""The file that a recipe begins with, or that holds its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import SBDError
from ..files import file_checksum
from ..micrograph import Micrograph
from ..series.stack import Series
from .steps.plain import Origin

_FOLDERS = (".zarr", ".zspy")  # that hold an image


def read_source(path: Path, **reading: Any) -> Micrograph | Series:
    """Read an image or movie as a micrograph, as ``read`` is told; a NIfTI stack as a series."""
    from ..series.files import is_nifti, read_series

    if is_nifti(path):
        return read_series(path)
    from ..io import read

    return read(path, **reading)


def image_of(result: Any) -> Any:
    """The image, movie or series that a result is, or that its file holds; else None."""
    if hasattr(result, "metadata") or isinstance(result, dict):
        return result if hasattr(result, "metadata") else None
    from ..columns.export import is_table
    from ..io import READ_SUFFIXES
    from .steps.names import is_series_file

    path = Path(result).absolute()
    kind = path.suffix.lower()
    comparable = (kind in (*READ_SUFFIXES, ".zarr") and kind != ".png") or is_series_file(str(path))
    return read_source(path) if comparable and not is_table(path) else None


def found(origin: Origin, folder: Path | None) -> Path:
    """Where a file of a recipe is: at its own path, or beside the result.

    Raises
    ------
    SBDError
        If it is at neither.
    """
    places = [Path(origin.path)]
    if folder is not None:
        places.append(folder / places[0].name)
    for place in places:
        if place.is_file() or (place.is_dir() and place.suffix.lower() in _FOLDERS):
            return place
    raise SBDError(f"The source {origin.path} is not there any more; give the file as the source.")


def intact(origin: Origin | None, path: Path | None) -> bool | None:
    """Whether a file still has the checksum of the recipe; None where that cannot be told."""
    if origin is None or origin.sha256 is None or path is None:
        return None
    return file_checksum(path) == origin.sha256
