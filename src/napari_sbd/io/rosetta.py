"""Every other format, through RosettaSciIO where it is installed."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from .arrays import LAZY_BYTES
from .record import plain
from .units import pixel_size_nm, to_seconds


def read(path: Path) -> Micrograph:
    """Read the first image that a reader of RosettaSciIO finds.

    Raises
    ------
    SBDError
        If the package is missing, or has no reader for the suffix.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if not suffix:
        raise SBDError("the format is unknown, since the name has no suffix; add the right one.")
    try:
        plugins = import_module("rsciio").IO_PLUGINS
    except ImportError:
        raise SBDError(
            f'the format ".{suffix}" is unknown here; RosettaSciIO may read it: '
            'pip install "napari-sbd[formats]".'
        ) from None
    apis = [p["api"] for p in plugins if suffix in (e.lower() for e in p["file_extensions"])]
    if not apis:
        raise SBDError(f'the format "{path.suffix}" is unknown; save the image as TIFF or MRC.')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _micrograph(_first_success(apis, path))


def _first_success(apis: list[str], path: Path) -> list[dict[str, Any]]:
    *others, last = apis
    lazy = {"lazy": True} if path.stat().st_size >= LAZY_BYTES else {}
    for api in others:
        try:
            return list(import_module(api).file_reader(str(path), **lazy))
        except Exception:  # noqa: BLE001 - several readers share a suffix; the next one may fit
            continue
    return list(import_module(last).file_reader(str(path), **lazy))


def _micrograph(signals: list[dict[str, Any]]) -> Micrograph:
    usable = [s for s in signals if s["data"].ndim in (2, 3) and s["data"].dtype.kind in "buif"]
    if not usable:
        raise SBDError("there is no grey-scale image in this file; give the detector image.")
    signal = usable[0]
    data = signal["data"]
    axes = sorted(signal["axes"], key=lambda axis: axis.get("index_in_array") or 0)
    steps = [(axis.get("scale"), axis.get("units")) for axis in axes]
    return Micrograph(
        np.ascontiguousarray(data) if isinstance(data, np.ndarray) else data,
        pixel_size=pixel_size_nm(*steps[-2], *steps[-1]) if len(steps) >= 2 else None,
        frame_time=to_seconds(*steps[0]) if len(steps) == 3 else None,
        metadata={"rosettasciio": plain(signal.get("original_metadata") or {})},
    )
