"""How columns are fitted together, with those beyond the frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from .beyond import beyond
from .fit import GaussianFit, fit_gaussians
from .one_width import core

RADIUS = 3.5  # scales: the pixels that a column is fitted to; fitted widths are 1 to 1.7 scales
AGAIN = 0.5  # of that radius: how far the fit of a column may be from another fit


class Way:
    """How columns are fitted, with those beyond the frame; or all with one width.

    Parameters
    ----------
    seen
        (N, 5) where columns start, as ``Fits.values`` in summed pixels.
    shape
        Of the image in summed pixels.
    scale
        Width of the columns [summed pixels].
    free
        (N,) which columns to fit; None for all.
    width
        That all columns are given [summed pixels]; None where each has its own.
    """

    def __init__(
        self,
        seen: np.ndarray,
        shape: tuple[int, ...],
        scale: float,
        free: np.ndarray | None,
        width: float | None = None,
    ) -> None:
        self.count, self.width = len(seen), width
        self.radius = self.usual = RADIUS * scale
        if width is not None:
            self.radius = core(seen[:, :2])
            seen = np.column_stack([seen[:, :3], np.full(len(seen), width), seen[:, 4]])
        self.row = beyond(seen[:, :2], shape, scale if width is None else width)
        unseen = seen[self.row[:, 1]]
        unseen[:, :2] = 2 * seen[self.row[:, 0], :2] - unseen[:, :2]
        self.first = np.vstack([seen, unseen])
        self.free = None if free is None else np.append(free, np.ones(len(unseen), bool))

    def fit(
        self, image: np.ndarray, start: np.ndarray, leash: float = AGAIN, **options: Any
    ) -> GaussianFit:
        """Columns from (N, 5) values; a leash in usual radii, ``options`` of ``fit_gaussians``."""
        if self.width is not None:
            options["hold_width"] = np.ones(len(start), bool)
            options["alike"] = True
        leash *= self.usual / self.radius
        common: dict[str, Any] = {"row": self.row, "free": self.free, "leash": leash}
        return fit_gaussians(image, start, self.radius, **common, **options)


def spread(block: int) -> float:
    """Variance that summing over blocks adds to a width [blocks squared]."""
    return (1 - 1 / block**2) / 12
