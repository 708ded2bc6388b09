"""Every format that is read or written, once: its suffixes, reader and row in the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Lazy = Literal["map", "frames", "memory"]
_LAZY = {"map": "memory map", "frames": "frame by frame", "memory": "no"}


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Parameters
    ----------
    name
        Of the format.
    suffixes
        That choose it; in lower case.
    reader
        Module of this room.
    library
        What reads it, with the version that was tested.
    pixels
        What of a file is read.
    calibration
        Where pixel size, frame time, gain and dose come from.
    lazy
        How large files are read.
    writes
        Suffixes that are written, too.
    tested
        Against what: the writer that is not ours, or the source of the bytes, and the test.
    rosetta
        The reader of RosettaSciIO, where that is needed.
    folder
        Whether it is, or may be, a folder.
    of_folders
        Whether such files in a folder of images are images.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str
    library: str
    pixels: str
    calibration: str
    lazy: Lazy
    tested: str
    writes: tuple[str, ...] = ()
    rosetta: str = ""
    folder: bool = False
    of_folders: bool = True

    @property
    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        return (
            self.name,
            ", ".join(f"`{s}`" for s in self.suffixes),
            self.pixels,
            self.calibration,
            _LAZY[self.lazy],
            ", ".join(f"`{s}`" for s in self.writes) or "no",
            self.library,
            self.tested,
        )


HEAD = (
    *("format", "suffixes", "pixels", "pixel size, frame time, gain, dose"),
    *("large files", "writes", "by", "tested against"),
)
_ROSETTA = "RosettaSciIO 0.15.0"

MRC = (".mrc", ".mrcs", ".st", ".ali", ".preali", ".rec", ".map")


def _rosetta(
    name: str, suffix: str, reader: str, pixels: str, calibration: str, tested: str,
    lazy: Lazy = "frames",
) -> Format:  # fmt: skip
    return Format(
        *(name, (suffix,), "rosetta", _ROSETTA, pixels, calibration, lazy, tested), rosetta=reader
    )


FORMATS = (
    Format(
        "DigitalMicrograph", (".dm3", ".dm4"), "dm",
        "own reader; writes through nionswift-io 15.5.0",
        "first image that is no thumbnail and no plot",
        "calibrations of the axes where they are lengths and times; brightness in electrons is "
        "gain and offset",
        "map", "nionswift-io's writer; files of GMS (`tests/io/test_read.py`, `test_truth.py`)",
        writes=(".dm4",),
    ),
    Format(
        "MRC", MRC, "mrc", "own reader with the tables of mrcfile 1.5.4",
        "modes 0, 1, 2, 6, 12 and 101 (4 bits), either byte order with or without a stamp",
        "see below; `NAME.mrc.mdoc` of SerialEM and `_info.txt` of Direct Electron beside",
        "map", "mrcfile's writer; bytes from IMOD's, FEI's and MRC2014's descriptions "
        "(`tests/io/test_mrc.py`, `test_beside.py`)",
        writes=(".mrc", ".mrcs"),
    ),
    Format(
        "MRC, compressed", (".mrc.gz", ".mrc.bz2"), "mrc", "own reader with gzip and bz2",
        "as MRC, into memory", "as MRC", "memory",
        "mrcfile's writer, gzip, bz2 (`tests/io/test_read.py`)",
    ),
    Format(
        "EER of Falcon 4 and 4i", (".eer",), "eer", "imagecodecs 2026.3.6, tifffile 2026.3.3",
        "frames of electron counts; `--super-resolution 2` or `4`",
        "`sensorPixelSize`; exposure over frames; gain 1, one count for an electron; doses in the "
        "metadata",
        "frames", "events coded from the specification in tifffile's container "
        "(`tests/io/test_eer.py`)",
    ),
    Format(
        "Gain reference of Falcon", (".gain",), "tiff", "tifffile 2026.3.3", "the reference",
        "none", "map", "tifffile's writer (`tests/io/test_eer.py`)", of_folders=False,
    ),
    Format(
        "StreamPix, Direct Electron", (".seq",), "seq", "own reader",
        "uncompressed monochrome frames of 8, 16 and 32 bits",
        "no pixel size; time stamps, where they are even", "frames",
        "bytes from NorPix' description; a file of Direct Electron (`tests/io/test_seq.py`)",
    ),
    Format(
        "TIA", (".ser",), "ser", "own reader", "image or series",
        "of the file, stored in m; time stamps, whole seconds, of a series of 100 s and more",
        "frames", "bytes from the format's description; files of TIA (`tests/io/test_truth.py`)",
    ),
    Format(
        "EMD, Velox", (".emd",), "emd", "own reader with h5py 3.16.0",
        "HAADF first, of other detectors by the alphabet; frames first",
        "`PixelSize`; exposure or scan time, longer where the time stamps say so", "frames",
        "files of Velox (`tests/io/test_emd.py`, `test_truth.py`)",
    ),
    Format(
        "EMD, Berkeley; Prismatic", (".emd", ".de5", ".h5", ".hdf5"), "emd",
        "own reader with h5py 3.16.0",
        "first image; several depths of a simulation are a stack",
        "axes `dim1`, `dim2`, ... by their names and units", "frames",
        "h5py's writer after the EMD description; files of ncempy and Prismatic "
        "(`tests/io/test_emd.py`)",
        writes=(".emd", ".h5", ".hdf5"),
    ),
    Format(
        "HyperSpy", (".hspy",), "hyperspy", "own reader with h5py 3.16.0 (`.hdf5`, `.h5` as well)",
        "first signal with two signal axes, or none and two axes; spectra are refused",
        "name, scale and unit of the axes; a scale without a unit is no calibration", "frames",
        "RosettaSciIO's writer (`tests/io/test_hyperspy.py`)",
    ),
    Format(
        "HyperSpy, Zarr", (".zspy",), "hyperspy", "own reader with zarr 3.1.6; folder or ZIP",
        "as HyperSpy", "as HyperSpy", "frames",
        "zarr's writer, laid out as RosettaSciIO's does (`tests/io/test_hyperspy.py`); files of "
        "HyperSpy 2.5.0 with zarr 2.18.7, by hand", folder=True,
    ),
    Format(
        "OME-Zarr", (".zarr",), "ome_zarr", "zarr 3.1.6", "finest level",
        "scales of the axes with units", "frames", "zarr's writer (`tests/io/test_zarr.py`)",
        writes=(".zarr",), folder=True,
    ),
    Format(
        "TIFF", (".tif", ".tiff"), "tiff", "tifffile 2026.3.3, imagecodecs 2026.3.6",
        "largest grey image or stack",
        "of OME, ImageJ or the vendor, see below; `NAME.tif.mdoc` of SerialEM beside", "map",
        "tifffile's writer; files of the vendors (`tests/io/test_tiff.py`)",
        writes=(".ome.tif", ".ome.tiff", ".tif", ".tiff"),
    ),
    Format(
        "NumPy", (".npy",), "npy", "numpy", "image or movie",
        "`.npy.json` beside it, written for this very array", "map",
        "numpy's writer (`tests/io/test_read.py`)", writes=(".npy",),
    ),
    Format(
        "PNG", (".png",), "png", "Pillow 13.0.0", "grey values", "none", "memory",
        "Pillow's writer (`tests/io/test_read.py`)",
    ),
    _rosetta("Merlin", ".mib", "quantumdetector", "image or frames",
             "no pixel size; time stamps, where they are even",
             "files of Merlin (`tests/io/test_rosetta.py`)"),
    _rosetta("TVIPS", ".tvips", "tvips", "frames (`NAME_000.tvips`)",
             "whole nm below 1 µm (larger ones are those of the silicon); time stamps, where they "
             "are even",
             "RosettaSciIO's writer (`tests/io/test_rosetta.py`)"),
    _rosetta("TIA with its `.ser`", ".emi", "tia", "first image", "of the `.ser`",
             "files of TIA (`tests/io/test_rosetta.py`)"),
    _rosetta("JEOL", ".img", "jeol", "image", "magnification", "bytes as the source of its reader "
             "has them; not a file of JEOL (`tests/io/test_rosetta.py`)", "memory"),
    _rosetta("Bruker", ".bcf", "bruker", "first image, no spectra", "of the file",
             "its source was read; not on a file (`tests/io/test_rosetta.py`)", "memory"),
    _rosetta("Panta Rhei", ".prz", "pantarhei", "image or stack", "of versions 24.03 and later",
             "RosettaSciIO's writer (`tests/io/test_rosetta.py`)", "memory"),
    _rosetta("Semper", ".unf", "semper", "image or stack", "only where x and y agree (see below)",
             "RosettaSciIO's writer (`tests/io/test_rosetta.py`)"),
    _rosetta("Ripple", ".rpl", "ripple", "image or stack, with its `.raw`", "of the file",
             "RosettaSciIO's writer (`tests/io/test_rosetta.py`)"),
    _rosetta("NeXus", ".nxs", "nexus", "first image", "of the axes",
             "RosettaSciIO's writer (`tests/io/test_rosetta.py`)"),
    _rosetta("NanoMegas", ".blo", "blockfile", "only where the scan was one line or one point",
             "of the file", "RosettaSciIO's writer (`tests/io/test_rosetta.py`)"),
)  # fmt: skip
"""The rows, in the order of the table; of two that share a suffix and a reader either may read."""


@dataclass(frozen=True)
class NotRead:
    """A format that one may look for here.

    Parameters
    ----------
    name, suffixes
        As of ``Format``.
    why, remedy
        Of the sentence that refuses it.
    """

    name: str
    suffixes: tuple[str, ...]
    why: str
    remedy: str

    @property
    def sentence(self) -> str:
        """What is said of such a file."""
        return f"{self.why}; {self.remedy}."

    @property
    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        names = ", ".join(f"`{s}`" for s in self.suffixes)
        return self.name, names, "**not read**", self.remedy, "no", "no", "none", self.why


_NOT_READ = (
    NotRead(
        "Gatan's in-situ cameras", (".gtg", ".bin"),
        "raw data of Gatan's in-situ cameras (.gtg with .bin) are not read, for want of files of "
        "known content to test a reader on",
        "save the movie from DigitalMicrograph as .dm4, or as .mrc",
    ),
    NotRead(
        "numbers without a header", (".raw",),
        "numbers without a header do not say what they are",
        "describe them in a Ripple header (NAME.rpl beside them) and give that, or save them as "
        "TIFF or MRC",
    ),
)  # fmt: skip
NOT_READ = {suffix: one.sentence for one in _NOT_READ for suffix in one.suffixes}
"""What is said of suffixes that no reader takes."""


def readers(*, folders: bool | None = None, rosetta: bool = False) -> dict[str, str]:
    """The module that reads a suffix.

    Parameters
    ----------
    folders
        True gives formats that may be folders, False those of files only, None both.
    rosetta
        Whether to give the readers of RosettaSciIO, which are its own, in place of modules.
    """
    return {
        suffix: f.rosetta or f.reader
        for f in FORMATS
        if bool(f.rosetta) == rosetta and folders in (None, f.folder)
        for suffix in f.suffixes
    }


def writers() -> dict[str, str]:
    """The module that writes a suffix."""
    return {suffix: f.reader for f in FORMATS for suffix in f.writes}


def markdown() -> str:
    """The table of the documentation."""
    lines = [HEAD, ("---",) * len(HEAD), *(f.row for f in (*FORMATS, *_NOT_READ))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
