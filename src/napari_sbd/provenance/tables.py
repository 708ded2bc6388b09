"""Tables of columns held against those of a repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns.export import plain
from ..files import some_of
from ..units import number_of
from .steps.comparison import unlike, words

if TYPE_CHECKING:
    import pandas as pd

_LAST_DIGIT = 1e-14
_ORDER = ["frame", "y", "x"]
_LATER = {"recipe", "lattices", "strain"}  # what other tools say of a table


def is_table(values: Any) -> bool:
    """Whether values are a table of pandas."""
    return hasattr(values, "columns") and hasattr(values, "dtypes")


def numbers(stored: pd.DataFrame, again: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(N, M) of both, of the columns that both have, in one order."""
    names = [n for n in again if n in stored and again[n].dtype.kind in "fi"]
    then, now = _in_order(stored, again)
    first, second = then[names].to_numpy(float), now[names].to_numpy(float)
    if first.shape == second.shape:  # text may lose the last digit
        second = np.where(np.isclose(first, second, _LAST_DIGIT, 0), first, second)
    return first, second


def unlike_tables(stored: pd.DataFrame, again: pd.DataFrame) -> list[str]:
    """Where flags and words, and what is said of all rows, are others than in the repetition.

    Parameters
    ----------
    stored, again
        Tables of the same numbers.
    """
    then, now = _in_order(stored, again)
    found = []
    for name in [n for n in now if n in then and now[n].dtype.kind not in "fi"]:
        count = int((then[name].astype(str).to_numpy() != now[name].astype(str).to_numpy()).sum())
        if count:
            rows = number_of(count, "row")
            found.append(f"Its {words(name)} is another than the repetition gives in {rows}.")
    said, gives = (
        {k: v for k, v in plain(t.attrs).items() if k not in _LATER} for t in (stored, again)
    )
    return [*found, *unlike(said, gives)]


def not_in_both(stored: pd.DataFrame, again: pd.DataFrame) -> list[str]:
    """Which columns only one of the tables has, in words."""
    later, lost = (
        [n for n in one if n not in other] for one, other in ((stored, again), (again, stored))
    )
    return [
        f"{what}: {some_of([str(n) for n in names])}."
        for what, names in (("Not repeated", later), ("Not in the stored table", lost))
        if names
    ]


def _in_order(stored: pd.DataFrame, again: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables; where columns were followed, which sorts them by track, by their places."""
    if "track" not in stored or "frame" not in again:
        return stored, again
    return stored.sort_values(_ORDER), again.sort_values(_ORDER)
