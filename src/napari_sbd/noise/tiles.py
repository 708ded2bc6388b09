"""Mean and noise variance over small tiles of an image, of the pixels that hold data."""

from __future__ import annotations

import numpy as np

_TILE = 8  # px along a side
_HELD = 0.5  # of a tile, below which it tells nothing


def tiles_of(
    mean: np.ndarray, noise: np.ndarray, kernel: np.ndarray, white: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and noise variance of tiles; the mean is weighted as the variance is.

    Parameters
    ----------
    mean, noise
        (Y, X) the image and what its noise is taken from, NaN where there are no data.
    kernel
        (2 n + 1, 2 n + 1) filter of unit energy that passes fast variations only.
    white
        Whether the noise is; correlated noise gets tiles of twice the side.

    Returns
    -------
    (h, w) each, NaN for tiles less than half of which holds data.
    """
    from scipy.signal import fftconvolve

    half = len(kernel) // 2
    held = np.isfinite(noise)

    def convolve(image: np.ndarray, k: np.ndarray) -> np.ndarray:
        values = np.pad(np.nan_to_num(image), half, mode="reflect")
        result: np.ndarray = fftconvolve(values, k, mode="valid")
        return result

    # a bridge has no noise of its own: only that of the pixels that hold data passes the kernel
    energy = np.ones(held.shape) if held.all() else convolve(held.astype(float), kernel**2)
    tile = _TILE if white else 2 * _TILE
    rows, columns = (n // tile for n in mean.shape)

    def sums(image: np.ndarray) -> np.ndarray:
        cut = np.where(held, image, 0)[: rows * tile, : columns * tile]
        result: np.ndarray = cut.reshape(rows, tile, columns, tile).sum((1, 3))
        return result

    count = sums(np.ones(held.shape))
    count[count < _HELD * tile**2] = np.nan
    energy[~held] = 1
    level = convolve(mean, kernel**2) / energy
    fast = convolve(_bridged(noise, kernel), kernel) ** 2 / energy
    return sums(level) / count, sums(fast) / count


def _bridged(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Pixels without data as the mean of those around, as far as a kernel reaches from these.

    Parameters
    ----------
    image
        (Y, X), NaN where there are no data; those farther away stay so.
    kernel
        (2 n + 1, 2 n + 1).
    """
    from scipy.ndimage import gaussian_filter

    held = np.isfinite(image)
    if held.all():
        return image
    reach = len(kernel) // 2
    total, weight = (
        gaussian_filter(np.where(held, i, 0.0), reach / 2, radius=reach) for i in (image, 1.0)
    )
    near = np.divide(total, weight, out=np.full(image.shape, np.nan), where=weight > 0)
    return np.where(held, image, near)


def any_in_tiles(mask: np.ndarray, shape: tuple[int, ...], tiles: tuple[int, ...]) -> np.ndarray:
    """Which tiles a mask touches, margin included."""
    from scipy.ndimage import binary_dilation

    tile = shape[0] // tiles[0]
    wide = binary_dilation(mask, iterations=6)[: tiles[0] * tile, : tiles[1] * tile]
    touched: np.ndarray = wide.reshape(tiles[0], tile, tiles[1], tile).any((1, 3))
    return touched


def share_around_tiles(mask: np.ndarray, tiles: tuple[int, ...]) -> np.ndarray:
    """The share of a mask (Y, X) in the three by three tiles around each of (h, w) tiles."""
    from scipy.ndimage import uniform_filter

    tile = mask.shape[0] // tiles[0]
    cut = mask[: tiles[0] * tile, : tiles[1] * tile].astype(float)
    shares = cut.reshape(tiles[0], tile, tiles[1], tile).mean((1, 3))
    result: np.ndarray = uniform_filter(shares, 3)
    return result
