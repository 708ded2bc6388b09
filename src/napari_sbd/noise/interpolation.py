"""Noise of frames that were turned, moved or scaled: each way to interpolate has its own spectrum.

The fast part of a frame's spectrum, which hardly any signal reaches, shows how pixels were drawn
from their neighbours, and this tells the slow part, which the signal hides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from .spectrum import Shape
from .tile_spectra import CORNER, TILE, taper, tile_grid
from .whitening import NoiseSpectrum

_logger = logging.getLogger(__name__)

_REACH = 8  # pixels, over which noise is correlated at most
_FINE = 100  # values of a kernel per pixel
_TURNS = np.deg2rad(np.arange(0, 46, 3))  # others are these, mirrored or turned by a right angle
_SCALES = np.arange(0.5, 1.31, 0.05)  # pixels of the original per pixel
_MOVES = np.arange(0, 0.51, 0.05)  # of a pixel
_SPREADS = np.arange(0.1, 1.51, 0.05)  # px, of point spreads, which may look alike
_FLOORS = 0, 0.003, 0.01, 0.03, 0.1, 0.3
_TAILS = 0.0, 0.5
_STREAKS = np.arange(0.2, 3.01, 0.1)  # px, over which a scanned detector falls by e
_NOTHING = 1e-4  # of the largest power, below which there is none
# natural logarithms of power: what the noise must fall by, and misfits, half their mean square;
# up to 0.003 beyond chance were seen where an image was interpolated, else 0.004 to 0.3
_COLOURED = 0.5
_CHANCE = 1.5  # times the misfit that chance alone leaves
_MISFIT = 0.0025
_BETTER = 0.001  # by which interpolation must explain the noise better than a point spread
_LIKELY = 10  # differences of as much, over the number of powers, may be by chance
_ALIKE = 0.0003  # the same, for what a moire of the interpolation adds
_UNDECIDED = 0.15  # natural logarithms of slow power, by which likely ways may differ
_WHITE = 1e-3  # of the power at frequency zero, which a spectrum is told down to
_STIFFNESS = 1e-6  # of the curve through it


def interpolated_noise(spectra: np.ndarray, block: tuple[int, int]) -> NoiseSpectrum | None:
    """The noise spectrum of block sums of an image that was interpolated, if it was.

    Parameters
    ----------
    spectra
        (K, M) power of tiles of its pixels, not summed, as ``tile_spectra`` gives it.
    block
        Pixels that are summed along y and x to the working sampling.

    Notes
    -----
    If ``h`` are the weights with which a pixel is drawn from those around, noise of an image that
    was turned or scaled has the covariance ``(h * h)(R d)`` at a distance ``d`` in the mean over
    the image, where ``R`` leads from its pixels to those of the original; that of a moved image is
    the same everywhere. Linear interpolation, cubic convolution (Keys, IEEE Trans. Acoust. 29,
    1153, 1981) and cubic splines (Unser, IEEE Signal Process. Mag. 16, 22, 1999) are known.
    """
    grid = tile_grid()
    fast = np.hypot(grid.fy * block[0], grid.fx * block[1]) > CORNER
    seen = np.log(spectra.mean(0)[fast])
    whole, spread = _candidates()
    interpolated = whole[:, fast]

    def misfits(expected: np.ndarray) -> np.ndarray:
        """Of exponentially distributed power, per value."""
        off = seen - expected
        result: np.ndarray = np.log(np.exp(off).mean(1)) - off.mean(1)
        return result

    misfit, other = misfits(interpolated), float(misfits(spread[:, fast]).min())
    best = int(np.argmin(misfit))
    least, chance = float(misfit[best]), 0.5 / len(spectra)
    fall = float(np.ptp(interpolated[best]))
    likely = misfit < least + _ALIKE + _LIKELY / (fast.sum() * len(spectra))
    slow = np.zeros(1)  # of large blocks every frequency is seen
    if not fast.all():
        slow = whole[likely][:, ~fast].mean(1) - interpolated[likely].mean(1)
    _logger.debug(
        "as if interpolated: misfit %.4f (a point spread %.4f, chance %.4f), falling by %.1f, "
        "slow noise known to %.2f",
        *(least, other, chance, fall, np.ptp(slow)),
    )
    if fall < _COLOURED or np.ptp(slow) > _UNDECIDED:
        return None
    if least > min(_CHANCE * chance + _MISFIT, other - _BETTER):
        return None
    return _summed(_covariances()[best], block)


def _summed(covariance: np.ndarray, block: tuple[int, int]) -> NoiseSpectrum:
    """The spectrum of block sums of noise with a covariance of pixels."""
    from scipy.signal import convolve2d

    pairs = [np.convolve(np.ones(n), np.ones(n)) for n in block]
    whole = convolve2d(covariance, np.outer(*pairs))
    # of distances of whole blocks
    y, x = (np.arange(n // 2 % b, n, b) for n, b in zip(whole.shape, block, strict=True))
    grid = tile_grid()
    power = _powers(whole[np.ix_(y, x)][None], grid.fy, grid.fx)[0]
    falling = np.log(np.maximum(power / power.max(), 2 * _WHITE) - _WHITE)
    # where next to nothing passes, no smooth curve follows the logarithm, and none need
    weighted = grid.terms * (power / power.max())[:, None]
    normal = weighted.T @ grid.terms + _STIFFNESS * len(power) * np.eye(grid.terms.shape[1])
    curve = np.linalg.solve(normal, weighted.T @ falling)
    floor = float(np.log(_WHITE) - curve[0])
    return NoiseSpectrum((0.0, *map(float, curve[1:])), floor, block, interpolated=True)


def _powers(covariances: np.ndarray, fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
    """(K, M) at frequencies, of (K, 2 n + 1, 2 m + 1) covariances, which are symmetric."""
    y, x = (np.arange(n) - n // 2 for n in covariances.shape[1:])
    phase = np.multiply.outer(y, fy)[:, None] + np.multiply.outer(x, fx)[None]
    waves = np.cos(2 * np.pi * phase).reshape(-1, len(fy))
    power = covariances.reshape(len(covariances), -1) @ waves
    result: np.ndarray = np.maximum(power, _NOTHING * power.max(1, keepdims=True))
    return result


@lru_cache(maxsize=1)
def _candidates() -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of power of tiles: (K, M) of interpolated noise, (L, M) of noise after point
    spreads and streaks."""
    f = np.fft.fftfreq(2 * TILE)
    radius = np.hypot(f[:, None], f)
    shapes = [Shape(w, floor, t)(radius) for w in _SPREADS for floor in _FLOORS for t in _TAILS]
    for kept in np.exp(-1 / _STREAKS):
        tail = (1 - kept) ** 2 / (1 - 2 * kept * np.cos(2 * np.pi * f) + kept**2)
        along_x = np.broadcast_to(tail, radius.shape)
        shapes += [(1 - w) * a + w for a in (along_x, along_x.T) for w in _FLOORS]
    near = slice(TILE - _REACH, TILE + _REACH + 1)
    spread = [np.fft.fftshift(np.fft.ifft2(shape).real)[near, near] for shape in shapes]
    # the taper of a tile smears its spectrum, and so damps the covariance
    window = np.correlate(taper(), taper(), "full")[TILE - 1 - _REACH : TILE + _REACH]
    damping = np.outer(window, window) / window.max() ** 2
    grid = tile_grid()
    interpolated, spread_powers = (
        np.log(_powers(covariances * damping, grid.fy, grid.fx))
        for covariances in (_covariances(), np.array(spread))
    )
    return interpolated, spread_powers


