"""What happens along a line while a movie runs: position to the right, time downwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import Cancelled, SBDError
from ..micrograph import Micrograph
from ..micrograph.telling import frame_or_nan
from .profile import weights_along

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_HELD = 0.5  # of the weight of a sample that must lie on data
_PERCENTILES = 0.5, 99.5
_WIDTH = 5.0  # px


@dataclass(frozen=True, eq=False)
class Kymograph:
    """Values along a line in each frame.

    Parameters
    ----------
    time
        (T,) of the frames [s], or their numbers.
    time_unit
        ``"s"`` or ``"frame"``.
    position
        (n,) distance from the start of the line [unit].
    unit
        ``"nm"`` or ``"px"``.
    values
        (T, n) in file units; NaN where there are no data.
    """

    time: np.ndarray
    time_unit: str
    position: np.ndarray
    unit: str
    values: np.ndarray

    def table(self) -> pd.DataFrame:
        """A row for each frame: time, and the value at each position."""
        import pandas as pd

        names = [f"{p:.6g} {self.unit}" for p in self.position]
        time = "frame" if self.time_unit == "frame" else f"time_{self.time_unit}"
        return pd.DataFrame(self.values, columns=names).assign(**{time: self.time})[[time, *names]]

    def figure(self) -> Figure:
        """Position to the right, time downwards."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 4), layout="constrained")
        self.draw(figure.subplots())
        return figure

    def draw(self, axes: object) -> None:
        """Draw it into axes of matplotlib."""
        low, high = np.nanpercentile(self.values, _PERCENTILES)
        step = self.time[1] - self.time[0] if len(self.time) > 1 else 1.0
        half = (self.position[1] - self.position[0]) / 2
        edges = (
            self.position[0] - half,
            self.position[-1] + half,
            self.time[-1] + step / 2,
            self.time[0] - step / 2,
        )
        axes.imshow(  # type: ignore[attr-defined]
            self.values,
            extent=edges,
            aspect="auto",
            cmap="gray",
            vmin=low,
            vmax=high if high > low else low + max(abs(low), 1.0),
        )
        labels = {"xlabel": f"position [{self.unit}]", "ylabel": f"time [{self.time_unit}]"}
        axes.set(**labels)  # type: ignore[attr-defined]


def kymograph(
    movie: Micrograph,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    width: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Kymograph:
    """Mean of each frame of a movie across a line, at steps of a pixel.

    Parameters
    ----------
    movie
        (T, Y, X); frames are read one by one.
    start, end
        (y, x) [px], the centre of pixel (0, 0) is 0, 0.
    width
        Over which to average, at right angles to the line [nm, or px without a pixel size]; by
        default 5 pixels, as in the window and the command.
    should_stop
        Asked before each frame.

    Raises
    ------
    SBDError
        If this is no movie, the line is shorter than two pixels or lies mostly off the data.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> from napari_sbd.measure.kymograph import kymograph
    >>> found = kymograph(movie, (32, 10), (32, 50))
    >>> found.values.shape  # frames, positions
    (3, 41)
    """
    if not movie.is_movie:
        raise SBDError("A kymograph needs a movie; this is a single image.")
    size = np.asarray(movie.pixel_size_yx or (1.0, 1.0))
    width = _WIDTH * float(size.prod() ** 0.5) if width is None else width
    if not np.isfinite(width) or width <= 0:
        raise SBDError("The width of the line must be a positive number.")
    ends = np.array([start, end], float)
    weights, position = weights_along(movie.shape[-2:], ends, width, size)
    rows = []
    for t in range(len(movie.data)):
        if should_stop():
            raise Cancelled("Stopped before the kymograph was complete.")
        values = frame_or_nan(movie, t).astype(np.float64).ravel()
        held = np.isfinite(values)
        share = weights @ held.astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (weights @ np.where(held, values, 0)) / share
        rows.append(np.where(share > _HELD, mean, np.nan))
    if not np.isfinite(rows).any():
        raise SBDError("The line lies off the movie's data; draw it across the image.")
    step = movie.frame_time
    time = np.arange(len(rows)) * (step or 1.0)
    unit = "nm" if movie.pixel_size_yx else "px"
    return Kymograph(time, "s" if step else "frame", position, unit, np.stack(rows))
