"""Whether atomic columns appear white, black or in between in a clean image."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import bandlimited

_SPOT = 0.35  # Å, standard deviation of the Gaussian mean over a column
_SURROUNDINGS = 1.4  # Å, of the mean around it, about half the distance of columns
WHITE = 0.25  # of the vacuum's intensity
BLACK = -0.02


def contrast_classes(images: np.ndarray, box: float, columns: np.ndarray) -> list[str]:
    """Tell the contrast class of images of one model.

    The contrast of a column is the Gaussian mean over it (sd 0.35 Å) minus that over its
    surroundings (sd 1.4 Å), in units of the vacuum's intensity. The medians over the columns of
    each element decide: *white* if all of them are at least 0.25, *black* if all are -0.02 or less,
    *intermediate* otherwise. The limits were chosen so that the shares resemble those of the labels
    given by hand in the SBD paper: a twentieth black, all near focus, and about a third white,
    mostly beyond 10 nm of defocus.

    Parameters
    ----------
    images
        (N, n, n) periodic images, vacuum = 1.
    box
        Side of the images [Å].
    columns
        (M, 3) y [Å], x [Å] and atomic number of the columns that count, such as those of heavy
        elements within the field.

    Returns
    -------
    N of ``"white"``, ``"intermediate"`` and ``"black"``.
    """
    y, x, number = columns[:, :3].T
    spot, around = (
        _at(images, box, y, x, bandlimited.gaussian(sigma)) for sigma in (_SPOT, _SURROUNDINGS)
    )
    contrast = spot - around
    medians = np.stack([np.median(contrast[:, number == z], axis=1) for z in np.unique(number)])
    classes = np.where((medians <= BLACK).all(0), "black", "intermediate")
    return [str(c) for c in np.where((medians >= WHITE).all(0), "white", classes)]


def _at(images: np.ndarray, box: float, y: np.ndarray, x: np.ndarray, transfer: Any) -> np.ndarray:
    """(N, M) values of filtered images at M points."""
    size = images.shape[-1]
    rows, cols = (bandlimited.weights(p, size, box, transfer) for p in (y, x))
    result: np.ndarray = np.einsum("imx,mx->im", rows @ images, cols)
    return result