@lru_cache(maxsize=1)
def _covariances() -> np.ndarray:
    """(K, 17, 17) of noise of 1 after all the interpolations that are known."""
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1]
    found = []
    for kernel in (_linear, _cubic, _spline):
        lag, overlap = _overlap(kernel)
        for turn in _TURNS:
            for scale in _SCALES:
                c, s = scale * np.cos(turn), scale * np.sin(turn)
                along = (np.interp(c * x + s * y, lag, overlap, 0, 0), c * y - s * x)
                found.append(along[0] * np.interp(along[1], lag, overlap, 0, 0))
        moved = []
        for move in _MOVES:
            weights = kernel(np.arange(-_REACH, _REACH + 1) - move)
            moved.append(np.correlate(weights, weights, "same"))
        found += [np.outer(one, other) for one in moved for other in moved]
    return np.array(found)


def _overlap(kernel: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Distances [px] and how far two pixels that far apart are drawn from the same values."""
    at = np.arange(-2 * _REACH * _FINE, 2 * _REACH * _FINE + 1) / _FINE
    weights = kernel(at)
    return at, np.correlate(weights, weights, "same") / _FINE


def _linear(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.clip(1 - np.abs(x), 0, None)
    return result


def _cubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _spline(x: np.ndarray) -> np.ndarray:
    """Cubic B-splines whose sum is 1 at zero and nothing at all other whole numbers."""
    pole = np.sqrt(3) - 2
    at = np.arange(-2 * _REACH, 2 * _REACH + 1)
    heights = -6 * pole / (1 - pole**2) * pole ** np.abs(at)
    result: np.ndarray = sum(h * _bump(x - n) for h, n in zip(heights, at, strict=True))
    return result


def _bump(x: np.ndarray) -> np.ndarray:
    """The cubic B-spline."""
    x = np.abs(x)
    return np.where(x < 1, 2 / 3 - x**2 + x**3 / 2, np.clip(2 - x, 0, None) ** 3 / 6)
