"""Power spectra of small tiles of an image, by which noise is told from what is in a few places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .curve import curve_terms

TILE = 32  # pixels along a side, of block sums or of the file
CORNER = 0.40  # cycles per working pixel, beyond which a micrograph holds hardly any signal
_QUANTILE = 0.3  # of the power over the tiles: most hold more signal
_SLOWEST = 1.5 / TILE  # cycles per pixel that the window of a tile can tell from the mean
_WHOLE = 0.5  # of the tiles, from which the others are left out
_ENOUGH = 5  # of eight neighbours, which hold data
_PARABOLA = np.array([[-0.25, 0.5, -0.25], [0.5, 0.0, 0.5], [-0.25, 0.5, -0.25]])


@dataclass(frozen=True)
class Grid:
    """Frequencies [cycles per pixel] of a tile's spectrum that are looked at."""

    used: np.ndarray
    fy: np.ndarray
    fx: np.ndarray
    corner: np.ndarray
    terms: np.ndarray

    def only(self, kept: np.ndarray) -> Grid:
        """Some (M,) of them."""
        used = self.used.copy()
        used[self.used] = kept
        return Grid(used, self.fy[kept], self.fx[kept], self.corner[kept], self.terms[kept])


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


def tile_spectra(image: np.ndarray, dense: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Power spectra (K, M) and means (K,) of the windowed tiles that hold data throughout.

    Where few do, since pixels were left out all over the image, these are interpolated. ``dense``
    tiles overlap by more than half in images of less than two tiles.
    """
    from scipy import fft

    if min(image.shape) < TILE:
        return np.zeros((0, int(tile_grid().used.sum()))), np.zeros(0)
    tiles, held = _tiles(image, dense)
    if held.mean() < _WHOLE:
        tiles, held = _tiles(_interpolated(image), dense)
    tiles = tiles if held.all() else tiles[held]
    window = np.outer(*[taper()] * 2)
    means = (tiles * window).sum((1, 2)) / window.sum()
    scale = max(-float(tiles.min(initial=0)), float(tiles.max(initial=0))) or 1.0
    # single precision does for a power that chance alone changes by its own size
    even = ((tiles - means[:, None, None]) * (window / scale)).astype(np.float32)
    used = fft.rfft2(even)[:, tile_grid().used]
    return (used.real**2 + used.imag**2) * (scale**2 / (window**2).sum()), means


def typical_power(image: np.ndarray) -> np.ndarray:
    """(M,) power of the noise, as tiles with little signal show it; empty without any tile."""
    return of_noise(tile_spectra(image)[0])


def of_noise(powers: np.ndarray) -> np.ndarray:
    """(M,) mean power of noise in tiles (K, M), of which most hold more signal."""
    if not len(powers):
        return powers.reshape(-1)
    # the power of noise is exponentially distributed
    result: np.ndarray = np.quantile(powers, _QUANTILE, axis=0) / -np.log(1 - _QUANTILE)
    return result


def _tiles(image: np.ndarray, dense: bool) -> tuple[np.ndarray, np.ndarray]:
    """(K, TILE, TILE), and which of them hold data throughout."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (TILE, TILE))
    steps = [max(TILE // 2, min(image.shape) // 16)] * 2
    if dense:
        steps = [min(s, max((n - 1) // 2, 1)) for s, n in zip(steps, windows.shape, strict=False)]
    tiles = windows[:: steps[0], :: steps[1]].reshape(-1, TILE, TILE)
    return tiles, np.isfinite(tiles).all((1, 2))


def _interpolated(image: np.ndarray) -> np.ndarray:
    """An image with values in place of single pixels without data.

    The parabola through all eight neighbours follows correlated noise to its fast part, and
    scatters no less than independent noise does; where one of them is missing too, their mean.
    """
    from scipy.ndimage import convolve

    held = np.isfinite(image)
    values = np.where(held, image, 0)
    count = convolve(held.astype(np.float32), np.ones((3, 3)), mode="mirror")
    mean = convolve(values, np.ones((3, 3)), mode="mirror") / np.maximum(count, 1)
    near = np.where(count == 8, convolve(values, _PARABOLA, mode="mirror"), mean)
    return np.where(held, image, np.where(count >= _ENOUGH, near, np.nan))
