"""Histograms of what columns have, and kinds of columns between thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..columns import species
from ..columns.kinds import sign_of
from ..errors import SBDError

_MOST_BINS = 200
_ALIKE = 1e-9  # relative


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts in bins of one width.

    Parameters
    ----------
    edges
        (n + 1,).
    counts
        (n,).
    left_out
        Values that are not finite.
    """

    edges: np.ndarray
    counts: np.ndarray
    left_out: int


@dataclass(frozen=True)
class Kind:
    """Columns between two thresholds.

    Parameters
    ----------
    count
        How many.
    mean, sd, mean_err
        Of their values; NaN where there are too few.
    """

    count: int
    mean: float
    sd: float
    mean_err: float


def histogram(values: np.ndarray, bins: int | None = None) -> Histogram:
    """Count values in bins.

    Parameters
    ----------
    values
        (N,), any that are not finite are left out.
    bins
        By default as Freedman & Diaconis (1981): 2 IQR / N^(1/3) wide.

    Raises
    ------
    SBDError
        If no value is finite, or ``bins`` is no positive number.
    """
    data = np.asarray(values, float)
    held = data[np.isfinite(data)]
    if not len(held):
        raise SBDError("There are no values to count.")
    if bins is not None and not 1 <= bins <= _MOST_BINS:
        raise SBDError(f"The number of bins is 1 to {_MOST_BINS}, not {bins}.")
    span = float(np.ptp(held))
    if span <= _ALIKE * np.abs(held).max():  # but for rounding one value
        middle = float(held.mean())
        edges = middle + max(abs(middle), 1.0) * np.array([-0.5, 0.5])
        return Histogram(edges, np.array([len(held)]), len(data) - len(held))
    if bins is None:
        quarter, three = np.percentile(held, (25, 75))
        width = 2 * (three - quarter) / len(held) ** (1 / 3)
        bins = int(np.clip(np.ceil(span / width) if width > 0 else 10, 1, _MOST_BINS))
    counts, edges = np.histogram(held, bins)
    return Histogram(edges, counts, len(data) - len(held))


def split(values: np.ndarray, thresholds: list[float]) -> tuple[np.ndarray, list[Kind]]:
    """Sort values into kinds between thresholds.

    Parameters
    ----------
    values
        (N,).
    thresholds
        Any order; a value on a threshold belongs above it.

    Returns
    -------
    (N,) 0 for the weakest kind, 1 for the next, ..., as ``species``: below the lowest threshold or,
    where most values are negative, as of dark columns, above the highest; -1 where the value is not
    finite. And what each kind has.
    """
    data = np.asarray(values, float)
    label = np.searchsorted(np.sort(np.asarray(thresholds, float)), data, side="right")
    label = label if sign_of(data) > 0 else len(thresholds) - label
    label = np.where(np.isfinite(data), label, -1)
    kinds = []
    for number in range(len(thresholds) + 1):
        mine = data[label == number]
        count = len(mine)
        mean = float(mine.mean()) if count else np.nan
        sd = float(mine.std(ddof=1)) if count > 1 else np.nan
        kinds.append(Kind(count, mean, sd, sd / np.sqrt(count) if count > 1 else np.nan))
    return label, kinds


def suggest_thresholds(values: np.ndarray, most: int = 3) -> list[float]:
    """Thresholds between the kinds that ``columns.species`` finds: half-way between neighbours.

    Parameters
    ----------
    values
        (N,).
    most
        Kinds at most.
    """
    data = np.asarray(values, float)
    held = data[np.isfinite(data)]
    sign = sign_of(held)
    label = species(held, most)
    found = []
    for number in range(int(label.max(initial=0))):
        below, above = sign * held[label == number], sign * held[label == number + 1]
        if len(below) and len(above):
            found.append(float(sign * (below.max() + above.min()) / 2))
    return sorted(found)
