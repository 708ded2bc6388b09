"""Columns that were added or moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..agreement.words import BY_ALL
from ..errors import SBDError, warn
from .inputs import inputs
from .lattice import check_table, without_lattice
from .measured import measured, moved
from .presence import presence
from .verdict import NOTHING, support, without_errors

if TYPE_CHECKING:
    import pandas as pd

    from ..agreement.evidence import Evidence
    from .inputs import Images


def refit_columns(
    table: pd.DataFrame, rows: Any, noisy: Any, denoised: Any = None, **calibration: Any
) -> pd.DataFrame:
    """Fit some columns again, such as those added or moved by hand; all others stay.

    Parameters
    ----------
    table
        From ``find_columns`` for a single image, with edited or appended rows; only ``y`` and ``x``
        of an edited row count. Deleted rows simply are not there.
    rows
        Row numbers or a boolean mask.
    noisy, denoised
        As in ``find_columns``.
    **calibration
        ``pixel_size``, ``gain``, ``offset`` as in ``find_columns``.

    Returns
    -------
    A new table with the same columns, but for lattices and strain: those of all columns change with
    one of them, so they are left out, with a warning. ``species`` of the rows is -1, unknown.

    Raises
    ------
    SBDError
        If the table does not belong to the image.

    Examples
    --------
    >>> table = sbd.find_columns(noisy, denoised)
    >>> table.loc[0, "x"] += 1.0  # moved by hand
    >>> again = sbd.refit_columns(table, [0], noisy, denoised)
    >>> bool(abs(again.loc[0, "x"] - table.loc[0, "x"]) > 0.5)
    True
    """
    check_table(table)
    whole = without_lattice(table)
    if len(whole.columns) < len(table.columns):
        warn(
            "Lattices and strain were those of the columns before the edit and are left out; "
            "measure them again."
        )
        table = whole
    free = np.zeros(len(table), bool)
    chosen = np.asarray(rows)
    free[chosen if chosen.dtype == bool else chosen.astype(int)] = True
    if "scale" not in table.attrs:
        raise SBDError("The table does not say how wide its columns are; find the columns first.")
    settings = [calibration.get(k) for k in ("pixel_size", "gain", "offset")]
    settings.append(table.attrs.get("region"))
    images = inputs(noisy, denoised, *settings)
    size = table.attrs.get("pixel_size_nm")
    if images.model.pixel_size is None and size is not None:
        settings[0] = size if np.ndim(size) == 0 else (size[0], size[1])
        images = inputs(noisy, denoised, *settings)
    kept, corner = dict(table.attrs), images.limits.corner if images.limits else np.zeros(2)
    table = moved(table, -corner, images.model.pixel_size_yx)
    points = table[["y", "x"]].to_numpy(float)
    if images.model.is_movie or not _inside(points, images.model.shape):
        raise SBDError("The columns lie outside of the image: they belong to another one.")
    start = table[["y", "x", "amplitude", "sigma", "background"]].to_numpy(float, copy=True)
    start[free, 2:] = np.nan
    frame = images.frame(0)
    evidence = None
    if frame.pair is not None:
        by_halves = table.attrs.get("halves", True) and table.attrs.get("judged") != BY_ALL
        evidence = frame.pair.evidence(None if by_halves else False)
    fresh = measured(frame, evidence, start, free, dict(table.attrs))
    result = table.reset_index(drop=True).copy()
    shared = [c for c in fresh.columns if c in result.columns]
    for name in shared:
        # of a part of an image nobody knows any more what lies around it
        whole = name in ("surface", "near_frame") and images.limits is None
        values = fresh[name].to_numpy()
        result[name] = values if whole else np.where(free, values, result[name].to_numpy())
    if "halves" in result:
        result.loc[free, "halves"] = 2
    if "species" in result:
        result.loc[free, "species"] = -1
    result.loc[free, "note"] = ""
    _look(result, np.flatnonzero(free), points, frame, evidence)
    if images.unseen:
        without_errors(result)
    support(result)
    result = moved(result, corner, images.model.pixel_size_yx)
    result.attrs = {**kept, "edited": True}
    return result


def _look(
    table: pd.DataFrame,
    rows: np.ndarray,
    points: np.ndarray,
    frame: Images,
    evidence: Evidence | None,
) -> None:
    """Say where a point was put on nothing: it stays there, with errors that say so."""
    names = ["y", "x", "amplitude", "sigma", "background"]
    others = table.drop(index=rows)[names].dropna().to_numpy(float)
    if not len(others) or not len(rows):
        return
    amplitude, sigma = (float(np.median(others[:, i])) for i in (2, 3))
    image, noisy, _ = frame.values(evidence)
    variance = None if noisy is None or evidence is None else evidence.variance
    seen = image if noisy is None else noisy
    shared = None if evidence is None else evidence.noise
    found = presence(seen, points[rows], others, (amplitude, sigma), variance, shared)
    lost = table.loc[rows, ["y_err", "x_err"]].isna().any(axis=1).to_numpy()
    # one column alone may not stand out of few counts; then what the image shows decides
    shown = presence(image, points[rows], others, (amplitude, sigma), None)
    empty = ~(found.there | shown.there) | lost
    at, area = rows[empty], 2 * np.pi * sigma**2
    anywhere = found.radius / 3**0.5  # of a place that may be anywhere in the window
    suffixes = ["", "_raw"] if "y_raw" in table else [""]
    for suffix in suffixes:
        for name, value, error in (
            ("y", points[at, 0], anywhere),
            ("x", points[at, 1], anywhere),
            ("amplitude", found.amplitude[empty], found.error[empty]),
            ("sigma", sigma, sigma),
            ("background", found.background[empty], found.error[empty]),
            ("intensity", area * found.amplitude[empty], area * found.error[empty]),
        ):
            table.loc[at, f"{name}{suffix}"] = value
            table.loc[at, f"{name}{suffix}_err"] = error
    for axis, size in zip("yx", frame.model.pixel_size_yx or (), strict=False):
        table.loc[at, f"{axis}_nm"] = table.loc[at, axis] * size
        table.loc[at, f"{axis}_err_nm"] = anywhere * size
    table.loc[at, "note"] = NOTHING


def _inside(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool(((points > -1) & (points < np.array(shape))).all())
