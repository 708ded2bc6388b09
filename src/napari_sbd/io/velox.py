"""Velox EMD files (Thermo Fisher): frames last, microscope metadata as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from ..units import pixel_size_nm, to_seconds
from .hdf5 import load

_DEAD_TIME = 1.01


def read(file: Any) -> Micrograph | None:
    """Read the image of an open Velox file; None if the file has another layout.

    Of several detectors the HAADF comes first, then the order of the alphabet; the metadata
    name them all.

    Raises
    ------
    SBDError
        If the file is of Velox and holds no image.
    """
    groups = file.get("Data/Image")
    if groups is None:
        return None
    images = [g for g in groups.values() if "Data" in g and g["Data"].dtype.kind in "buif"]
    if not images:
        raise SBDError("there is no image in this Velox file; export the image from Velox.")
    images.sort(key=lambda g: (_detector(g) != "HAADF", _detector(g)))
    group = images[0]
    metadata = _metadata(group, 0)
    result = metadata.get("BinaryResult", {})
    size = result.get("PixelSize", {})
    dataset = group["Data"]
    data = load(dataset, frame_axis=2)
    return Micrograph(
        _frames_first(data),
        pixel_size=pixel_size_nm(
            size.get("height"),
            result.get("PixelUnitY"),
            size.get("width"),
            result.get("PixelUnitX"),
        ),
        frame_time=_frame_time(group, metadata)
        if dataset.ndim == 3 and dataset.shape[2] > 1
        else None,
        metadata={"velox": metadata, "detectors": [_detector(g) for g in images]},
    )


def _frames_first(data: Any) -> Any:
    if data.ndim != 3:
        return data
    if data.shape[2] == 1:
        return data[:, :, 0]
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(np.moveaxis(data, 2, 0))
    return data.transpose(2, 0, 1)


def _metadata(group: Any, frame: int) -> dict[str, Any]:
    if "Metadata" not in group:
        return {}
    try:
        fields = json.loads(group["Metadata"][:, frame].tobytes().rstrip(b"\0"))
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _detector(group: Any) -> str:
    return str(_metadata(group, 0).get("BinaryResult", {}).get("Detector", ""))


def _frame_time(group: Any, metadata: dict[str, Any]) -> float | None:
    """Exposure of a camera or duration of a scan [s]; longer where the time stamps say so."""
    name = _detector(group)
    detectors = metadata.get("Detectors", {}).values()
    detector: dict[str, Any] = next((d for d in detectors if d.get("DetectorName") == name), {})
    if detector.get("DetectorType") == "ImagingDetector":
        stated = to_seconds(detector.get("ExposureTime"), "s")
    else:
        stated = to_seconds(metadata.get("Scan", {}).get("FrameTime"), "s")
    interval = _mean_interval(group, metadata, name)
    if stated is not None and interval is not None and interval > _DEAD_TIME * stated:
        return interval
    return stated


def _mean_interval(group: Any, first: dict[str, Any], detector: str) -> float | None:
    if "Metadata" not in group or group["Metadata"].shape[1] != group["Data"].shape[2]:
        return None
    count = group["Data"].shape[2]
    stamps = [_stamp(fields, detector) for fields in (first, _metadata(group, count - 1))]
    if stamps[0] is None or stamps[1] is None:
        return None
    return to_seconds((stamps[1] - stamps[0]) / (count - 1), "us")


def _stamp(metadata: dict[str, Any], detector: str) -> int | None:
    entry = metadata.get("CustomProperties", {}).get(f"Detectors[{detector}].TimeStamp", {})
    value = str(entry.get("value", ""))
    return int(value) if value.isdecimal() else None
