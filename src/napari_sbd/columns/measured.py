"""Rows of the table of columns: where they are, how sure that is, and what the data say of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .verdict import judged, stretch

if TYPE_CHECKING:
    import pandas as pd

    from ..agreement.evidence import Evidence
    from .fits import Fits
    from .inputs import Images

_EDGE = 5.0  # px along the frame, where a denoised image is several times less exact


def measured(
    frame: Images,
    evidence: Evidence | None,
    start: np.ndarray,
    free: np.ndarray | None,
    attrs: dict[str, Any],
    judged_at: np.ndarray | None = None,
) -> pd.DataFrame:
    """Fit, judge and describe columns that start at (N, 5) values, judged where they are fitted."""
    import pandas as pd

    from ..spots import spacing
    from .fitted import fitted
    from .outline import on_surface, reach

    model, alpha = frame.model, attrs.get("alpha")
    none = len(start) == 0
    fit, raw = None, None
    if not none:
        fit, raw = fitted(frame, evidence, start, free, attrs)
    table = pd.DataFrame(_columns(fit, ""))
    if frame.pair is not None:
        table = pd.concat([table, pd.DataFrame(_columns(raw, "_raw"))], axis=1)
    if none:
        table["elongation"], table["elongation_z"] = np.nan, np.nan
    else:
        image, noisy, _ = frame.values(evidence)
        spread = None if frame.pair is None or evidence is None else evidence.variance
        shared = None if evidence is None else evidence.noise
        stretch(table, noisy, image, spread, slice(None) if free is None else free, shared)
    points = table[["y", "x"]].to_numpy(float)
    height, width = model.shape[-2:]
    gap = spacing(points) if len(points) > 1 else 1.0
    apart = alpha * gap if alpha else reach(points, gap)
    attrs["outline"] = apart
    edge = _EDGE + attrs["scale"] if attrs["scale"] else _EDGE
    table["surface"] = on_surface(points, apart, (height, width), edge)
    table["near_frame"] = ((points < edge) | (points > np.array([height, width]) - 1 - edge)).any(1)
    table["agreement_z"], table["agreement_p"] = np.nan, np.nan
    if frame.pair is not None and evidence is not None and not none:
        places = points if judged_at is None else judged_at
        z, p = judged(frame.pair, evidence, places, attrs["scale"])
        table["agreement_z"], table["agreement_p"] = z, p
    if model.pixel_size_yx is not None:
        for axis, size in zip("yx", model.pixel_size_yx, strict=True):
            table[f"{axis}_nm"] = table[axis] * size
            table[f"{axis}_err_nm"] = table[f"{axis}_err"] * size
    return table


def moved(table: pd.DataFrame, by: Any, size: tuple[float, float] | None) -> pd.DataFrame:
    """A table whose columns lie elsewhere, by y, x [px]; with the size of a pixel [nm]."""
    result = table.copy()
    for axis, step, nm in zip("yx", by, size or (0.0, 0.0), strict=True):
        for name, far in ((axis, step), (f"{axis}_raw", step), (f"{axis}_nm", step * nm)):
            if name in result:
                result[name] = result[name] + far
    return result


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
