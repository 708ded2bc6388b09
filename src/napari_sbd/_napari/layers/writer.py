"""Image layers into files, with calibration and recipe."""

from __future__ import annotations

from typing import Any

from ...errors import SBDError
from ...io import write
from .micrographs import micrograph_from


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one image layer; what cannot be written becomes a notification of one sentence.

    Returns
    -------
    The paths written.
    """
    try:
        write(micrograph_from(data, attributes), path)
    except SBDError as error:
        from napari.utils.notifications import show_error

        show_error(str(error))
        return []
    return [path]
