"""Dark and gain references: what the camera adds to the image, and how unevenly it responds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError, warn
from ..micrograph import Micrograph, unmasked
from ..micrograph.frames import as_micrograph
from ..recipe import CHOSEN
from .outliers import find_outliers
from .screen import differences

_ABSURD = 5.0  # times the median response of all pixels, or less than a fifth of it
_LARGE = 1.5  # times the median, from which an outlier of a gain reference is taken for a defect
_FRAMES = 16  # in which a trace of the gain reference is sought
_TRACE = 5.0  # standard deviations of chance, for which a trace counts
_CLEARER = 1.5  # times the trace of the reference as it is, for which it is turned

_AS_IT_IS = "as it is"

Reference = Micrograph | str | os.PathLike[str] | np.ndarray | Any


def apply_references(
    micrograph: Any,
    dark: Reference | None = None,
    gain_reference: Reference | None = None,
    *,
    multiply: bool | None = None,
) -> Micrograph:
    """Subtract a dark reference and divide by a gain reference, or multiply with it.

    Defects of the camera that show in the references (``find_outliers``; no, negative or absurd
    response) become NaN, pixels without data.

    Parameters
    ----------
    micrograph
        Image or movie as the camera wrote it, a micrograph or what ``denoise`` takes; lazy data
        stay lazy.
    dark
        Image or movie without beam, of which the mean is taken: a micrograph, an array or the path
        of a file. It must have been exposed as a frame of the micrograph was; of frames that were
        summed as they were read (``read``), it is subtracted as often. Without, the offset of the
        micrograph is subtracted where a gain reference is applied.
    gain_reference
        Image or movie of even illumination, or the inverse of that, in any unit; its mean over
        live pixels is made 1.
    multiply
        False divides by the gain reference (an image of even illumination), True multiplies
        (the inverse, as many cameras' software writes it). None follows the image: sharp
        variations of the reference must show in it, upright or inverted. Where they, or those of
        the dark reference, show clearer when it is turned or flipped, as acquisition software
        turns frames (SerialEM's ``RotationAndFlip``), it is turned, with a warning.

        References of twice or half the size along both axes are binned or repeated, for frames
        that are read out in super-resolution or binned by 2; of a dark reference the sum is kept.

    Returns
    -------
    A micrograph of float32, or float64 where the micrograph needs it, with offset 0. The gain is
    kept: counts that were whole numbers are so no longer, but still have this many file units per
    electron in the mean.

    Raises
    ------
    SBDError
        If a reference has another shape or leaves no pixel.

    Warns
    -----
    UserWarning
        If the image shows no trace of the gain reference and ``multiply`` does not say how to
        apply it; then it is divided by. If the reference fits when it is turned.

    Examples
    --------
    >>> gain = np.ones((96, 96))
    >>> gain[:, 48:] = 2.0  # the right half of the camera gives twice as much for an electron
    >>> seen = noisy.replace(data=noisy.data * gain)
    >>> even = sbd.apply_references(seen, gain_reference=gain)
    >>> np.allclose(even.data / even.data.mean(), noisy.data / noisy.data.mean())
    True
    """
    source = as_micrograph(micrograph)
    if dark is None and gain_reference is None:
        return source
    zero, factor = correction(source, dark, gain_reference, multiply)
    return corrected(source, zero, factor).replace(offset=0.0)


def correction(
    micrograph: Micrograph,
    dark: Reference | None,
    gain_reference: Reference | None,
    multiply: bool | None = None,
) -> tuple[Any, Any]:
    """What ``corrected`` takes for a micrograph and others of its camera: zero and factor.

    Arguments and errors are those of ``apply_references``.
    """
    shape = micrograph.shape[-2:]
    zero: Any = micrograph.offset
    if dark is not None:
        zero = _upright(mean_of(dark, "dark reference"), shape, "dark reference", is_sum=True)
        zero = _as_it_shows(_outer_mean(micrograph), zero, "dark reference")[0]
        zero[find_outliers(zero, lines=False).mask] = np.nan
        zero *= micrograph.metadata.get(CHOSEN, {}).get("sum_frames", 1)
        if not np.isfinite(zero).any():
            raise SBDError("The dark reference holds no usable pixel; record it again.")
    factor: Any = 1.0
    if gain_reference is not None:
        response = mean_of(gain_reference, "gain reference")
        if multiply is None:
            response = _normal(_upright(response, shape, "gain reference", is_sum=False))
            image = _outer_mean(micrograph) - zero
            response, trace = _as_it_shows(image, response, "gain reference", either_sign=True)
            if abs(trace) < _TRACE:
                warn(
                    "The image shows no trace of the gain reference, so it may have been applied "
                    "already or belong to another camera; the image was divided by it. If so, "
                    "leave it out."
                )
            multiply = trace <= -_TRACE
        else:
            response = _normal(_fitted(response, shape, "gain reference", is_sum=False))
        factor = response if multiply else 1 / response
    return zero, factor


def corrected(micrograph: Micrograph, zero: Any, factor: Any) -> Micrograph:
    """``(data - zero) * factor`` in floating point, zero and factor (Y, X); lazy data stay lazy."""
    kind = np.dtype(micrograph.data.dtype)
    small = kind == np.float32 or kind.itemsize <= 2
    dtype = np.float32 if small else np.float64
    zero, factor = np.asarray(zero, dtype), np.asarray(factor, dtype)
    return micrograph.replace(data=(micrograph.data.astype(dtype) - zero) * factor)


def mean_of(reference: Reference, what: str) -> np.ndarray:
    """(Y, X) float64 mean over the frames of a reference, NaN where none holds data."""
    if isinstance(reference, str | os.PathLike):
        from ..io import read

        reference = read(Path(reference))
    data = as_micrograph(reference).data
    total: Any = 0.0
    held: Any = 0
    for frame in data if data.ndim == 3 else data[None]:
        values = np.asarray(unmasked(frame)).astype(np.float64)
        finite = np.isfinite(values)
        total, held = total + np.where(finite, values, 0), held + finite
    if not np.any(held):
        raise SBDError(f"The {what} holds no finite pixel; give another one.")
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(held > 0, total / np.maximum(held, 1), np.nan))


def _fitted(
    reference: np.ndarray, shape: tuple[int, ...], what: str, *, is_sum: bool
) -> np.ndarray:
    """A reference at the size of the frames."""
    if reference.shape == shape:
        return reference.copy()
    if reference.shape == tuple(2 * n for n in shape):
        blocks = reference.reshape(shape[0], 2, shape[1], 2)
        # a pixel of which a part is missing counts as missing
        return np.asarray(blocks.sum((1, 3)) if is_sum else blocks.mean((1, 3)))
    if tuple(2 * n for n in reference.shape) == shape:
        return np.kron(reference, np.full((2, 2), 0.25 if is_sum else 1.0))
    raise SBDError(
        f"The {what} has {reference.shape[0]} x {reference.shape[1]} pixels and the image "
        f"{shape[0]} x {shape[1]}; it must have as many, or twice or half as many along both axes."
    )


def _normal(response: np.ndarray) -> np.ndarray:
    """Response with mean 1 over live pixels, NaN at dead ones."""
    with np.errstate(invalid="ignore"):
        live = np.isfinite(response) & (response > 0)
        if not live.any():
            raise SBDError(
                "The gain reference is nowhere above zero; give an image of even illumination, "
                "less its dark reference."
            )
        middle = np.median(response[live])
        live &= (response < _ABSURD * middle) & (response > middle / _ABSURD)
        ratio = response / middle
        # what merely responds a little otherwise is what the reference is for
        large = (ratio > _LARGE) | (ratio < 1 / _LARGE)
    live &= ~(find_outliers(np.where(live, response, np.nan), lines=False).mask & large)
    return np.where(live, response / response[live].mean(), np.nan)


def _upright(
    reference: np.ndarray, shape: tuple[int, ...], what: str, *, is_sum: bool
) -> np.ndarray:
    """A reference at the size of the frames, or at that of frames turned by 90°."""
    try:
        return _fitted(reference, shape, what, is_sum=is_sum)
    except SBDError as error:
        try:
            return _fitted(reference, shape[::-1], what, is_sum=is_sum)
        except SBDError:
            raise error from None


def _as_it_shows(
    image: np.ndarray, reference: np.ndarray, what: str, *, either_sign: bool = False
) -> tuple[np.ndarray, float]:
    """A reference turned as it shows in an image, and how clearly, in standard deviations of
    chance; below zero where its inverse does."""
    bad = find_outliers(image).mask | ~np.isfinite(image)
    seen, sharp = _sharp(np.where(bad, np.nan, image)), _sharp(reference)
    size = np.sqrt((seen**2).sum() * (sharp**2).sum() / max(np.count_nonzero(seen), 1)) or 1.0
    # differences from all four neighbours turn with the reference
    traces = {
        name: float((seen * turned).sum() / size)
        for name, turned in _turns(sharp)
        if turned.shape == image.shape
    }
    shows = {name: abs(trace) if either_sign else trace for name, trace in traces.items()}
    first, best = next(iter(traces)), max(shows, key=lambda name: shows[name])
    if shows[best] < max(_TRACE, _CLEARER * abs(traces[first])):
        best = first
    if first != _AS_IT_IS and shows[best] < _TRACE:
        _fitted(reference, image.shape, what, is_sum=False)  # which says that it does not fit
    if best != _AS_IT_IS:
        warn(f"The {what} shows in the image when it is {best}; it was turned so.")
    return dict(_turns(reference))[best], traces[best]


def _turns(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """An image as it is, and in the seven other ways in which it can be turned and flipped."""
    for flip in ("", " and flipped left to right"):
        for quarters in range(4):
            words = f"turned by {90 * quarters}° counterclockwise" if quarters else ""
            name = f"{words}{flip}".removeprefix(" and ") or _AS_IT_IS
            turned = np.rot90(image, quarters)
            yield name, turned[:, ::-1] if flip else turned


def _outer_mean(micrograph: Micrograph) -> np.ndarray:
    data = micrograph.data if micrograph.is_movie else micrograph.data[None]
    step = max(1, len(data) // _FRAMES)
    return mean_of(data[::step][:_FRAMES], "image")


def _sharp(image: np.ndarray) -> np.ndarray:
    """Differences of pixels from their neighbours, without the farthest."""
    padded = np.pad(image, 1, mode="reflect")
    d, _ = differences(padded, ~np.isfinite(padded))
    limit = 4 * np.std(d[np.abs(d) <= np.quantile(np.abs(d), 0.99)])
    result: np.ndarray = np.clip(d, -limit, limit)
    return result
