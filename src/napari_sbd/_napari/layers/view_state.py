"""Which part of a layer a viewer shows; knows no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Image

    import napari

Range = tuple[int, int]  # half-open, in pixels


def frame_shown(viewer: napari.viewer.Viewer, layer: Image) -> int:
    """Number of the frame at which the viewer stands; 0 for single images."""
    if layer.ndim < 3:
        return 0
    frame = round(float(layer.world_to_data(viewer.dims.point)[0]))
    return int(min(max(frame, 0), layer.data.shape[0] - 1))


def part_shown(viewer: napari.viewer.Viewer, layer: Image) -> tuple[Range, Range]:
    """Rows and columns of a layer inside the canvas; all of them where that cannot be told."""
    shape = layer.data.shape[-2:]
    everything = (0, shape[0]), (0, shape[1])
    dims, camera = viewer.dims, viewer.scene.camera
    if dims.ndisplay != 2 or tuple(dims.displayed) != tuple(range(dims.ndim))[-2:]:
        return everything
    half = np.asarray(viewer.canvas.size, float) / (2 * camera.zoom)
    middle = np.asarray(camera.center[-2:])
    corners = []
    for sign in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        point = np.array(dims.point, float)
        point[-2:] = middle + half * sign
        corners.append(layer.world_to_data(point)[-2:])
    low, high = np.floor(np.min(corners, 0)), np.ceil(np.max(corners, 0)) + 1
    rows, columns = (
        (int(np.clip(a, 0, n)), int(np.clip(b, 0, n)))
        for a, b, n in zip(low, high, shape, strict=True)
    )
    outside = rows[0] == rows[1] or columns[0] == columns[1]
    return everything if outside else (rows, columns)
