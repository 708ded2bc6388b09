"""A part of an image that is treated as an image of its own, such as a person draws it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import SBDError
from .micrograph.foreign import ours
from .recipe import history

LEAST = 32
"""Pixels along a side that a region needs, as an image does."""

_NUMBER = r"-?\d+(?:\.\d+)?"
_FORM = 'Y0:Y1,X0:X1 for a rectangle, or corners "Y,X Y,X Y,X" for a polygon, in pixels'


@dataclass(frozen=True)
class Region:
    """A rectangle or polygon of pixels.

    Parameters
    ----------
    rows, columns
        Half-open ranges of pixels that hold it.
    corners
        (N, 2) y, x of a polygon [px]; empty for a rectangle.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    corners: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, given: Any) -> Region:
        """A region from what a person gives.

        Parameters
        ----------
        given
            Text, ``"0:256,100:356"`` (rows, then columns, half-open) or ``"10,20 80,20 45,90"``
            (y, x of the corners of a polygon); the same as ``((0, 256), (100, 356))`` or (N, 2)
            corners; or a region.

        Raises
        ------
        SBDError
            If it is none.
        """
        if isinstance(given, Region):
            return given
        numbers = _parsed(given) if isinstance(given, str) else _array(given)
        if numbers.shape == (2, 2):
            (top, bottom), (left, right) = np.rint(numbers).astype(int).tolist()
            if not (top < bottom and left < right):
                raise SBDError(f"The region {given} holds no pixel; {_FORM}.")
            return cls((top, bottom), (left, right))
        low, high = np.floor(numbers.min(0)), np.ceil(numbers.max(0)) + 1
        rows, columns = np.stack([low, high], 1).astype(int).tolist()
        corners = tuple((round(float(y), 1), round(float(x), 1)) for y, x in numbers)
        return cls((rows[0], rows[1]), (columns[0], columns[1]), corners)

    def __str__(self) -> str:
        """As recipes and the command line have it."""
        if self.corners:
            return " ".join(f"{y:g},{x:g}" for y, x in self.corners)
        return ",".join(f"{a}:{z}" for a, z in (self.rows, self.columns))

    def on(self, shape: Sequence[int]) -> Part:
        """The region on an image of a shape (..., Y, X); what lies outside is cut off.

        Raises
        ------
        SBDError
            If less than 32 x 32 pixels of the image are left.
        """
        height, width = shape[-2:]
        rows, columns = (
            slice(max(a, 0), min(z, n))
            for (a, z), n in zip((self.rows, self.columns), (height, width), strict=True)
        )
        sides = rows.stop - rows.start, columns.stop - columns.start
        if min(sides) < LEAST:
            held = f"{max(sides[0], 0)} x {max(sides[1], 0)}"
            raise SBDError(
                f"The region holds {held} of the {height} x {width} pixels of the image; draw one "
                f"of at least {LEAST} x {LEAST}."
            )
        return Part(self, (height, width), rows, columns)


