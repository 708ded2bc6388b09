"""What the headers of an MRC file say: byte order, type of the values, pixel size.

Sources: MRC2014 (Cheng et al., J. Struct. Biol. 192 (2015) 146); for unsigned bytes and 4-bit
values the format description of IMOD.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import SBDError, warn
from .mrc_extended import pixel_size as camera_pixel_size

HEADER_BYTES = 1024
OUR_TYPE = b"SBD1"
"""Type of an extended header that is our record."""

_TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2", 101: "u1"}
_COMPLEX = (
    "its values are complex, those of a wave or a Fourier transform; save the amplitude or the "
    "intensity of the image."
)
_REFUSED = {
    3: _COMPLEX,
    4: _COMPLEX,
    16: "it is a colour picture; give the grey-scale image.",
}
_FOUR_BITS = 101
_VOLUME_STACK = 401  # space group
_IMOD_STAMP = 1146047817
_SIGNED_BYTES, _HALF_WIDTH = 1, 16  # flags of IMOD; 4-bit values, the width counting bytes


@dataclass(frozen=True)
class Values:
    """How the values lie in the file: their type and shape (Z, Y, X); two a byte if packed."""

    dtype: np.dtype
    shape: tuple[int, int, int]
    packed: bool

    @property
    def stored_shape(self) -> tuple[int, int, int]:
        """The shape in units of ``dtype``; packed rows are filled up to whole bytes."""
        *sections, width = self.shape
        return (*sections, -(-width // 2) if self.packed else width)  # type: ignore[return-value]


def parse(raw: bytes) -> np.void:
    """The fields of a header in the byte order that it has.

    Older programs leave the machine stamp out and some write the wrong one, so the order is taken
    from the numbers of pixels: read the wrong way round they are millions or negative.

    Raises
    ------
    SBDError
        If the header is one, and its values are complex, colours or of an unknown type.
    ValueError
        If it is none.
    """
    from mrcfile.dtypes import HEADER_DTYPE

    orders = [np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0] for order in "<>"]
    sized = [h for h in orders if min(_sizes(h)) > 0 and h["nsymbt"] >= 0]
    known = [h for h in sized if int(h["mode"]) in _TYPES | _REFUSED]
    if not known and sized and bytes(sized[0]["map"]).startswith(b"MAP"):
        mode = min(sized, key=lambda h: math.prod(_sizes(h)))["mode"]
        raise SBDError(f"its values are of MRC mode {mode}, which is not known; save it as mode 2.")
    if not known:
        raise ValueError("no MRC header")
    header: np.void = min(known, key=lambda h: math.prod(_sizes(h)))
    if int(header["mode"]) in _REFUSED:
        raise SBDError(_REFUSED[int(header["mode"])])
    if header["ispg"] >= _VOLUME_STACK:
        raise SBDError("it holds a stack of volumes; give an image or an image stack.")
    return header


def values(header: np.void) -> Values:
    """Type and shape of the values.

    Bytes are signed in MRC2014 and unsigned in what IMOD and SerialEM write, unless flagged. Of
    other programs' bytes the largest value in the header decides: a signed byte ends at 127.
    """
    mode = int(header["mode"])
    dtype = np.dtype(_TYPES[mode]).newbyteorder(header.dtype["nx"].byteorder)
    width, height, sections = _sizes(header)
    flags = _imod_flags(header)
    packed = mode == _FOUR_BITS
    if mode == 0:
        if flags is not None and flags & _HALF_WIDTH:
            packed, width = True, 2 * width
        signed = flags & _SIGNED_BYTES if flags is not None else not _exceeds_signed(header)
        dtype = np.dtype("i1" if signed and not packed else "u1")
    return Values(dtype, (sections, height, width), packed)


def pixel_size(header: np.void, extended: bytes) -> tuple[float, float] | None:
    """Pixel size (y, x) [nm]; None where neither cell nor extended header give one.

    A cell that equals the grid, exactly 1 Å per pixel, is what programs write that know no pixel
    size, as is a negative one; so neither is a calibration. The cell goes before FEI's extended
    header only in files that IMOD or SerialEM wrote: they bin and leave the extended header.
    """
    cell = _cell(header)
    if header["exttyp"] == OUR_TYPE:
        return cell
    if cell is not None and is_default(cell):
        cell = None
    camera = camera_pixel_size(header, extended)
    if cell is None or camera is None:
        return cell or camera
    taken = cell if _imod_flags(header) is not None else camera
    if not np.allclose(cell, camera, rtol=0.01):
        warn(
            f"The pixel size in the extended header, {camera[1]:.4g} nm, and that of the cell, "
            f"{cell[1]:.4g} nm, differ; {taken[1]:.4g} nm is taken. Check it.",
        )
    return taken


def is_default(size: tuple[float, float]) -> bool:
    """Whether a pixel size (y, x) [nm] is the 1 Å of programs that know none."""
    return all(abs(10 * length - 1) < 1e-6 for length in size)


def _sizes(header: np.void) -> tuple[int, int, int]:
    return int(header["nx"]), int(header["ny"]), int(header["nz"])


def _imod_flags(header: np.void) -> int | None:
    """Flags of IMOD and SerialEM; None in files of other programs."""
    numbers = np.frombuffer(bytes(header["extra2"]), header.dtype["nx"])
    return int(numbers[11]) if numbers[10] == _IMOD_STAMP else None


def _exceeds_signed(header: np.void) -> bool:
    return bool(header["dmin"] >= 0 and 127 < header["dmax"] <= 255)


def _cell(header: np.void) -> tuple[float, float] | None:
    """Pixel size (y, x) [nm] of the unit cell, which is in Å; axes as the columns and rows lie."""
    axes = [int(header[name]) for name in ("mapr", "mapc")]
    if sorted(axes) not in ([1, 2], [1, 3], [2, 3]):
        axes = [2, 1]
    lengths = []
    for axis in axes:
        length, intervals = (
            float(header["cella"]["xyz"[axis - 1]]),
            int(header["m" + "xyz"[axis - 1]]),
        )
        if not 0 < length < math.inf or intervals <= 0:
            return None
        lengths.append(length / intervals / 10)
    return lengths[0], lengths[1]
