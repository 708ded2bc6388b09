"""The smooth curves of which the logarithm of a noise power is made."""

from __future__ import annotations

import numpy as np

MONOTONE, FREE = 9, 6


def curve_terms(fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
    """(..., 16) terms of the logarithm of a noise power, all zero at zero frequency but the first.

    The first falls with no frequency; nine fall along the radius or an axis, as point spreads and
    tails do, and are only ever added; six are smooth waves of either sign.
    """
    r2 = fy**2 + fx**2
    falling = [10 * np.sqrt(r2), 100 * r2, 400 * r2**2, 100 * fx**2, 100 * fy**2]
    falling += [np.log1p((f / width) ** 2) for f in (fx, fy) for width in (0.08, 0.25)]
    y, x, yy, xx = (np.cos(2 * np.pi * n * f) - 1 for n in (1, 2) for f in (fy, fx))
    waves = [x, y, xx, yy, x * y, np.sin(2 * np.pi * fx) * np.sin(2 * np.pi * fy)]
    return np.stack([np.ones_like(r2), *(-t for t in falling), *waves], -1)
