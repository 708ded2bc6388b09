"""What a pixel's eight neighbours say of it, where the statistics of the frame say nothing."""

from __future__ import annotations

import numpy as np

_SCATTERS = 2.5  # of the neighbours, over which a tower rises
AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
_LINES = [(d, 0) for d in (-2, -1, 1, 2)], [(0, d) for d in (-2, -1, 1, 2)]


def take_down(
    values: np.ndarray, at: np.ndarray, least: float, beside: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Put the median of its neighbours in the place of each pixel that towers over them.

    A tower differs from all its neighbours but a few, which may be others, by more than 2.5 times
    what the rest of them scatter. A pixel of a line is none.

    Parameters
    ----------
    values
        (Y, X) float64, NaN without data; changed.
    at
        (n, 2) pixels to look at.
    least
        By which a tower rises over that as well [file units].
    beside
        How many of the neighbours may be others.

    Returns
    -------
    The towers (m, 2), and their sign (m,): 1 for what is too high, -1 for what is too low.
    """
    near = np.stack([shifted(values, at, step) for step in AROUND])
    near = np.sort(near, 0)  # NaN last
    places, signs = [], []
    here = values[tuple(at.T)]
    for sign, far, close in ((1, near[0], near[7 - beside]), (-1, near[7], near[beside])):
        tall = sign * (here - close) > _SCATTERS * sign * (close - far) + least
        for line in _LINES:
            if beside > 1 and tall.any():
                along = np.stack([shifted(values, at[tall], step) for step in line])
                tall[tall] = (sign * (along - close[tall])).min(0) < least
        places.append(at[tall])
        signs.append(np.full(np.count_nonzero(tall), sign))
        usual = near[: 8 - beside] if sign > 0 else near[beside:]
        values[tuple(at[tall].T)] = np.nanmedian(usual[:, tall], 0) if tall.any() else 0.0
    return np.concatenate(places), np.concatenate(signs)


def shifted(values: np.ndarray, at: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    """Values (n,) a step from some pixels (n, 2), mirrored at the borders."""
    here = []
    for c, d, n in zip(at.T, step, values.shape, strict=True):
        moved = np.abs(c + d)
        here.append(np.where(moved < n, moved, 2 * (n - 1) - moved))
    return np.asarray(values[tuple(here)])
