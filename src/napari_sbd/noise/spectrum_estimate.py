"""The noise spectrum of an image, from the image itself.

Lattice peaks, edges and texture only add power, at some places of the image and some of the
spectrum, so a smooth curve below most of the spectra of small tiles is the noise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .band import EVERYTHING, Band, find_band, middle_power
from .curve_fit import fit_curve
from .interpolation import interpolated_noise
from .running_mean import find_mean, seen_in_tiles
from .tile_spectra import CORNER, TILE, Grid, of_noise, tile_grid, tile_spectra
from .whitening import NoiseSpectrum

_CORNER_WIDTH = 0.3  # squared frequency from its inner edge to its tip
_NOTHING = 1e-10  # of the largest power, below which there is none
_EMPTY = 0.1  # of the median noise power, below which a tile holds no noise to learn from
# benchmarks/cameras.py --white: slopes of the noise of independent counts stay within 0.17
_SLOPE = 0.25  # natural logarithms of power over the corner
_MATTERS = 0.1  # the same, from which a network that knows white noise loses by it
_TILT = 0.2  # the same, along x against y
_WIDE = 0.1, 1.2  # by how much fast and slow noise must differ where the corner is flat
_SHOT = 0.6, 1.6  # noise power over that of counted electrons
_BELOW = 0.2  # the same, by which chance lets an image show less noise than it holds
_MOST = 2.3  # the same of slow noise: a detective quantum efficiency below 0.45 is rare
_IMPOSSIBLE = 5.0  # times the noise of electrons: more than a camera adds to it
_TAILS = 10.0  # noise of electrons over the fast one, at most: long tails leave even half of it
_SAME = 0.85, 1.2  # fast noise of pixels over that of electrons, where it is theirs
_FEW_TILES = 5
_SMALL = 16.0  # fast noise in the contrast of fewer tiles, beyond which all of them hold signal
_LEAK = 1.5 / TILE  # cycles per working pixel, over which the window of a tile blurs a cut
_OUTER = 0.7  # of a cut, beyond which what passes is most likely noise


def estimate_spectrum(
    images: list[np.ndarray],
    block: tuple[int, int] = (1, 1),
    *,
    fine: np.ndarray | None = None,
    shot_noise: float | None = None,
    told: bool = False,
    pure: bool = False,
    force: bool = False,
) -> NoiseSpectrum | None:
    """Find the noise spectrum in images of one camera.

    Parameters
    ----------
    images
        (H, W) each, block sums, NaN where there are no data: an image, or differences of a movie's
        neighbouring frames, which hold less signal.
    block
        Pixels summed along y and x.
    fine
        (Y, X) the pixels of one of them, where several are summed: far from any signal they show
        better whether neighbours are correlated at all.
    shot_noise
        The variance of counted electrons in a block, where gain and offset tell it.
    told
        Whether the gain is known, and not taken for 1 since the values are whole numbers.
    pure
        Whether the images are known to hold nothing but noise.
    force
        Give the spectrum of white noise as well.

    Returns
    -------
    The spectrum, or None where the noise is white, or too little of it is seen.
    """
    found = [tile_spectra(image) for image in images]
    small = sum(len(means) for _, means in found) < _FEW_TILES
    if small:
        found = [tile_spectra(image, dense=True) for image in images]
    whole = middle_power(images)
    band = None if whole is None else find_band(*whole)
    if (
        band is not None
        and shot_noise
        and fine is not None
        and _is_counted(fine, block, shot_noise)
    ):
        band = None  # the noise of electrons has passed everywhere
    smoothed = (1, 1) if whole is None or band is not None else find_mean(*whole)
    grid, passed = _within(band)
    powers = np.concatenate([p for p, _ in found])[:, passed]
    means = np.concatenate([m for _, m in found])
    corner = powers[:, grid.corner].mean(1)
    kept = _holding_noise(corner)
    if kept is None:
        return None
    powers, means, corner = powers[kept], means[kept], corner[kept]
    if small and not pure:
        contrast = max(float(np.nanstd(image)) for image in images)
        if band is not None or smoothed != (1, 1) or contrast > _SMALL * np.median(corner) ** 0.5:
            return None
    even = powers / (corner / np.median(corner))[:, None]
    typical = of_noise(even)
    level = np.log(np.maximum(typical, _NOTHING * typical.max()))
    if smoothed != (1, 1):
        return _of_mean(smoothed, level, block, pure)
    seen = force or band is not None or _falls(level)
    sums = min(block) > 1
    pixels = _noisy_tiles(fine) if fine is not None and band is None and (seen or sums) else None
    seen = seen or (pixels is not None and _blurred_finely(pixels, block))
    counted = shot_noise and _SHOT[0] < np.median(corner) / shot_noise < _SHOT[1]
    if counted and not seen:
        return None
    known = shot_noise if told and shot_noise and shot_noise > 0 else None
    slow = None if known is None else float(np.log(known))
    coefficients, floor = fit_curve(level, grid, slow, pure)
    noise = NoiseSpectrum(
        tuple(map(float, coefficients)), float(floor), block, band=band or EVERYTHING
    )
    wide = band is None and _is_wide(noise, corner, means)
    if not seen and not wide:
        return None
    most = _IMPOSSIBLE * (shot_noise or _TAILS * float(np.median(corner)))
    slowest = float(np.median(corner)) * np.exp(_rise(noise, grid))
    too_much = band is None and not force and slowest > most
    if too_much and fine is not None and _is_counted(fine, block, shot_noise):
        return None  # what rises above the noise of electrons is of the specimen
    if pixels is not None and not wide:
        drawn = interpolated_noise(pixels, block)
        if drawn is not None and _lies_below(drawn, level):
            return drawn
    return noise if known is None else _without_texture(noise, grid, corner, known)


def is_blurred(pixels: np.ndarray, block: tuple[int, int] = (1, 1)) -> bool:
    """Whether the fast noise of an image (Y, X) falls beyond doubt, as behind a point spread that
    sums over blocks still show."""
    powers, _ = tile_spectra(pixels, dense=True)
    kept = _holding_noise(powers[:, tile_grid().corner].mean(1))
    return kept is not None and _blurred_finely(powers[kept], block)


def _within(band: Band | None) -> tuple[Grid, np.ndarray]:
    """The frequencies that pass, and which (M,) of all they are; their corner is the outer part."""
    grid = tile_grid()
    if band is None:
        return grid, np.ones(len(grid.fy), bool)
    passed = band.holds(grid.fy, grid.fx, _LEAK)
    cuts = (band.y, band.x, band.radius)
    inner = Band(*(_OUTER * (cut - _LEAK) if cut < 1 else 1.0 for cut in cuts))
    grid = grid.only(passed)
    return replace(grid, corner=~inner.holds(grid.fy, grid.fx)), passed


def _of_mean(
    widths: tuple[int, int], level: np.ndarray, block: tuple[int, int], pure: bool
) -> NoiseSpectrum:
    """The spectrum of what was smoothed, from the logarithm of its power (M,)."""
    left, passed = seen_in_tiles(widths)
    grid = tile_grid().only(passed)
    coefficients, floor = fit_curve(level[passed] - np.log(left[passed]), grid, None, pure)
    curve = tuple(map(float, coefficients))
    return NoiseSpectrum(curve, float(floor), block, smoothed=widths)


def _without_texture(
    noise: NoiseSpectrum, grid: Grid, corner: np.ndarray, shot_noise: float
) -> NoiseSpectrum:
    """The same with no more slow noise than electrons make: what exceeds it is of the specimen.

    Each electron leaves more or less of its energy in a camera that does not count, which alone
    makes about twice their noise. The logarithm of the power is drawn together, so that the fast
    noise stays as it is.
    """
    fast = float(np.median(corner))
    rise = _rise(noise, grid)
    most = float(np.log(max(_MOST * shot_noise / fast, 1.0)))
    if rise <= most or fast > shot_noise:
        return noise
    share = most / rise
    curve = tuple(share * c for c in noise.coefficients)
    return replace(noise, coefficients=curve, floor=share * noise.floor)


def _rise(noise: NoiseSpectrum, grid: Grid) -> float:
    """Natural logarithm of the power of the slowest noise over that in the corner."""
    return -float(np.log(noise.power(grid.fy, grid.fx)[grid.corner].mean()))


def _is_counted(pixels: np.ndarray, block: tuple[int, int], shot_noise: float | None) -> bool:
    """Whether the fast noise of pixels (Y, X) is that of electrons, of a variance in a block.

    Then it is alike at all high frequencies, and stronger where it is brighter: that of a point
    spread falls, and that of a read-out is the same everywhere. Where lines of a scan lie beside
    their places, a lattice has power at all frequencies across them, but not at the high ones
    along them. That alone is not enough where the variance is unknown: what enlarges images leaves
    as much.
    """
    powers, means = tile_spectra(pixels)
    grid = tile_grid()
    along = (grid.fx > CORNER, np.abs(grid.fy) > CORNER) if shot_noise else ()
    for fast in (grid.corner, *along):
        corner = powers[:, fast].mean(1)
        kept = _holding_noise(corner)
        if kept is None:
            continue
        if shot_noise and not _SAME[0] < corner.mean() * np.prod(block) / shot_noise < _SAME[1]:
            continue
        blurred = _blurred_finely(powers[kept], block, fast)
        if not blurred and _follows_the_mean(corner[kept], means[kept]):
            return True
    return False


def _holding_noise(corner: np.ndarray) -> np.ndarray | None:
    """Which tiles hold noise to learn from, by their fast power (K,); None where too few do."""
    if len(corner) < _FEW_TILES:
        return None
    kept: np.ndarray = corner > _EMPTY * np.median(corner)
    return kept if kept.sum() >= _FEW_TILES else None


def _noisy_tiles(pixels: np.ndarray) -> np.ndarray | None:
    """(K, M) power of tiles of an image that hold noise, or None where they are few."""
    powers, _ = tile_spectra(pixels)
    kept = _holding_noise(powers[:, tile_grid().corner].mean(1))
    return None if kept is None else powers[kept]


def _lies_below(noise: NoiseSpectrum, level: np.ndarray) -> bool:
    """Whether the image has at least this much power everywhere: signal only adds to noise."""
    grid = tile_grid()
    beyond = level - np.log(noise.power(grid.fy, grid.fx))
    beyond = beyond - beyond[grid.corner].mean()
    ring = (np.hypot(grid.fy, grid.fx) * 10).astype(int)
    means = np.bincount(ring, beyond) / np.bincount(ring)
    return bool(means.min() > -_BELOW)


def _blurred_finely(
    powers: np.ndarray, block: tuple[int, int], fast: np.ndarray | None = None
) -> bool:
    """Whether pixels are correlated, and so much that sums over blocks are as well.

    Of power spectra (K, M) of tiles of pixels, as frequencies tell (M,) that hold noise alone.
    """
    fast = tile_grid().corner if fast is None else fast
    typical = np.median(powers / powers[:, fast].mean(1)[:, None], axis=0)
    level = np.log(np.maximum(typical, _NOTHING * typical.max()))
    slopes, errors = _corner_slopes(level, fast)
    # along the diagonal, and along the axis that falls faster
    steepest = float(slopes[0] - abs(slopes[1]))
    error = float(np.hypot(*errors))
    return steepest < -max(_SLOPE, 4 * error) and steepest / min(block) ** 2 < -_MATTERS


def _falls(level: np.ndarray) -> bool:
    """Whether noise clearly is not white in the corner, where hardly any signal adds to it."""
    (slope, tilt), (slope_error, tilt_error) = _corner_slopes(level, tile_grid().corner)
    return bool(slope < -max(_SLOPE, 3 * slope_error) or abs(tilt) > max(_TILT, 3 * tilt_error))


def _is_wide(noise: NoiseSpectrum, corner: np.ndarray, means: np.ndarray) -> bool:
    """Whether a wide point spread has left the corner to white read-out noise."""
    slow, fast, fastest = np.log(noise.power(np.zeros(3), np.array([0.15, 0.25, 0.5])))
    wide = fast - fastest > _WIDE[0] and slow - fastest > _WIDE[1]
    return bool(wide and not _follows_the_mean(corner, means))


def _corner_slopes(level: np.ndarray, fast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of the noise over the corner, and along x against y; their standard errors.

    Of the logarithm of power (M,), at frequencies (M,) that hold noise alone.
    """
    grid = tile_grid()
    fy, fx = grid.fy[fast], grid.fx[fast]
    terms = np.stack([np.ones(len(fy)), fy**2 + fx**2, fx**2 - fy**2], 1)
    solution, *_ = np.linalg.lstsq(terms, level[fast], rcond=None)
    off = level[fast] - terms @ solution
    # neighbouring frequencies of a windowed tile share their noise
    variance = 4 * off.var() * np.linalg.inv(terms.T @ terms)
    return _CORNER_WIDTH * solution[1:], _CORNER_WIDTH * np.sqrt(np.diag(variance)[1:])


def _follows_the_mean(corner: np.ndarray, means: np.ndarray) -> bool:
    """Whether brighter tiles have more noise, as that of electrons that arrive one by one has."""
    if not (means > 0).all() or np.ptp(means) == 0:
        return False
    x, y = np.log(means), np.log(corner)
    x, y = x - x.mean(), y - y.mean()
    slope = (x @ y) / (x @ x)
    error = np.sqrt(((y - slope * x) ** 2).mean() / (x @ x))
    return bool(slope > 0.5 and slope > 3 * error)
