"""Columns followed through a movie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError, warn
from ..recipe import after, recipe
from ..spots import spacing
from .lattice import check_table
from .match import match
from .shift import common_shift

if TYPE_CHECKING:
    import pandas as pd

_STEP = 0.4  # of the spacing: how far a column may move between frames
_ALIKE = 2.0  # times the median error of a track, up to which its values count alike


def follow_columns(
    tables: pd.DataFrame | Sequence[pd.DataFrame],
    max_step: float | None = None,
    memory: int = 1,
    drift: bool = True,
) -> pd.DataFrame:
    """Link columns of successive frames, one to one.

    Parameters
    ----------
    tables
        One table for each frame, or the table of a movie with a column ``frame``. The movie has as
        many frames as its ``attrs["frames"]`` says, else the first and the last one are those with
        columns. Frames that its ``attrs["blank"]`` lists showed nothing, so that no column was
        absent there, and the movie begins and ends with the others.
    max_step
        Largest movement between frames [px]; by default 0.4 of the median spacing.
    memory
        Frames that a column may be absent and still keep its number.
    drift
        Remove the common movement of all columns before linking each pair of frames. It may be
        larger than a spacing: the outline of the crystal tells a lattice from itself one period
        on, and where the crystal fills the frame, the movement so far does. Where that leaves two
        possibilities, a warning says so.

    Returns
    -------
    One row for each column and frame, sorted by track and frame: the columns of the tables with
    ``frame``, ``track`` (0, 1, ... in order of appearance), ``appears`` and ``disappears`` [bool,
    the first and last sight of a column that is not in the first or last frame that shows
    something]. For the tracks
    layer of napari take ``[["track", "frame", "y", "x"]]``.

    Raises
    ------
    SBDError
        If there are no tables or a setting makes no sense.

    Examples
    --------
    >>> table = sbd.find_columns(noisy, denoised)
    >>> tracks = sbd.follow_columns([table, table])
    >>> tracks["track"].nunique() == len(table)
    True
    """
    import pandas as pd

    frames = _frames(tables)
    gaps = [spacing(t[["y", "x"]].to_numpy(float)) for t in frames]
    gaps = [g for g in gaps if np.isfinite(g)]
    gap, step = float(np.median(gaps)) if gaps else np.nan, max_step
    if step is None:
        if not gaps:
            raise SBDError("No frame holds two columns; give the largest step in pixels.")
        step = _STEP * gap
    if not 0 < step < np.inf or memory < 0:
        raise SBDError(
            "The largest step is a positive number of pixels, the memory 0 or more frames."
        )
    attrs = dict(getattr(tables, "attrs", frames[0].attrs))
    field = _field(frames, attrs.get("shape"))
    velocity, unsure, before = np.zeros(2), [], 0
    last = np.zeros((0, 2))
    seen = np.zeros(0, int)
    name = np.zeros(0, int)
    count = 0
    parts = []
    shown = _shown(frames, attrs.get("blank", ()))
    order = np.cumsum(shown)  # of the frames that show something
    for t, table in enumerate(frames):
        points = table[["y", "x"]].to_numpy(float)
        alive = order[t] - order[seen] <= memory + 1
        last, seen, name = last[alive], seen[alive], name[alive]
        if drift and len(points):
            steps = max(t - before, 1)  # what drifts goes on through frames without columns
            moved = common_shift(last, points, gap, steps * velocity, field)
            last, before = last + moved.step, t
            velocity = moved.step / steps if len(last) else velocity
            unsure += [] if moved.sure else [t]
        pairs = match(last, points, step)
        track = np.full(len(points), -1)
        track[pairs[:, 1]] = name[pairs[:, 0]]
        new = np.flatnonzero(track < 0)
        track[new] = count + np.arange(len(new))
        count += len(new)
        last[pairs[:, 0]], seen[pairs[:, 0]] = points[pairs[:, 1]], t
        last = np.vstack([last, points[new]])
        seen = np.append(seen, np.full(len(new), t))
        name = np.append(name, track[new])
        parts.append(table.assign(frame=t, track=track))
    if unsure:
        warn(
            f"Between frames {unsure[0] - 1} and {unsure[0]}"
            + (
                f" and at {len(unsure) - 1} more step{'s' * (len(unsure) > 2)}"
                if len(unsure) > 1
                else ""
            )
            + " all columns moved by about half a spacing, and the lattice could as well have "
            "moved the other way: tracks may be off by a lattice period. Take the drift out first, "
            "or follow a part with an edge or a defect."
        )
    for part in parts:
        part.attrs = {}
    result = pd.concat(parts, ignore_index=True).sort_values(["track", "frame"], ignore_index=True)
    by_track = result.groupby("track")["frame"]
    first, final = by_track.transform("min"), by_track.transform("max")
    whole = not hasattr(tables, "columns") or "frames" in attrs
    begin = np.argmax(shown) if whole else result["frame"].min()
    end = len(frames) - 1 - np.argmax(shown[::-1])
    result["appears"] = (result["frame"] == first) & (first > begin)
    result["disappears"] = (result["frame"] == final) & (final < end)
    result.attrs = attrs
    if hasattr(tables, "columns") and "recipe" in attrs:
        settings: dict[str, Any] = {"max_step": max_step, "memory": memory, "drift": drift}
        result.attrs["recipe"] = after(attrs["recipe"], recipe("follow_columns", **settings))
    return result


def combine_columns(tracks: pd.DataFrame, value: str = "intensity_raw") -> pd.DataFrame:
    """Mean of a value over the frames of each track.

    Values count alike, but those whose error is more than twice the median of the track, which
    count by the inverse variance relative to that limit. Plain inverse variances would draw the
    mean to low values, since the error of counts follows them. Where no error is known, all count
    alike, and that of the mean is NaN.

    Parameters
    ----------
    tracks
        From ``follow_columns``, with ``value`` and its error (``NAME_err``).
    value
        Such as ``"intensity_raw"`` or ``"intensity"``.

    Returns
    -------
    One row for each track: ``track``, ``frames`` (that hold the value; those that a camera has
    written twice count once, with a warning), mean ``y``, ``x`` [px],
    ``value``, its standard error ``value_err`` from the single errors, and ``chi2``, the squares
    of the deviations over what the errors let expect: well above 1 for a column that changes.

    Raises
    ------
    SBDError
        If the tracks hold no such value.

    Examples
    --------
    >>> tracks = sbd.follow_columns(sbd.find_columns(movie, sbd.denoise(movie)))
    >>> mean = sbd.combine_columns(tracks)
    >>> bool(mean["frames"].max() >= 2)  # those with an error count
    True
    """
    import pandas as pd

    error = f"{value}_err"
    if not {"track", value, error} <= set(tracks.columns):
        raise SBDError(f"The tracks hold no {value} with {error}; follow the columns first.")
    told = np.isfinite(tracks[error]) & (tracks[error] > 0)
    known = bool(told.any())
    good = tracks[np.isfinite(tracks[value]) & (told | (not known))]
    again = _written_again(good, ["track", "y", "x", value, error])
    if again:
        warn(
            f"Frames {again} have the very columns of one before, as of a camera that has written "
            "a frame twice; they tell nothing new and are left out."
        )
        good = good[~good["frame"].isin(again)]
    rows = []
    for track, part in good.groupby("track"):
        values, variance = part[value].to_numpy(float), part[error].to_numpy(float) ** 2
        weight = np.ones(len(part))
        if known:
            weight = 1 / np.maximum(variance, _ALIKE**2 * np.median(variance))
        weight /= weight.sum()
        mean = weight @ values
        scatter, expected = weight @ (values - mean) ** 2, (weight - weight**2) @ variance
        rows.append(
            {
                "track": track,
                "frames": len(part),
                "y": part["y"].mean(),
                "x": part["x"].mean(),
                value: mean,
                error: (weight**2 @ variance) ** 0.5,
                "chi2": scatter / expected if len(part) > 1 else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=["track", "frames", "y", "x", value, error, "chi2"])


def _written_again(tracks: pd.DataFrame, names: list[str]) -> list[int]:
    """Frames of several columns that have the very values of a frame before them."""
    known, again = set(), []
    for frame, part in tracks.groupby("frame") if "frame" in tracks else []:
        values = part.sort_values("track")[names].to_numpy(float).tobytes()
        if len(part) > 1 and values in known:
            again.append(int(frame))
        known.add(values)
    return again


def _frames(tables: Any) -> list[pd.DataFrame]:
    if hasattr(tables, "columns"):
        check_table(tables)
        if "frame" not in tables.columns:
            raise SBDError(
                "A single table needs a column 'frame'; or give one table for each frame."
            )
        seen = int(tables["frame"].max()) + 1 if len(tables) else 0
        count = max(seen, tables.attrs.get("frames", 0))  # the last ones may have no columns
        frames = [tables[tables["frame"] == t].reset_index(drop=True) for t in range(count)]
    else:
        frames = list(tables)
    if not frames:
        raise SBDError("There are no tables of columns to follow.")
    for table in frames:
        check_table(table)
    return frames


def _shown(frames: Sequence[pd.DataFrame], blank: Sequence[int]) -> np.ndarray:
    """(T,) bool: frames in which a column could be seen, as those have where some are."""
    return np.array([len(table) > 0 or t not in blank for t, table in enumerate(frames)])


def _field(
    frames: Sequence[pd.DataFrame], shape: Sequence[int] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest y, x of the frame or, where that is unknown, of any column."""
    if shape is not None:
        return np.zeros(2), np.array(shape[-2:], float) - 1
    held = [t[["y", "x"]].to_numpy(float) for t in frames if len(t)]
    points = np.vstack(held) if held else np.zeros((1, 2))
    return points.min(0), points.max(0)
