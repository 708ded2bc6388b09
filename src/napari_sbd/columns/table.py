"""The table of atomic columns: found, fitted, judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled, SBDError, in_words, warn
from ..frames import unmasked
from ..micrograph import Micrograph, PixelSize

if TYPE_CHECKING:
    import pandas as pd

    from .detect import Polarity
    from .measure import Fits

_FALSE_DISCOVERIES = 0.05  # expected share among the columns called unsupported


def find_columns(
    denoised: Any,
    noisy: Any = None,
    pixel_size: PixelSize | None = None,
    *,
    gain: float | None = None,
    offset: float | None = None,
    polarity: Polarity = "auto",
    sensitivity: float = 0.5,
    spacing: float | None = None,
    alpha: float | None = None,
    progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Find the atomic columns of a denoised image, fit them, and judge them by the raw counts.

    Parameters
    ----------
    denoised
        A micrograph or array, (Y, X) or (T, Y, X).
    noisy
        The electron counts that it was made from, for the fit to the counts, for counting errors
        and for the agreement.
    pixel_size
        nm, one number or (y, x); by default the micrograph's own.
    gain, offset
        Of ``noisy``: file units per electron, and at zero electrons.
    polarity
        ``"bright"``, ``"dark"``, or ``"auto"``.
    sensitivity
        0 to 1: extrema count from 0.8 (1 - sensitivity) of the response of a typical column.
    spacing
        Of nearest columns [px]; by default their width is taken from the image.
    alpha
        Of the outline, in units of the spacing; 1.08 by default.
    progress
        Called with (done, total), in frames.
    should_stop
        Asked before every frame; True ends the work.

    Returns
    -------
    One row for each column: ``y``, ``x`` [px, centre of pixel (0, 0) is 0, 0], ``y_err``,
    ``x_err``, ``intensity`` (integral of the Gaussian above the background; negative for dark
    columns), ``intensity_err``, ``sigma`` [px], ``sigma_err``, ``amplitude``, ``background``; the
    same from the counts alone as ``y_raw``, ``y_raw_err``, ...; ``surface`` [bool],
    ``agreement_z``, ``agreement_p``, ``supported`` [bool; false where the counts contradict the
    denoised image, at a false discovery rate of 5 %]; ``y_nm``, ``x_nm``, ``y_err_nm``,
    ``x_err_nm`` when calibrated; ``frame`` for movies. Errors are one standard deviation.
    Intensities are in electrons if ``noisy`` is given, else in units of the image. ``attrs`` hold
    scale [px], spacing [px], polarity, threshold, unit and recipe; for a movie those of its first
    frame with columns.
    An image without columns gives an empty table and a warning; noise that is not that of electron
    counts gives a warning.

    Raises
    ------
    SBDError
        If the input cannot be used or there are too many extrema.
    Cancelled
        If ``should_stop`` said so.
    """
    import pandas as pd

    from ..noise import counts as electrons
    from .detect import check_settings
    from .inputs import inputs, recipe_of

    check_settings(sensitivity, polarity, spacing)
    if alpha is not None and not 0.5 < alpha < np.inf:
        raise SBDError(f"Alpha is larger than 0.5 spacings, not {alpha}.")
    with in_words():
        model, data = inputs(denoised, noisy, pixel_size, gain, offset)
        images = model.data if model.is_movie else model.data[None]
        settings = {"polarity": polarity, "sensitivity": sensitivity, "spacing": spacing}
        entry, tables = recipe_of(model, data, {**settings, "alpha": alpha}), []
        for t, image in enumerate(images):
            if should_stop and should_stop():
                raise Cancelled("The search for columns was stopped.")
            counts = None if data is None else (data.data[t] if data.is_movie else data.data)
            found = _find(
                model.replace(data=np.asarray(unmasked(image), np.float64)),
                None if data is None else data.replace(data=np.asarray(unmasked(counts))),
                settings,
                alpha,
            )
            if t == 0 and data is not None and len(found):
                width = round(found.attrs["scale"] / 1.5) or 1
                electrons.warn_unless_poisson(next(electrons.frames(data)), width)
            found.attrs["recipe"] = entry
            if model.is_movie:
                found.insert(0, "frame", t)
            tables.append(found)
            if progress:
                progress(t + 1, len(images))
    if not model.is_movie:
        return tables[0]
    with_columns = [t for t in tables if len(t)] or tables[:1]
    attrs = with_columns[0].attrs
    for table in tables:
        table.attrs = {}
    result = pd.concat(with_columns, ignore_index=True)
    result.attrs = {**attrs, "frames": len(images)}
    return result


def refit_columns(
    table: pd.DataFrame, rows: Any, denoised: Any, noisy: Any = None, **calibration: Any
) -> pd.DataFrame:
    """Fit some columns again, such as those added or moved by hand; all others stay.

    Parameters
    ----------
    table
        From ``find_columns`` for a single image, with edited or appended rows; only ``y`` and ``x``
        of an edited row count. Deleted rows simply are not there.
    rows
        Row numbers or a boolean mask.
    denoised, noisy
        As in ``find_columns``.
    **calibration
        ``pixel_size``, ``gain``, ``offset`` as in ``find_columns``.

    Returns
    -------
    A new table with the same columns.

    Raises
    ------
    SBDError
        If the table does not belong to the image.
    """
    from .inputs import inputs
    from .lattice import check_table

    check_table(table)
    free = np.zeros(len(table), bool)
    free[np.asarray(rows)] = True
    if "scale" not in table.attrs:
        raise SBDError("The table does not say how wide its columns are; find the columns first.")
    settings = (calibration.get(k) for k in ("pixel_size", "gain", "offset"))
    model, data = inputs(denoised, noisy, *settings)
    points = table[["y", "x"]].to_numpy(float)
    if model.is_movie or not _inside(points, model.shape):
        raise SBDError("The columns lie outside of the image: they belong to another one.")
    start = table[["y", "x", "amplitude", "sigma", "background"]].to_numpy(float, copy=True)
    start[free, 2:] = np.nan
    fresh = _measured(model, data, start, free, table.attrs, table.attrs.get("alpha"))
    result = table.reset_index(drop=True).copy()
    shared = [c for c in fresh.columns if c in result.columns]
    for name in shared:
        whole = name in ("surface", "supported")
        values = fresh[name].to_numpy()
        result[name] = values if whole else np.where(free, values, result[name].to_numpy())
    result.attrs = {**table.attrs, "edited": True}
    return result


