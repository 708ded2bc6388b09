"""EMD and HDF5 files: one reader for the two layouts that are called EMD, and HyperSpy's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..errors import SBDError
from ..micrograph import Micrograph
from . import berkeley, hyperspy, velox
from .hdf5 import load, opened


def read(path: Path) -> Micrograph:
    """Read the image of a Velox or Berkeley EMD file, or of HyperSpy's or our HDF5."""
    with opened(path) as file:
        for layout in (velox.read, berkeley.read, partial(hyperspy.from_groups, load_data=load)):
            m = layout(file)
            if m is not None:
                return m
    raise SBDError(
        "there is no image in this HDF5 file as Velox, Berkeley EMD, Prismatic or HyperSpy lay it "
        "out; export it as TIFF or MRC."
    )


def write(m: Micrograph, path: Path) -> None:
    """Write a Berkeley EMD file, frame by frame."""
    berkeley.write(m, path)
