"""Series in files: NIfTI with its gradient table, and every stack that ``read`` knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from ..errors import SBDError
from ..files import check_folder, file_checksum
from ..io import check_readable, check_writable, read, write
from .model import model_path
from .stack import Series, as_series, to_micrograph

_NIFTI = (".nii", ".nii.gz")


def read_series(path: str | os.PathLike[str]) -> Series:
    """Read a stack; NIfTI with NAME.bval and NAME.bvec beside it, where they are.

    Parameters
    ----------
    path
        A NIfTI file, which needs the optional package nibabel, or what ``read`` takes.

    Returns
    -------
    Volumes or frames first; large data stay on disk until they are used.

    Raises
    ------
    SBDError
        If the file cannot be used.

    Examples
    --------
    >>> sbd.write_series(sbd.Series(np.ones((5, 8, 8))), "stack.nii.gz")
    >>> sbd.read_series("stack.nii.gz").length
    5
    """
    path = Path(path).absolute()
    if not is_nifti(path):
        return as_series(read(path))
    check_readable(path)
    from . import nifti

    return nifti.read(path)


def read_mask(path: str | os.PathLike[str]) -> Any:
    """Read the mask of a stack: NIfTI, or what ``read`` takes.

    Returns
    -------
    (Z, Y, X) or (Y, X); what is not zero lies in the mask.

    Raises
    ------
    SBDError
        If the file cannot be used.
    """
    path = Path(path).absolute()
    if not is_nifti(path):
        return read(path).data
    check_readable(path)
    from . import nifti

    return nifti.read_mask(path)


def named_mask(mask: Any) -> tuple[dict[str, Any] | Literal[False] | None, Any]:
    """What a recipe says of a mask, as ``provenance.steps.series`` has it, and the array."""
    if isinstance(mask, (str, Path)):
        path = Path(mask).absolute()
        return {"path": str(path), "sha256": file_checksum(path)}, read_mask(path)
    return (False if mask is None else None), mask


def write_series(series: Series, path: str | os.PathLike[str]) -> None:
    """Write a stack; the suffix chooses the format.

    Parameters
    ----------
    series
        Of any origin; NIfTI files keep header and gradient table of a NIfTI source.
    path
        .nii, .nii.gz, or for stacks (N, Y, X) what ``write`` takes.

    Raises
    ------
    SBDError
        If the suffix is unknown, the folder cannot be written, the format cannot hold the stack,
        or the path is the stack's own source.

    Examples
    --------
    >>> sbd.write_series(sbd.Series(np.ones((5, 8, 8))), "stack.nii.gz")
    """
    path = Path(path).absolute()
    check_target(path, len(series.grid))
    if series.source is not None and path.exists() and path.samefile(series.source):
        raise SBDError(f"{path} is the raw file that this stack came from; choose another name.")
    if is_nifti(path):
        from . import nifti

        nifti.write(series, path)
    else:
        write(to_micrograph(series), path)


def write_map(values: Any, of: Series, path: str | os.PathLike[str]) -> None:
    """Write a map (Y, X) or (Z, Y, X) of a stack's voxels at their place, uint8 or float32.

    Raises
    ------
    SBDError
        As ``write_series``.
    """
    path = Path(path).absolute()
    check_target(path, len(of.grid))
    if is_nifti(path):
        from . import nifti

        nifti.write_map(values, of, path)
    else:
        origin = to_micrograph(of)
        write(origin.replace(data=values, gain=None, offset=0.0, metadata={}), path)


def check_target(path: Path, axes: int) -> None:
    """Refuse a path that ``write_series`` could not write to, before any work is done.

    Parameters
    ----------
    path
        The file to be.
    axes
        Of space, 2 or 3.
    """
    if is_nifti(path):
        check_folder(path)
        return
    check_writable(path)
    if axes != 2:
        raise SBDError(f"A stack (N, Z, Y, X) is written as .nii or .nii.gz, not {path.suffix!r}.")


def check_model_target(path: Path) -> None:
    """Refuse a path that no model could be saved under, before any work is done."""
    check_folder(model_path(path))


def is_nifti(path: Path) -> bool:
    """Whether the name is that of a NIfTI file."""
    return path.name.lower().endswith(_NIFTI)
