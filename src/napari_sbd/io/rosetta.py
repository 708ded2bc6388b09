"""Some more formats, through RosettaSciIO where it is installed.

Only readers whose source was read and that cannot run what a file holds: none evaluates,
unpickles or starts another program (RosettaSciIO 0.15.0). The others stay closed.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..axes import Axis, calibration, frames_first, is_image
from ..errors import SBDError
from ..micrograph import Micrograph
from . import merlin, ripple, tvips
from .arrays import LAZY_BYTES
from .formats import NOT_READ, readers
from .record import plain

READERS = readers(rosetta=True)
"""The reader of RosettaSciIO for a suffix; no other one is ever called."""
_OPTIONS = {"bruker": {"select_type": "image"}}
_CONFUSED = ("semper",)  # calls rows x and writes y and x the other way round than Semper
_MORE: dict[str, Any] = {"quantumdetector": merlin, "ripple": ripple, "tvips": tvips}
_NO_LAZY = ("bruker", "jeol", "pantarhei")  # the last maps compressed bytes as if they were values
_logger = logging.getLogger(__name__)


def read(path: Path) -> Micrograph:
    """Read the first image of a file.

    Raises
    ------
    SBDError
        If the suffix is none of `READERS`, the package is missing, or there is no image.
    """
    suffix = path.suffix.lower()
    if not suffix:
        raise SBDError("the format is unknown, since the name has no suffix; add the right one.")
    if suffix in NOT_READ:
        raise SBDError(NOT_READ[suffix])
    if suffix not in READERS:
        raise SBDError(
            f'the format "{suffix}" is unknown here, or its readers may run what a file holds; '
            "save the image as TIFF or MRC."
        )
    name = READERS[suffix]
    try:
        import_module("rsciio")
        reader = import_module(f"rsciio.{name}")
    except ImportError:
        raise SBDError(
            f'the format "{suffix}" needs RosettaSciIO: pip install "napari-sbd[formats]".'
        ) from None
    more = _MORE.get(name)
    found = _called(partial(more.recorded, reader), path) if more else {}
    options = {**_OPTIONS.get(name, {}), **(more.options(found) if more else {})}
    m = _first_image(_signals(reader, name, path, options), sure_of_axes=name not in _CONFUSED)
    return more.completed(m, found) if more else m


def _signals(reader: Any, name: str, path: Path, options: dict[str, Any]) -> list[dict[str, Any]]:
    if name not in _NO_LAZY and path.stat().st_size >= LAZY_BYTES:
        options["lazy"] = True
    _logger.debug("%s is read by rsciio.%s with %s", path, name, options)
    return list(_called(lambda file: reader.file_reader(str(file), **options), path))


def _called(reading: Callable[[Path], Any], path: Path) -> Any:
    """What the package gives for a file; its errors in a sentence."""
    with _quiet():
        try:
            return reading(path)
        except (MemoryError, SBDError):
            raise
        except Exception as err:
            raise SBDError(
                f"RosettaSciIO cannot read it as {path.suffix}: it is damaged, cut short, of "
                "another format than its suffix says, or of a kind that its reader does not know "
                "(as a movie of one frame may be); copy it again, or save it as TIFF or MRC."
            ) from err


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the package warns of, such as options that nobody can give here, to itself."""
    theirs = logging.getLogger("rsciio")
    level = theirs.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.setLevel(logging.ERROR)
        try:
            yield
        finally:
            theirs.setLevel(level)


def _first_image(signals: list[dict[str, Any]], sure_of_axes: bool) -> Micrograph:
    if not signals:
        raise SBDError(
            "RosettaSciIO finds nothing in this file; copy it again with its companions."
        )
    for signal in signals:
        data, axes = signal["data"], _axes(signal)
        if data.dtype.kind in "buif" and len(axes) == data.ndim and is_image(axes):
            break
    else:
        raise SBDError("it holds no grey-scale image, only spectra or the like; give the image.")
    if not sure_of_axes:
        axes = _as_stored(axes)
    order = frames_first(axes)
    turned = data.transpose(order).astype(data.dtype.newbyteorder("="))
    return Micrograph(
        np.ascontiguousarray(turned) if isinstance(turned, np.ndarray) else turned,
        **calibration(axes, order),
        metadata={"rosettasciio": plain(signal.get("original_metadata") or {})},
    )


def _axes(signal: dict[str, Any]) -> list[Axis]:
    """Axes in the order of the array."""
    places = [axis.get("index_in_array") for axis in signal["axes"]]
    axes = [
        Axis(axis.get("name"), axis.get("units"), axis.get("scale"), axis.get("navigate"))
        for axis in signal["axes"]
    ]
    if None in places:
        return axes
    return [axes[i] for i in np.argsort(places)]


def _as_stored(axes: list[Axis]) -> list[Axis]:
    """Axes without names, calibrated only where x and y, listed first, agree."""
    x, y, *_ = axes
    size = x if (x.step, x.unit) == (y.step, y.unit) else Axis()
    size = Axis(None, size.unit, size.step)
    return [Axis()] * (len(axes) - 2) + [size, size]
