"""Power spectra of small tiles of an image, by which noise is told from what is in a few places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .whitening import curve_terms

TILE = 32  # pixels along a side, of block sums or of the file
CORNER = 0.40  # cycles per working pixel, beyond which a micrograph holds hardly any signal
_SLOWEST = 1.5 / TILE  # cycles per pixel that the window of a tile can tell from the mean


@dataclass(frozen=True)
class Grid:
    """Frequencies [cycles per pixel] of a tile's spectrum that are looked at."""

    used: np.ndarray
    fy: np.ndarray
    fx: np.ndarray
    corner: np.ndarray
    terms: np.ndarray


@lru_cache(maxsize=1)
def tile_grid() -> Grid:
    """The same for all tiles."""
    fy, fx = np.broadcast_arrays(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE))
    f = np.hypot(fy, fx)
    # the columns at zero and Nyquist hold every value twice, and row noise
    used = (f > _SLOWEST) & (fx > 0) & (fx < 0.5)
    return Grid(used, fy[used], fx[used], f[used] > CORNER, curve_terms(fy[used], fx[used]))


def taper() -> np.ndarray:
    """(TILE,) what a tile is multiplied by along each axis."""
    result: np.ndarray = np.hanning(TILE + 1)[:-1]
    return result


def tile_spectra(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power spectra (K, M) and means (K,) of the windowed tiles that hold data throughout."""
    from scipy import fft

    if min(image.shape) < TILE:
        return np.zeros((0, int(tile_grid().used.sum()))), np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(image, (TILE, TILE))
    step = max(TILE // 2, min(image.shape) // 16)
    tiles = windows[::step, ::step].reshape(-1, TILE, TILE)
    held = np.isfinite(tiles).all((1, 2))
    tiles = tiles if held.all() else tiles[held]
    window = np.outer(*[taper()] * 2)
    means = (tiles * window).sum((1, 2)) / window.sum()
    scale = max(-float(tiles.min(initial=0)), float(tiles.max(initial=0))) or 1.0
    # single precision does for a power that chance alone changes by its own size
    even = ((tiles - means[:, None, None]) * (window / scale)).astype(np.float32)
    used = fft.rfft2(even)[:, tile_grid().used]
    return (used.real**2 + used.imag**2) * (scale**2 / (window**2).sum()), means