def _find(model: Micrograph, data: Micrograph | None, settings: dict, alpha: float | None):
    from .detect import detect
    from .lattice import spacing

    image = model.data if np.isfinite(model.data).any() else np.zeros(model.shape)
    found = detect(image, **settings)
    points = np.column_stack([found.y, found.x])
    why = found.why or "No extremum is above the threshold; raise the sensitivity."
    if len(points) and found.scale is not None and model.gain is not None:
        points, why = _visible(model, model.gain, points, found.scale)
    start = np.column_stack([points, np.full((len(points), 3), np.nan)])
    attrs = {
        "scale": found.scale,
        "spacing": spacing(points),
        "polarity": "bright" if found.bright else "dark",
        "threshold": found.threshold,
        "alpha": alpha,
        "unit": "image units" if data is None else "electrons",
        "pixel_size_nm": model.pixel_size,
        "shape": list(model.shape),
    }
    if not len(points):
        warn(f"No atomic columns were found. {why}")
    table = _measured(model, data, start, None, attrs, alpha)
    table.attrs = attrs
    return table


def _visible(
    model: Micrograph, gain: float, points: np.ndarray, scale: float
) -> tuple[np.ndarray, str]:
    """The points, or none with the reason where the counts cannot have shown such columns."""
    from ..agreement.visibility import VISIBLE, visibility

    electrons = (np.asarray(model.data, np.float64) - model.offset) / gain
    seen = visibility(electrons, (scale, scale), *points.T)
    if seen >= VISIBLE:
        return points, ""
    return points[:0], (
        f"All spots of the denoised image together would stand out of its counts by {seen:.1f} "
        f"sigmas, and {VISIBLE:g} are needed: they come from the noise."
    )


def _measured(model, data, start, free, attrs, alpha) -> pd.DataFrame:
    """Fit, judge and describe columns that start at (N, 5) values."""
    import pandas as pd

    from .lattice import spacing
    from .measure import measure
    from .outline import ALPHA, on_surface

    image, counts = model.data, None
    if data is not None:
        image = (np.asarray(model.data) - model.offset) / model.gain
        counts = (np.asarray(data.data, np.float64) - data.offset) / data.gain
    none = len(start) == 0
    fit, raw = (
        (None, None)
        if none
        else measure(image, counts, start, attrs["scale"], attrs["polarity"] == "bright", free)
    )
    table = pd.DataFrame(_columns(fit, ""))
    if data is not None:
        table = pd.concat([table, pd.DataFrame(_columns(raw, "_raw"))], axis=1)
    points = table[["y", "x"]].to_numpy(float)
    gap = spacing(points)
    reach = (alpha or ALPHA) * (gap if np.isfinite(gap) else 1.0)
    table["surface"] = on_surface(points, reach, model.shape, gap if np.isfinite(gap) else 0.0)
    table["agreement_z"], table["agreement_p"] = np.nan, np.nan
    table["supported"] = True
    if data is not None and not none:
        table["agreement_z"], table["agreement_p"], table["supported"] = _judged(
            model, data, points, attrs["scale"]
        )
    if model.pixel_size_yx is not None:
        for axis, size in zip("yx", model.pixel_size_yx, strict=True):
            table[f"{axis}_nm"] = table[axis] * size
            table[f"{axis}_err_nm"] = table[f"{axis}_err"] * size
    return table


def _columns(fit: Fits | None, suffix: str) -> dict[str, np.ndarray]:
    names = ["y", "x", "amplitude", "sigma", "background"]
    values = fit.values if fit else np.zeros((0, 5))
    error = fit.error if fit else np.zeros((0, 5))
    by_name = dict(zip(names, values.T, strict=True))
    by_name |= {f"{n}_err": e for n, e in zip(names, error.T, strict=True)}
    by_name["intensity"] = fit.intensity if fit else np.zeros(0)
    by_name["intensity_err"] = fit.intensity_error if fit else np.zeros(0)
    order = ["y", "x", "intensity", "sigma", "amplitude", "background"]
    result = {}
    for name in order:
        result[name + suffix] = by_name[name]
        result[f"{name}{suffix}_err"] = by_name[f"{name}_err"]
    return result


def _judged(model, data, points, scale) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.stats import false_discovery_control

    from ..agreement import judge_columns

    z, p = judge_columns(data, model, points[:, 0], points[:, 1], 2**0.5 * scale)
    supported = np.ones(len(p), bool)
    valid = np.isfinite(p)
    if valid.any():
        supported[valid] = false_discovery_control(p[valid]) >= _FALSE_DISCOVERIES
    return z, p, supported


def _inside(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool(((points > -1) & (points < np.array(shape))).all())
