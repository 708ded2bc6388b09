"""Images that were smoothed by a running mean, whose transfer falls to zero and rises again."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .tile_spectra import TILE, tile_grid

_WIDTHS = (3, 5, 7)  # pixels; what a mean of two leaves is a smooth curve
_NARROW = 0.006  # cycles per pixel about a zero, which holds next to nothing
_BESIDE = 0.02, 0.045  # the same, where power has risen again
_DIP = 2.0  # natural logarithms of power between them; noise alone makes none
_LEAST = 96  # pixels along a side, whose spectrum shows a dip
_PASSED = 0.02  # of the largest power, less of which leaks in
_LEAK = np.array([1 / 6, 2 / 3, 1 / 6])  # power of the window of a tile, beside its frequency


def mean_power(fy: np.ndarray, fx: np.ndarray, widths: tuple[int, int]) -> np.ndarray:
    """What means over pixels along y and x leave of the power at frequencies [cycles per pixel]."""
    result: np.ndarray = _left(fy, widths[0]) * _left(fx, widths[1])
    return result


def find_mean(power: np.ndarray, shape: tuple[int, int]) -> tuple[int, int]:
    """The pixels along y and x over which a mean was taken, 1 where none was.

    Parameters
    ----------
    power, shape
        As ``band.middle_power`` gives them.
    """
    if min(shape) < _LEAST:
        return 1, 1
    level = np.log(np.maximum(power, np.finfo(float).tiny))
    fy, fx = np.abs(np.fft.fftfreq(shape[0])), np.fft.rfftfreq(shape[1])
    # medians along the other axis pass over lattices
    along_y, along_x = np.median(level[:, fx > 0], 1), np.median(level, 0)
    return _width(along_y, fy), _width(along_x, fx)


@lru_cache
def seen_in_tiles(widths: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What means leave of the power (M,) in tiles, and at which frequencies it is no leakage."""
    from scipy.ndimage import correlate1d

    f = np.fft.fftfreq(TILE)
    power = mean_power(f[:, None], f, widths)
    for axis in (0, 1):
        power = correlate1d(power, _LEAK, axis, mode="wrap")
    left = power[:, : TILE // 2 + 1][tile_grid().used]
    return left, left > _PASSED


def _width(level: np.ndarray, f: np.ndarray) -> int:
    for width in _WIDTHS:
        zeros = np.arange(1, width // 2 + 1) / width
        if all(_dips(level, np.abs(f - zero)) for zero in zeros):
            return width
    return 1


def _dips(level: np.ndarray, off: np.ndarray) -> bool:
    near, beside = level[off < _NARROW], level[(off > _BESIDE[0]) & (off < _BESIDE[1])]
    return bool(near.size and beside.size and np.median(beside) - near.mean() > _DIP)


def _left(f: np.ndarray, width: int) -> np.ndarray:
    steps = np.arange(width) - (width - 1) / 2
    result: np.ndarray = np.cos(2 * np.pi * np.multiply.outer(f, steps)).mean(-1) ** 2
    return result
