"""EER movies of Falcon 4 and 4i: where each electron was seen, frame by frame.

Source: Thermo Fisher's "EER File Format" 3.0 (with EerReaderLib): a TIFF file with one page a
frame, whose strip is a run-length code of events, and acquisition metadata as XML in tag 65001.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from ..units import no_sensors, pixel_size_nm, to_seconds
from .acquisition import facts
from .arrays import stack_frames
from .record import plain
from .tiff_check import check_complete

_RUN_BITS = {65000: 8, 65001: 7, 65002: 7}  # by compression; of the last by tags, these by default
_RUN, _ACROSS, _DOWN = 65007, 65008, 65009  # tags: bits of a run, of the place within a pixel
_ACQUISITION = 65001
_LONGEST = 25  # bits of a code that anybody decodes


@dataclass(frozen=True)
class _Code:
    """How the events of a frame are coded: bits of a run and of the place within the pixel."""

    run: int
    across: int
    down: int

    @classmethod
    def of(cls, page: Any) -> _Code:
        run, tag = _RUN_BITS[int(page.compression)], page.tags.valueof
        if int(page.compression) != 65002:
            return cls(run, 2, 2)
        bits = tag(_RUN, run), tag(_ACROSS, 2), tag(_DOWN, 2)
        if not all(isinstance(n, int) and 0 < n < _LONGEST for n in bits):
            raise SBDError("the sizes of its code are damaged; copy it again.")
        return cls(*bits)


def read(path: Path, super_resolution: int = 1) -> Micrograph:
    """Read a movie (T, Y, X) of counted electrons; frames are decoded when they are used.

    The gain is 1, one count for each electron that the camera saw; its gain reference is another
    file and not applied. Orientation as stored.

    Parameters
    ----------
    path
        The file.
    super_resolution
        1, 2 or 4 pixels for one of the detector along each axis.

    Raises
    ------
    SBDError
        If it holds no events, is cut short, or does not know places that finely.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        check_complete(file, path)
        pages: list[Any] = [page for page in file.pages if page.compression in _RUN_BITS]
        if not pages:
            raise SBDError("it holds no frames of electron events; name it .tif if it is a TIFF.")
        first = pages[0]
        fields = _acquisition(file)
        code, shape = _Code.of(first), (first.imagelength, first.imagewidth)
        if any((p.imagelength, p.imagewidth) != shape or _Code.of(p) != code for p in pages):
            raise SBDError("its frames differ in size or code; export them one by one.")
        if any(len(page.dataoffsets) != 1 for page in pages):
            raise SBDError(
                "its frames lie in parts, which the format does not know; copy it again."
            )
        places = [(int(p.dataoffsets[0]), int(p.databytecounts[0])) for p in pages]
    finest = 2 ** min(code.across, code.down)
    if super_resolution > finest:
        raise SBDError(
            f"it tells the places of electrons to 1/{finest} pixel; super-resolution is at most "
            f"{finest}."
        )
    whole = shape[0] * super_resolution, shape[1] * super_resolution
    frame = partial(_frame, path, places, code, whole, super_resolution)
    data = stack_frames(frame, len(places), whole, np.dtype(np.uint8))
    m = Micrograph(
        data[0] if len(places) == 1 else data,
        gain=1.0,
        metadata={"eer": {**fields, "super_resolution": super_resolution}},
    )
    size = _pixel_size(fields)
    exposure = _frame_time(fields)
    found = {"dose_per_A2": _dose(fields, size), "exposure_s": exposure}
    recorded = facts({name: [one] * len(places) for name, one in found.items() if one}, len(places))
    return m.replace(
        pixel_size=size and tuple(length / super_resolution for length in size),
        frame_time=exposure if m.is_movie else None,
        metadata={**m.metadata, **recorded},
    )


def _frame(
    path: Path,
    places: list[tuple[int, int]],
    code: _Code,
    shape: tuple[int, int],
    super_resolution: int,
    index: int,
) -> np.ndarray:
    import imagecodecs

    place, length = places[index]
    with path.open("rb") as file:
        file.seek(place)
        raw = file.read(length)
    if len(raw) < max(length, 1):
        raise SBDError(f"the file ends within frame {index}; copy it again.")
    bits = code.run, code.across, code.down
    level = super_resolution.bit_length() - 1
    try:
        seen: np.ndarray = imagecodecs.eer_decode(raw, shape, *bits, superres=level)
    except (RuntimeError, ValueError) as error:  # imagecodecs' own errors are RuntimeErrors
        raise SBDError(f"frame {index} is damaged ({error}); copy the file again.") from error
    return seen.astype(np.uint8)


def _acquisition(file: Any) -> dict[str, Any]:
    """What the camera's software says, items by name and their units as ``NAME.unit``."""
    from tifffile.tifffile import eer_xml_metadata

    for page in list(file.pages)[:2]:  # the first may be the sum of all
        value = page.tags.valueof(_ACQUISITION)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
        begin = text.find("<metadata")
        if begin >= 0:
            try:
                return dict(plain(eer_xml_metadata(text[begin:].rstrip("\0 \r\n"))))
            except SyntaxError:  # of XML; the frames do not need it
                return {}
    return {}


def _told(fields: dict[str, Any], name: str) -> tuple[Any, Any]:
    return fields.get(name), fields.get(f"{name}.unit", "")


def _pixel_size(fields: dict[str, Any]) -> tuple[float, float] | None:
    """(y, x) [nm] of the detector's pixels in the image; None where it is that of the sensor."""
    height, width = (_told(fields, f"sensorPixelSize.{side}") for side in ("height", "width"))
    return no_sensors(pixel_size_nm(*height, *width))


def _frame_time(fields: dict[str, Any]) -> float | None:
    exposure, count = to_seconds(*_told(fields, "exposureTime")), _count(fields)
    return exposure / count if exposure and count else None


def _dose(fields: dict[str, Any], size: tuple[float, float] | None) -> float | None:
    """Electrons/Å² of a frame, of pixels (y, x) [nm] of the detector."""
    (total, unit), count = _told(fields, "totalDose"), _count(fields)
    if unit != "e/pixel" or not isinstance(total, int | float) or not (size and count):
        return None
    return float(total) / count / (100 * size[0] * size[1])


def _count(fields: dict[str, Any]) -> int:
    """Frames that the camera's software says; 0 without."""
    count = fields.get("numberOfFrames")
    return count if isinstance(count, int) and count > 0 else 0
