"""Micrograph: the one record that flows from the readers to the writers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from ..errors import SBDError

PixelSize = float | tuple[float, float]

FRAME = "frame_of_movie"  # in the metadata of a frame that was taken out of a movie: its number


@final
@dataclass(frozen=True, eq=False)
class Micrograph:
    """An image or a movie with its calibration.

    Parameters
    ----------
    data
        (Y, X) or (T, Y, X), numpy or dask, real, in the file's own values. Masked pixels hold no
        data and become NaN.
    pixel_size
        nm per pixel: one number, or ``(y, x)`` where the axes differ; None when not calibrated.
    frame_time
        s between frames; None for single images and uncalibrated movies.
    gain
        File units per electron; None when unknown.
    offset
        File units at zero electrons.
    metadata
        What the file says beyond the fields above, as plain nested dicts; results of this
        package keep their recipe under ``"napari_sbd"``.
    name
        A short name for people, usually the file's stem.
    source
        The file that the data came from.

    Raises
    ------
    SBDError
        If the array is no grey-scale image or movie, or a calibration is impossible.

    Examples
    --------
    >>> m = sbd.Micrograph(np.ones((64, 64)), pixel_size=0.05, gain=2.0)
    >>> m.replace(offset=1.0).electrons[0, 0]  # (1 - 1) / 2
    np.float64(0.0)
    """

    data: Any
    pixel_size: PixelSize | None = None
    frame_time: float | None = None
    gain: float | None = None
    offset: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    source: Path | None = None

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.data, "dtype", None), np.dtype):
            try:
                object.__setattr__(self, "data", np.asarray(self.data))
            except (ValueError, TypeError):
                raise SBDError("The data are no rectangular array of numbers.") from None
        check_array(self.data)
        object.__setattr__(self, "data", unmasked(self.data))
        object.__setattr__(self, "pixel_size", _clean_pixel_size(self.pixel_size))
        if self.frame_time is not None:
            object.__setattr__(self, "frame_time", _positive(self.frame_time, "frame time", "s"))
        if self.gain is not None:
            unit = "file units per electron"
            object.__setattr__(self, "gain", _positive(self.gain, "gain", unit))
        try:
            object.__setattr__(self, "offset", float(self.offset))
        except (TypeError, ValueError):
            raise SBDError(f"The offset must be a number, not {self.offset!r}.") from None
        if not np.isfinite(self.offset):
            raise SBDError(f"The offset must be a finite number, not {self.offset}.")

    def __repr__(self) -> str:
        """One line, without data and metadata, which would fill the screen."""
        size = " x ".join(map(str, self.shape))
        return (
            f"Micrograph({self.name!r}, {size} {self.data.dtype}, pixel_size={self.pixel_size}, "
            f"frame_time={self.frame_time}, gain={self.gain}, offset={self.offset})"
        )

    @property
    def electrons(self) -> Any:
        """``(data - offset) / gain``: electrons per pixel, same shape as ``data``.

        Raises
        ------
        SBDError
            If the gain is unknown.
        """
        if self.gain is None:
            raise SBDError(
                "The detector gain of this image is unknown; give it in file units per electron."
            )
        return (self.data - self.offset) / self.gain

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``data``."""
        return tuple(self.data.shape)

    @property
    def is_movie(self) -> bool:
        """Whether the first axis counts frames."""
        return bool(self.data.ndim == 3)

    @property
    def pixel_size_yx(self) -> tuple[float, float] | None:
        """nm per pixel along y and x, or None."""
        if self.pixel_size is None or isinstance(self.pixel_size, tuple):
            return self.pixel_size
        return self.pixel_size, self.pixel_size

    def frame(self, number: int) -> Micrograph:
        """One frame of a movie as an image in memory; an image is its own only frame.

        Parameters
        ----------
        number
            Of the frame.
        """
        if not self.is_movie:
            return self.replace(data=np.asarray(self.data), frame_time=None)
        told = {**self.metadata, FRAME: number % len(self.data)}
        return self.replace(data=np.asarray(self.data[number]), frame_time=None, metadata=told)

    def replace(self, **changes: Any) -> Micrograph:
        """Return a copy with some fields changed.

        Parameters
        ----------
        **changes
            New values of fields, by name.
        """
        return replace(self, **changes)


def check_array(data: Any) -> None:
    """Refuse arrays that are no grey-scale image (Y, X) or movie (T, Y, X).

    Raises
    ------
    SBDError
        With a sentence that names the shape or type.
    """
    shape = tuple(data.shape)
    if data.dtype.kind == "c":
        raise SBDError("The data are complex; give the intensity or the amplitude instead.")
    if data.dtype.kind not in "buif":
        raise SBDError(f"The data are of type {data.dtype}, not numbers.")
    if 0 in shape:
        raise SBDError(f"The data are empty: shape {shape} has an axis of length zero.")
    if data.ndim not in (2, 3):
        raise SBDError(
            f"An image (Y, X) or a movie (T, Y, X) is needed; these data have {data.ndim} "
            f"{'axis' if data.ndim == 1 else 'axes'}, shape {shape}."
        )
    if data.ndim == 3 and shape[-1] in (3, 4) and min(shape[:2]) > 4:
        raise SBDError(
            f"Shape {shape} looks like a colour (RGB) picture; give the grey-scale detector image."
        )


def unmasked(image: Any) -> Any:
    """Masked pixels as NaN, in a floating-point type for the values; anything else as it is.

    Parameters
    ----------
    image
        numpy or dask, which stays lazy.
    """
    if isinstance(image, np.ma.MaskedArray):
        return np.ma.filled(image.astype(np.result_type(image.dtype, np.float32)), np.nan)
    if isinstance(getattr(image, "_meta", None), np.ma.MaskedArray):  # dask
        return image.map_blocks(unmasked)
    return image


def _positive(value: float, what: str, unit: str) -> float:
    try:
        number = float(value)
        if isinstance(value, str):
            raise TypeError
    except (TypeError, ValueError):
        raise SBDError(f"The {what} must be a number in {unit}, not {value!r}.") from None
    if not np.isfinite(number) or number <= 0:
        raise SBDError(f"The {what} must be positive and finite, not {number} {unit}.")
    return number


def _clean_pixel_size(value: Any) -> PixelSize | None:
    if value is None:
        return None
    if isinstance(value, str) or np.ndim(value) == 0:
        return _positive(value, "pixel size", "nm")
    if len(value) != 2:
        raise SBDError(f"The pixel size is one number or (y, x) in nm, not {value!r}.")
    y, x = (_positive(v, "pixel size", "nm") for v in value)
    return y if np.isclose(y, x, rtol=1e-6) else (y, x)
