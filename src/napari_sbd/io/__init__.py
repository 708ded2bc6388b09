"""Electron-microscopy files: ``read`` gives a Micrograph, ``write`` keeps its calibration.

The format libraries are imported on first use.
"""

from __future__ import annotations

import logging
import os
import struct
import tokenize
import zlib
from importlib import import_module
from numbers import Integral
from pathlib import Path
from typing import Any

from ..errors import SBDError, reason_of
from ..files import check_folder, is_store
from ..micrograph import Micrograph
from ..micrograph.foreign import micrograph_of
from ..recipe import CHOSEN
from .formats import FORMATS, MRC, readers, writers

_COMPRESSED = (".gz", ".bz2")
_READERS = readers()
_WRITERS = writers()
_FOLDERS = readers(folders=True)  # a .zspy may also be a ZIP archive
_WITH_TEXTS = ("mrc", "tiff", "seq")  # whose acquisition software writes one beside
_STREAMED = {
    ".zarr": "ome_zarr",
    ".tif": "tiff_frames",
    ".tiff": "tiff_frames",
    ".mrc": "mrc",
    ".mrcs": "mrc",
}
# What damaged files end in. Any other error is a fault of this program and goes on as it is.
_DAMAGED = (
    *(OSError, EOFError, ValueError, LookupError, struct.error, zlib.error),
    *(tokenize.TokenError, SyntaxError),  # of numpy's header; of PNG, as Pillow says it
)
_LIBRARIES = ("PIL", "h5py", "lzma", "numcodecs", "tifffile", "xml", "zarr")
_logger = logging.getLogger(__name__)
SUPER_RESOLUTIONS = (1, 2, 4)
"""Pixels of the image for one of the detector along each axis, of files of electron events."""
_OME = (".ome.tif", ".ome.tiff", ".ome.zarr")
READ_SUFFIXES = tuple(
    dict.fromkeys(
        suffix
        for f in FORMATS
        if f.of_folders and not (f.folder or f.rosetta)
        for suffix in f.suffixes
    )
)
"""Suffixes of image files that need no optional package; ``.zarr`` is a folder."""
WRITE_SUFFIXES = tuple(suffix for suffix in _WRITERS if suffix not in _FOLDERS)

__all__ = [
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "check_readable",
    "check_writable",
    "frame_writer",
    "is_readable",
    "read",
    "stem",
    "write",
]


def read(
    path: str | os.PathLike[str], *, sum_frames: int = 1, super_resolution: int = 1
) -> Micrograph:
    """Read an image or movie; the suffix chooses the format.

    DM3, DM4, MRC, SER, EMD (Velox, Berkeley, Prismatic), HyperSpy's HDF5 and Zarr files, our HDF5,
    TIFF, OME-Zarr, NPY and PNG are read without other packages; some more through RosettaSciIO
    where it is installed. Large data stay on disk until they are used.

    Parameters
    ----------
    path
        The file.
    sum_frames
        Frames of a movie that are added to one, when they are used.
    super_resolution
        1, 2 or 4 pixels for one of the detector along each axis, of files that tell where in its
        pixel each electron was seen (EER).

    Returns
    -------
    Micrograph
        Values as the file has them, frames first; pixel size [nm] and frame time [s] or None.

    Raises
    ------
    SBDError
        If there is no such file, it is damaged, cut short or holds no grey-scale image, has fewer
        frames than a sum, or does not tell places that finely.

    Examples
    --------
    >>> sbd.write(noisy, "noisy.ome.tif")
    >>> m = sbd.read("noisy.ome.tif")
    >>> m.shape, m.pixel_size
    ((96, 96), 0.03)
    """
    path = Path(path).absolute()
    check_readable(path)
    name = _READERS.get(_suffix(path), "rosetta")
    chosen = choices(sum_frames, super_resolution)
    _logger.debug("%s is read by %s", path, name)
    try:
        m = _read(path, name, super_resolution)
        m = m if sum_frames == 1 else import_module(".sums", __name__).summed(m, sum_frames)
    except SBDError as err:
        raise SBDError(f"{path.name}: {err}") from err
    except ImportError as err:
        raise SBDError(f"{path.name} needs another package; pip install {err.name}.") from err
    except MemoryError as err:
        raise SBDError(f"{path.name} does not fit into memory; crop it or split it.") from err
    except Exception as err:
        if not _is_damage(err):
            raise
        raise SBDError(
            f"{path.name} cannot be read as {path.suffix or 'an image'}: it is damaged, cut short "
            "or of another format than its suffix says; copy it again or correct the suffix."
        ) from err
    told = {CHOSEN: chosen} if chosen else {}
    return m.replace(name=stem(path), source=path, metadata={**m.metadata, **told})


def _read(path: Path, reader: str, super_resolution: int) -> Micrograph:
    options = {}
    if reader == "eer":
        options["super_resolution"] = super_resolution
    elif super_resolution != 1:
        raise SBDError(
            "it does not tell where in a pixel each electron was seen, as EER files do; leave the "
            "super-resolution out."
        )
    m: Micrograph = import_module(f".{reader}", __name__).read(path, **options)
    if reader in _WITH_TEXTS:
        m = import_module(".beside", __name__).with_text(m, path)
    return m


