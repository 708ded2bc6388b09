"""Limits of colours whose bar has labels: napari writes some at round values alone."""

from __future__ import annotations

import numpy as np

_ROUND = 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 10.0  # as far as 0, and labelled
_STEPS = 1.0, 2.0, 2.5, 5.0, 10.0
_PARTS = 4  # steps at least from one limit to the other
_NEAR = 1e-9  # of a value, which rounding may add
_PERCENTILES = 2, 98


def labelled_limits(values: np.ndarray, signed: bool) -> tuple[float, float]:
    """Round limits of colours that outliers do not widen, even about zero where both signs occur.

    Parameters
    ----------
    values
        Finite, any shape.
    signed
        Whether zero is in the middle.
    """
    if not len(values):
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, _PERCENTILES))
    if signed:
        high = _up(max(abs(low), abs(high)) or 1e-9, _ROUND)
        return -high, high
    if not low < high:
        high = low + (abs(low) * 1e-6 or 1e-9)
    step = _up((high - low) / _PARTS, _STEPS)
    return step * np.floor(low / step + _NEAR), step * np.ceil(high / step - _NEAR)


def _up(value: float, digits: tuple[float, ...]) -> float:
    """The next value that is one of these times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return next(float(d * power) for d in digits if d * power >= value * (1 - _NEAR))