@dataclass(frozen=True)
class Part:
    """A region on an image.

    Parameters
    ----------
    region
        The region.
    shape
        (Y, X) of the image.
    rows, columns
        Pixels of the image in the rectangle around the region.
    """

    region: Region
    shape: tuple[int, int]
    rows: slice
    columns: slice

    @property
    def corner(self) -> tuple[int, int]:
        """y, x of the first pixel of the rectangle in the image."""
        return self.rows.start, self.columns.start

    @property
    def size(self) -> tuple[int, int]:
        """Pixels of the rectangle along y and x."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def cut(self, image: Any) -> Any:
        """The rectangle of an image or movie, an array or a micrograph.

        Raises
        ------
        SBDError
            If the image has another shape.
        """
        if image is None:
            return None
        if tuple(image.shape[-2:]) != self.shape:
            raise SBDError(
                f"The region lies on an image of {self.shape[0]} x {self.shape[1]} pixels, and "
                f"this one has {image.shape[-2]} x {image.shape[-1]}."
            )
        if hasattr(image, "replace"):
            return image.replace(data=image.data[..., self.rows, self.columns])
        return image[..., self.rows, self.columns]

    def whole(self, values: np.ndarray, empty: Any = np.nan) -> np.ndarray:
        """Values (..., Y, X) of the rectangle at their place in the image, ``empty`` elsewhere."""
        result = np.full((*values.shape[:-2], *self.shape), empty, values.dtype)
        result[..., self.rows, self.columns] = values
        return result

    def holds(self, points: Any) -> np.ndarray:
        """(N,) bool: which points (N, 2), y, x in pixels of the image, lie in the region."""
        from matplotlib.path import Path

        places = np.asarray(points, float).reshape(-1, 2)
        if self.region.corners:
            return Path(self.region.corners).contains_points(places)
        low = np.array(self.corner) - 0.5
        return np.asarray(((places >= low) & (places < low + np.array(self.size))).all(1))

    def mask(self) -> np.ndarray:
        """(Y, X) bool: the pixels of the image whose centres lie in the region."""
        from skimage.draw import polygon

        inside = np.zeros(self.shape, bool)
        if self.region.corners:
            y, x = np.array(self.region.corners).T
            inside[polygon(y, x, self.shape)] = True
        else:
            inside[self.rows, self.columns] = True
        return inside


def made_in(result: Any) -> Region | None:
    """The region of an image to which its denoising was limited, as its recipe says."""
    steps = [s for s in history(getattr(result, "metadata", {})) if s.get("operation") == "denoise"]
    settings = steps[-1].get("settings") if steps else None
    told = settings.get("region") if isinstance(settings, dict) else None
    return Region.of(told) if told else None


def limited(noisy: Any, denoised: Any, region: Any = None) -> tuple[Any, Any, Limits | None]:
    """A noisy and a denoised image, cut to what was denoised, and where numbers are asked for.

    Parameters
    ----------
    noisy, denoised
        Micrographs, arrays, or None.
    region
        As ``Region.of`` takes it; None for all that was denoised.

    Returns
    -------
    Both images, and the limits; None where there are none.

    Raises
    ------
    SBDError
        If the region cannot be used.
    """
    noisy, denoised = ours(noisy), ours(denoised)
    known = made_in(denoised)
    if known is None and region is None:
        return noisy, denoised, None
    shape = np.shape(denoised) if not hasattr(denoised, "shape") else denoised.shape
    wanted = Region.of(region if region is not None else known).on(shape)
    if known is None:
        return noisy, denoised, Limits(wanted, None)
    area = known.on(shape)
    return area.cut(noisy), area.cut(denoised), Limits(wanted, area)


@dataclass(frozen=True)
class Limits:
    """Where in an image numbers are asked for.

    Parameters
    ----------
    wanted
        The part.
    area
        The part that was denoised, to which the images were cut; None for all.
    """

    wanted: Part
    area: Part | None

    @property
    def corner(self) -> np.ndarray:
        """(2,) y, x in the image of the first pixel of the cut images."""
        return np.array(self.area.corner if self.area else (0, 0))

    def holds(self, points: np.ndarray) -> np.ndarray:
        """(N,) bool: which points (N, 2), y, x in pixels of the cut images, count."""
        return self.wanted.holds(np.asarray(points, float).reshape(-1, 2) + self.corner)

    def whole(self, values: np.ndarray) -> np.ndarray:
        """Values (..., Y, X) of the cut images as those of the image, NaN outside."""
        placed = values if self.area is None else self.area.whole(values)
        return np.where(self.wanted.mask(), placed, np.nan).astype(values.dtype)


def _parsed(text: str) -> np.ndarray:
    separator = ":" if ":" in text else ","
    parts = re.split(r"\s*,\s*" if separator == ":" else r"\s+", text.strip())
    pair = re.compile(rf"({_NUMBER}){separator}({_NUMBER})")
    found = [pair.fullmatch(part) for part in parts]
    if not all(found) or (len(found) != 2 if separator == ":" else len(found) < 3):
        raise SBDError(f"A region is {_FORM}, not {text!r}.")
    return np.array([[float(n) for n in match.groups()] for match in found if match])


def _array(given: Any) -> np.ndarray:
    try:
        numbers = np.array(given, float)
    except (TypeError, ValueError):
        numbers = np.zeros(0)
    if numbers.ndim != 2 or numbers.shape[1] != 2 or len(numbers) < 2:
        raise SBDError(f"A region is {_FORM}, not {given!r}.")
    if not np.isfinite(numbers).all():
        raise SBDError("The corners of a region are finite numbers of pixels.")
    return numbers
