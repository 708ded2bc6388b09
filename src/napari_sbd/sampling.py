"""Working sampling: counts summed over blocks, and expected counts taken back to every pixel.

TEM images are strongly oversampled. The sum of Poisson counts over a block keeps all information
below the information limit, so the networks see images binned to about 0.033 nm per pixel. What
comes back is upsampled through a spline of the integral, so that its block averages are the
network's output exactly.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

WORKING_PIXEL = 0.033  # nm
_PERIOD_PIXELS = 7.5  # working pixels in the strongest lattice period, were it 0.25 nm
_NOTHING = 1e-9  # of a block's sum, less than single precision tells
_SPLINE_DEGREE = 5


def choose_bin(pixel_size_yx: tuple[float, float]) -> tuple[int, int]:
    """Pixels to sum along y and x so that the result is nearest to ``WORKING_PIXEL``.

    Parameters
    ----------
    pixel_size_yx
        nm per pixel along y and x.
    """
    return tuple(_nearest_bin(WORKING_PIXEL / p) for p in pixel_size_yx)  # type: ignore[return-value]


def estimate_bin(image: np.ndarray) -> tuple[int, int] | None:
    """Choose the block of an uncalibrated image from the strongest lattice period it shows.

    Parameters
    ----------
    image
        (Y, X), finite.

    Returns
    -------
    The same block along y and x, or None where the power spectrum shows no lattice.
    """
    height, width = image.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    spectrum = np.abs(np.fft.rfft2((image - image.mean()) * window)) ** 2
    ratio, frequency = power_over_rings(spectrum, image.shape)
    # the power of pure noise is exponential about its mean, so its maximum over all is known
    limit = 3 * np.log(spectrum.size)
    peaks = (ratio > limit) & (frequency > 4 / min(height, width)) & (frequency < 0.45)
    if not peaks.any():
        return None
    strongest = np.argmax(np.where(peaks, spectrum, 0))
    b = _nearest_bin(1 / frequency.flat[strongest] / _PERIOD_PIXELS)
    return b, b


def bin_counts(image: np.ndarray, block: tuple[int, int]) -> np.ndarray:
    """Sum an image over blocks.

    Parameters
    ----------
    image
        (Y, X); pixels that are not finite count as holding no data.
    block
        Pixels along y and x.

    Returns
    -------
    (ceil(Y / by), ceil(X / bx)) float64 sums. Blocks that stick out or hold pixels without data are
    scaled up from what they hold; blocks without any data are NaN.
    """
    by, bx = block
    pad = [(0, -n % b) for n, b in zip(image.shape, block, strict=True)]
    valid = np.isfinite(image)
    whole = bool(valid.all())
    if whole and not any(p[1] for p in pad):
        return _block_sums(image, block)
    sums = _block_sums(np.pad(image if whole else np.where(valid, image, 0), pad), block)
    held = _held(image.shape, block) if whole else _block_sums(np.pad(valid, pad), block)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(held > 0, sums * (by * bx / held), np.nan)


def _block_sums(image: np.ndarray, block: tuple[int, int]) -> np.ndarray:
    """Sums over whole blocks; rows first, which memory holds together."""
    by, bx = block
    rows = image.reshape(image.shape[0] // by, by, image.shape[1]).sum(1, dtype=np.float64)
    sums: np.ndarray = rows.reshape(len(rows), -1, bx).sum(2)
    return sums


def _held(shape: tuple[int, int], block: tuple[int, int]) -> np.ndarray:
    """Pixels of an image in each of its blocks."""
    y, x = (np.minimum(b, n - np.arange(0, n, b)) for n, b in zip(shape, block, strict=True))
    held: np.ndarray = np.multiply.outer(y, x)
    return held


def grid_offsets(block: tuple[int, int]) -> list[tuple[int, int]]:
    """The two places (y, x) of the block grid that lie farthest from each other [pixels]."""
    return sorted({(0, 0), (block[0] // 2, block[1] // 2)})


def upsample(blocks: np.ndarray, block: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Spread block sums over the pixels of the blocks.

    A spline of degree five runs through the running integral along each axis; its differences are
    the pixels, so the sum over each block is kept exactly.

    Parameters
    ----------
    blocks
        (h, w) sums over blocks, finite.
    block
        Pixels along y and x.
    shape
        (Y, X) to crop to.

    Returns
    -------
    (Y, X) float32 expected values per pixel.
    """
    import torch  # its threads and those of numpy's BLAS would wait on each other

    rows = torch.from_numpy(_spread_matrix(blocks.shape[0], block[0])[: shape[0]])
    columns = torch.from_numpy(_spread_matrix(blocks.shape[1], block[1])[: shape[1]])
    result: np.ndarray = (rows @ torch.from_numpy(blocks.astype(np.float32)) @ columns.T).numpy()
    return result


@lru_cache(maxsize=16)
def _spread_matrix(count: int, b: int) -> np.ndarray:
    """(count * b, count) float32 matrix from block sums to pixels along one axis."""
    from scipy.interpolate import make_interp_spline

    if b == 1:
        return np.eye(count, dtype=np.float32)
    degree = min(_SPLINE_DEGREE, count if count % 2 else count - 1)
    integral = np.vstack([np.zeros(count), np.tril(np.ones((count, count)))])
    spline = make_interp_spline(np.arange(count + 1.0), integral, k=max(degree, 1))
    result: np.ndarray = np.diff(spline(np.arange(count * b + 1) / b), axis=0).astype(np.float32)
    # far from a block its part falls to numbers that processors multiply ten times slower
    result[np.abs(result) < _NOTHING] = 0
    return result


def _nearest_bin(ratio: float) -> int:
    """Integer nearest to a ratio on a logarithmic scale, at least 1."""
    low = max(1, int(np.floor(min(ratio, 1e6))))
    return low if ratio / low < (low + 1) / ratio else low + 1


def power_over_rings(spectrum: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Power over that of noise of the same frequency, whatever the direction.

    Parameters
    ----------
    spectrum
        (Y, X // 2 + 1) power, as ``rfft2`` arranges it.
    shape
        (Y, X) of the image.

    Returns
    -------
    Power over the mean that noise has on the ring, judged by the ring's median; and the frequency
    [cycles per pixel], both like the spectrum.
    """
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    ring = np.round(frequency * min(shape)).astype(np.uint16)  # whose sorting is fast
    order = np.argsort(ring, axis=None, kind="stable")
    parts = np.split(spectrum.ravel()[order], np.cumsum(np.bincount(ring.ravel()))[:-1])
    # the median of an exponential distribution is log 2 times its mean
    mean = np.array([_median(p) / np.log(2) if len(p) else np.inf for p in parts])
    return spectrum / (mean[ring] + 1e-30), frequency


def _median(values: np.ndarray) -> float:
    """That of ``np.median``, faster for few values."""
    ordered, count = np.sort(values), len(values)
    return float(ordered[(count - 1) // 2] + ordered[count // 2]) / 2