def choices(sum_frames: int = 1, super_resolution: int = 1) -> dict[str, int]:
    """What was chosen of how to read a file, as recipes keep it; empty for a file as it is.

    Raises
    ------
    SBDError
        If a choice makes no sense for any file.
    """
    if not isinstance(sum_frames, Integral) or sum_frames < 1:
        raise SBDError(
            f"The number of frames to sum is a whole number from 1 up, not {sum_frames}."
        )
    if super_resolution not in SUPER_RESOLUTIONS:
        raise SBDError(f"The super-resolution is 1, 2 or 4, not {super_resolution}.")
    chosen = {"sum_frames": int(sum_frames), "super_resolution": int(super_resolution)}
    return {name: value for name, value in chosen.items() if value != 1}


def write(m: Micrograph | Any, path: str | os.PathLike[str]) -> None:
    """Write an image or movie; the suffix chooses the format.

    Calibration, frame time, gain, offset and the recipe under ``metadata["napari_sbd"]`` go with
    the pixels. The file appears under its name only when complete; an older one stays until then.

    Parameters
    ----------
    m
        A Micrograph, an image of another program (``foreign``), or an array without calibration.
    path
        .ome.tif, .tif (as ImageJ reads it where the type allows), .mrc, .mrcs, .dm4, .emd, .h5,
        .hdf5, .npy (with a .npy.json beside it) or .zarr (an OME-Zarr folder).

    Raises
    ------
    SBDError
        If the suffix is unknown, the folder is missing or not writable, the format cannot hold the
        values, or the path is the image's own source.

    Examples
    --------
    >>> sbd.write(denoised, "denoised.ome.tif")
    >>> sbd.read("denoised.ome.tif").pixel_size
    0.03
    """
    if not isinstance(m, Micrograph):
        m = micrograph_of(m) or Micrograph(m)
    path = Path(path).absolute()
    check_writable(path)
    if m.source is not None and path.exists() and m.source.exists() and path.samefile(m.source):
        raise SBDError(f"{path} is the raw file that this image came from; choose another name.")
    writer = import_module(f".{_WRITERS[path.suffix.lower()]}", __name__)
    try:
        writer.write(m, path.resolve())
    except OSError as err:
        busy = isinstance(err, PermissionError) and path.exists()
        remedy = (
            "where another program or window has it open, close it there, or choose another name"
            if busy
            else "check the rights and the free space of its folder"
        )
        raise SBDError(f"{path} cannot be written ({reason_of(err)}); {remedy}.") from err


def frame_writer(path: Path) -> Any:
    """The module that fills files of this suffix frame by frame, in any order.

    It has ``allocate(m, path, room)``, ``open_frames(path)``, which gives frames (Y, X) by number
    to be read and written, and ``seal(m, path)``; None where the format cannot.
    """
    name = _STREAMED.get(path.suffix.lower())
    return name and import_module(f".{name}", __name__)


def check_readable(path: Path) -> None:
    """Refuse a path that holds no file, before any work is done."""
    try:
        if path.is_dir() and path.suffix.lower() in _FOLDERS:
            return
        if path.is_dir():
            raise SBDError(f"{path} is a folder; give the image file in it.")
        if not path.exists():
            raise SBDError(f"There is no file {path}; check its name and folder.")
        if not path.is_file():
            raise SBDError(f"{path} is no regular file; give an image file.")
        with path.open("rb") as file:
            if not file.read(1):
                raise SBDError(f"{path.name} is empty (0 bytes); copy it again.")
    except OSError as err:
        raise SBDError(
            f"{path} cannot be opened ({err.strerror or err}); check its access rights."
        ) from err


def is_readable(path: Path) -> bool:
    """Whether a file's suffix is one of `READ_SUFFIXES`."""
    return _suffix(path) in READ_SUFFIXES


def is_writable(path: Path) -> bool:
    """Whether `write` knows the suffix of a path."""
    return path.suffix.lower() in _WRITERS


def check_writable(path: Path) -> None:
    """Refuse a path that `write` could not write to, before any work is done."""
    if not is_writable(path):
        raise SBDError(
            f'Files "{path.suffix or path.name}" cannot be written; use one of '
            f"{', '.join(_WRITERS)}."
        )
    if path.is_dir() and not (path.suffix.lower() in _FOLDERS and is_store(path)):
        raise SBDError(f"{path} is a folder; give a file name in it.")
    check_folder(path)


def stem(path: Path) -> str:
    """The name of a file without its suffix, ``.ome.tif`` and ``.mrc.gz`` taken as one."""
    twofold = path.name.lower().endswith(_OME) or _suffix(path) != path.suffix.lower()
    return Path(path.stem).stem if twofold else path.stem


def _suffix(path: Path) -> str:
    """The suffix that chooses the reader, in lower case; of compressed MRC files both."""
    last = path.suffix.lower()
    compressed = last in _COMPRESSED and Path(path.stem).suffix.lower() in MRC
    return f".mrc{last}" if compressed else last


def _is_damage(error: Exception) -> bool:
    """Whether an error is of the kind that a damaged file ends in."""
    library = type(error).__module__.partition(".")[0].lstrip("_")
    if isinstance(error, _DAMAGED) or library in _LIBRARIES:
        return True
    return isinstance(error, TypeError | AttributeError) and _raised_in(error) in _LIBRARIES


def _raised_in(error: Exception) -> str:
    """The package whose code raised an error."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    name = "" if step is None else str(step.tb_frame.f_globals.get("__name__"))
    return name.partition(".")[0]
