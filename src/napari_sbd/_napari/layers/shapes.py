"""Shapes that a person draws on an image, in the image's pixels; knows no Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes

from ...errors import SBDError
from ...region import Region
from .micrographs import MADE_FROM, made_from, place_in_the_plane

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    import napari

_ROLE = "napari_sbd_shape"  # in the metadata of shapes: what they are for
Box = tuple[tuple[int, int], tuple[int, int]]
_ROUND = 64  # corners of an ellipse
_STRAIGHT = 0.5  # px that the corners of a rectangle may be off
_SHARE = 0.5  # of the image's side, of a box that nobody has drawn yet


def corners_on(image: Image, shapes: Layer, number: int = -1) -> np.ndarray:
    """(N, 2) y, x in pixels of an image of a shape's corners, wherever both layers lie.

    Raises
    ------
    SBDError
        If the layer holds no shape.
    """
    if not shapes.data:
        raise SBDError(f'"{shapes.name}" holds no shape; draw a rectangle or polygon in it.')
    return np.array(
        [image.world_to_data(shapes.data_to_world(point))[-2:] for point in shapes.data[number]]
    )


def box_on(image: Image, shapes: Shapes, number: int = -1) -> Box:
    """Rows and columns of an image, half-open, that a shape spans."""
    corners = corners_on(image, shapes, number)
    low, high = np.rint(corners.min(0)).astype(int), np.rint(corners.max(0)).astype(int) + 1
    return (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))


def lies_on(image: Image, shapes: Shapes, number: int = -1) -> bool:
    """Whether a shape has any pixel of an image under it, or in the rectangle around it."""
    corners = corners_on(image, shapes, number)
    first, last = image.extent.data[:, -2:]
    return bool((corners.max(0) > first).all() and (corners.min(0) < last).all())


def region_on(image: Image, shapes: Shapes) -> Region:
    """The region of an image within the selected shape of a layer, or else the last one.

    Raises
    ------
    SBDError
        If there is none, or it encloses nothing.
    """
    if not shapes.data:
        raise SBDError(f'"{shapes.name}" holds no shape; draw a rectangle or polygon in it.')
    number = max(shapes.selected_data, default=len(shapes.data) - 1)
    kind, corners = shapes.shape_type[number], corners_on(image, shapes, number)
    if kind == "line" or len(corners) < 3:
        raise SBDError(f'A line holds no region; draw a rectangle or polygon in "{shapes.name}".')
    if kind == "ellipse":
        middle, (one, other) = corners.mean(0), (corners[1:3] - corners[:2]) / 2
        angle = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)[:, None]
        corners = middle + np.cos(angle) * one + np.sin(angle) * other
    elif kind == "rectangle" and _is_upright(corners):
        return Region.of(box_on(image, shapes, number))
    return Region.of(corners)


def _is_upright(corners: np.ndarray) -> bool:
    sides = np.abs(np.diff(corners, axis=0))
    return bool((sides.min(1) < _STRAIGHT).all())


def take_up(
    viewer: napari.viewer.Viewer,
    add: Callable[[Any, Image, str], Shapes],
    image: Image,
    name: str,
    known: Shapes | None,
) -> Shapes:
    """The shape by which a tool reads an image: that which is there, else a new one.

    Parameters
    ----------
    viewer
        Of the layers.
    add
        ``add_box`` or ``add_line``.
    image
        On which a new one comes; one of an earlier dock is taken up if it lies there.
    name
        What it is for, the same for a tool.
    known
        The layer that the tool has used, which is taken up wherever it lies on the image.
    """
    shapes = [one for one in viewer.layers if isinstance(one, Shapes) and len(one.data)]
    drawn = [one for one in shapes if lies_on(image, one)]
    mine = made_from(image) | {_ROLE: name}
    theirs = (one for one in drawn if mine.items() <= one.metadata.items())
    found = known if known in drawn else next(theirs, None)
    if found is None:
        if known is not None and known in viewer.layers and not known.data:  # it was emptied
            viewer.layers.remove(known)
        return add(viewer, image, name)
    viewer.layers.selection.active = found
    return found


def add_box(viewer: napari.viewer.Viewer, image: Image, name: str) -> Shapes:
    """A rectangle in the middle of an image, to be dragged with the mouse."""
    height, width = image.data.shape[-2:]
    side = _SHARE * min(height, width)
    middle = np.array([height - 1, width - 1]) / 2
    corners = middle + side / 2 * np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
    layer = _add(viewer, image, corners, "rectangle", name)
    layer.mode = "select"
    layer.selected_data = {0}
    return layer


def add_line(viewer: napari.viewer.Viewer, image: Image, name: str) -> Shapes:
    """A line across the middle of an image, whose ends can be dragged."""
    height, width = image.data.shape[-2:]
    row = (height - 1) / 2
    ends = np.array([(row, 0.2 * (width - 1)), (row, 0.8 * (width - 1))])
    layer = _add(viewer, image, ends, "line", name)
    layer.mode = "direct"
    layer.selected_data = {0}
    return layer


def _add(
    viewer: napari.viewer.Viewer, image: Image, corners: np.ndarray, kind: str, name: str
) -> Shapes:
    attributes: dict[str, Any] = {
        "name": f"{image.name} {name}",
        "shape_type": kind,
        "edge_color": "yellow",
        "face_color": "transparent",
        "edge_width": max(1.0, min(image.data.shape[-2:]) / 200),
        "metadata": {_ROLE: name, **made_from(image)},
        **place_in_the_plane(image),
    }
    layer = Shapes([corners], **attributes)
    viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    return layer


def lay_on(image: Image | None, shapes: Layer) -> None:
    """Let shapes that a person drew in a layer of their own go with an image that is scaled."""
    if image is not None and MADE_FROM not in shapes.metadata:
        shapes.metadata = {**shapes.metadata, **made_from(image)}


def mask_of(shapes: Shapes, image: Image) -> np.ndarray:
    """(Y, X) bool: the pixels of an image that lie within shapes, wherever both layers lie.

    Raises
    ------
    SBDError
        If there is no shape.
    """
    drawn = [corners_on(image, shapes, number) for number in range(len(shapes.data))]
    if not drawn:
        raise SBDError(f'"{shapes.name}" holds no shape; mark the region in it.')
    height_width = image.data.shape[-2:]
    mask: np.ndarray = Shapes(drawn, shape_type=shapes.shape_type).to_labels(height_width) > 0
    return mask
