"""EMD and HDF5 files: one reader for the two layouts that are called EMD."""

from __future__ import annotations

from pathlib import Path

from ..errors import SBDError
from ..micrograph import Micrograph
from . import berkeley, velox
from .hdf5 import opened


def read(path: Path) -> Micrograph:
    """Read the image of a Velox or Berkeley EMD file, or of an HDF5 file that we wrote."""
    with opened(path) as file:
        for layout in (velox, berkeley):
            m = layout.read(file)
            if m is not None:
                return m
    raise SBDError(
        "there is no image in this HDF5 file, neither as Velox nor as Berkeley EMD lays it out; "
        "export it as TIFF or MRC."
    )


def write(m: Micrograph, path: Path) -> None:
    """Write a Berkeley EMD file, frame by frame."""
    berkeley.write(m, path)
