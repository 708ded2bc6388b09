"""Measure the columns of an image, with what was warned of; knows no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...columns import find_columns, follow_columns
from ...errors import listening
from ...micrograph import Micrograph
from .work import Progress, ShouldStop

if TYPE_CHECKING:
    import pandas as pd


def measure(
    m: Micrograph,
    raw: Micrograph | None,
    settings: dict[str, Any],
    follow: bool,
    frame: int | None,
    error: float,
    progress: Progress,
    should_stop: ShouldStop,
) -> tuple[pd.DataFrame, int | None, str]:
    """The table of the columns of an image, the frame it is of, and what was warned of.

    Parameters
    ----------
    m, raw
        The image, or all frames of a movie; what judges it, or None.
    settings
        Of ``find_columns``.
    follow
        Whether to link the columns of all frames.
    frame
        Of a movie, which ``m`` is.
    error
        What an estimated gain leaves open of the intensities (relative); it stands in the table's
        ``attrs``.
    progress, should_stop
        As ``find_columns`` has them.
    """
    with listening() as words:
        table = find_columns(raw, m, progress=progress, should_stop=should_stop, **settings)
        if error and table.attrs.get("unit") == "electrons":
            table.attrs["intensity_scale_err"] = error
        if follow and len(table):
            table = follow_columns(table)
    return table, frame, " ".join(words)
