"""Micrographs drawn with matplotlib: panels with a scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..micrograph import Micrograph

if TYPE_CHECKING:
    import pandas as pd


def panel(axes: Any, micrograph: Micrograph, title: str = "") -> None:
    """Draw an image, or the first frame of a movie, with a scale bar where it is calibrated.

    Parameters
    ----------
    axes
        matplotlib axes.
    micrograph
        What to draw.
    title
        Above it.
    """
    image = np.asarray(micrograph.data[0] if micrograph.is_movie else micrograph.data, np.float64)
    low, high = contrast(image)
    tall, wide = micrograph.pixel_size_yx or (1.0, 1.0)
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, aspect=tall / wide)
    axes.set_title(title)
    axes.set_axis_off()
    if micrograph.pixel_size_yx is not None:
        height, width = image.shape
        pixel = micrograph.pixel_size_yx[1]
        length = scale_bar_length(width * pixel)
        start, y = 0.05 * width, 0.94 * height
        axes.plot([start, start + length / pixel], [y, y], color="yellow", linewidth=3)
        axes.text(start, 0.98 * y, f"{length:g} nm", color="yellow", va="bottom")


def columns_shown(columns: pd.DataFrame, micrograph: Micrograph) -> pd.DataFrame:
    """Those of the frame that ``panel`` draws: the first of a movie, the only one of an image."""
    if "frame" not in columns:
        return columns
    drawn = 0 if micrograph.is_movie else columns["frame"].min()
    return columns[columns["frame"] == drawn]


def contrast(values: np.ndarray) -> tuple[float, float]:
    """What is black and what is white, in any unit; the latter is above the former."""
    held = values[np.isfinite(values)]
    if not held.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(held, (0.2, 99.8)))
    return low, high if high > low else low + max(abs(low), 1.0)


def scale_bar_length(width: float) -> float:
    """A round length of about a quarter of a field [nm]."""
    power = 10.0 ** np.floor(np.log10(width / 4))
    return float(power * max(step for step in (1, 2, 5) if step * power <= width / 4))
