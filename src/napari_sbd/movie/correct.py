"""A movie with its drift taken out."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from ..micrograph.foreign import ours
from ..micrograph.frames import as_micrograph
from ..micrograph.telling import frame_or_nan
from ..noise.as_denoised import CORRECTIONS, camera_corrected
from ..recipe import origin_of, recipe, with_recipe
from .drift import Drift
from .register import moved


def correct_drift(
    movie: Micrograph | np.ndarray,
    drift: Drift,
    interpolate: bool = False,
    edges: Literal["pad", "crop"] = "pad",
) -> Any:
    """Move every frame back to where the first one is.

    Parameters
    ----------
    movie
        A micrograph or array (T, Y, X).
    drift
        From ``estimate_drift``. Where that had references of the camera, the frames are corrected
        by them before they are moved, since these fit them no longer then.
    interpolate
        False moves by whole pixels, so that every value is one that the detector recorded and
        Poisson noise stays Poisson. True moves by fractions of a pixel with cubic splines, as
        float32; the result then holds no counts any more, and its recipe says so.
    edges
        ``"pad"`` keeps the field and leaves NaN where a frame has no data, as float32, or float64
        where the file's number type has more digits than that; ``"crop"`` keeps what all frames
        hold, in the file's own number type when not interpolated. Blank frames stay where they
        are. Frames that cannot be read become NaN, with a warning.

    Returns
    -------
    A micrograph for a micrograph or a movie of another program, lazy where its data are; an array
    for an array.

    Raises
    ------
    SBDError
        If movie and drift do not belong together, or no pixel is in all frames; when the result is
        used, if a frame cannot be read and whole numbers, which have no NaN, are cropped.

    Examples
    --------
    >>> steps = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    >>> drift = sbd.Drift(steps, np.zeros((3, 2)), np.ones(3), np.zeros(3))
    >>> sbd.correct_drift(movie, drift, edges="crop").shape  # the rows that all frames have
    (3, 62, 64)
    """
    known = ours(movie)
    source = as_micrograph(known)
    if edges not in ("pad", "crop"):
        raise SBDError(f"The edges are 'pad' or 'crop', not {edges!r}.")
    if not source.is_movie or len(drift.shifts) != source.shape[0]:
        raise SBDError(
            f"The drift is of {len(drift.shifts)} frames and the movie has shape {source.shape}; "
            "give the movie that it was estimated from."
        )
    told = drift.estimated or {}
    original = source
    source = camera_corrected(source, **{n: told[n] for n in CORRECTIONS if told.get(n)})
    shifts = np.nan_to_num(drift.shifts)
    if not interpolate:
        shifts = np.round(shifts)
    window = _common(shifts, source.shape[1:]) if edges == "crop" else (slice(None),) * 2
    dtype = np.dtype(np.float32)
    if not interpolate:
        own = source.data.dtype
        dtype = own if edges == "crop" else np.result_type(own, np.float32)
    move = partial(_moved, source, interpolate=interpolate, window=window, dtype=dtype)
    data = _each(move, source.data, shifts, dtype, window)
    if not isinstance(known, Micrograph):
        return data
    entry = recipe(
        "correct_drift",
        origin_of(original),
        interpolate=interpolate,
        edges=edges,
        counts=not interpolate,
        shifts=(shifts if interpolate else shifts.astype(int)).tolist(),
        estimated=drift.estimated,
    )
    return with_recipe(source.replace(data=data), entry)


def rolled(frame: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``frame[x + shift]`` for whole pixels, (Y, X) floating point, NaN beyond the edges."""
    result = np.full(frame.shape, np.nan, np.result_type(frame.dtype, np.float32))
    to, source = [], []
    for s, n in zip(np.round(shift).astype(int), frame.shape, strict=True):
        low, high = max(0, -s), min(n, n - s)
        if high <= low:
            return result
        to.append(slice(low, high))
        source.append(slice(low + s, high + s))
    result[tuple(to)] = frame[tuple(source)]
    return result


def _moved(
    source: Micrograph,
    number: int,
    shift: np.ndarray,
    interpolate: bool,
    window: tuple[slice, slice],
    dtype: np.dtype,
) -> np.ndarray:
    values = frame_or_nan(source, number)
    if values.dtype.kind == "f" and dtype.kind != "f":
        raise SBDError(
            f"Frame {number} cannot be read, and whole numbers hold no NaN for it; keep the edges "
            "instead of cropping them."
        )
    if interpolate:
        return moved(values.astype(np.float32), shift)[window].astype(dtype)
    if window == (slice(None),) * 2:
        return rolled(values, shift)
    y, x = (slice(w.start + int(s), w.stop + int(s)) for w, s in zip(window, shift, strict=True))
    return values[y, x]


def _common(shifts: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels of the first frame that all frames hold."""
    low = np.ceil(np.maximum(0, -shifts.min(0))).astype(int)
    high = np.array(shape) - np.ceil(np.maximum(0, shifts.max(0))).astype(int)
    if (high <= low).any():
        raise SBDError("The scene drifts by more than the field: no pixel is in all frames.")
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _each(move: Any, data: Any, shifts: np.ndarray, dtype: np.dtype, window: Any) -> Any:
    """Apply to each frame; lazily where the data are lazy or stay on disk."""
    if isinstance(data, np.ndarray) and not isinstance(data, np.memmap):
        return np.stack([move(t, s) for t, s in enumerate(shifts)])
    import dask.array as da
    from dask import delayed

    shape = tuple(len(range(*w.indices(n))) for w, n in zip(window, data.shape[1:], strict=True))
    later = delayed(move)
    frames = [da.from_delayed(later(t, s), shape=shape, dtype=dtype) for t, s in enumerate(shifts)]
    return da.stack(frames)
