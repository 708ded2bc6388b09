"""Lattice spacings that an image shows, and whether they can be those of atoms.

A pixel size that is wrong by ten (nm taken for Å) makes a lattice of atoms one of 2 nm. The bright
reflections of materials lie close together: of simulated metals, semiconductors, oxides and sheets
their mean, weighted by amplitude, is 0.16 to 0.32 nm for nine in ten (``benchmarks/spacings.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_SIDE = 1024  # pixels, beyond which an image is summed over blocks first
_SLOWEST = 6  # periods across the image; slower ones are shape rather than lattice
_TOLD = 2.5  # periods over the shorter side, below which rings hold too little to tell their noise
_FASTEST = 0.48  # cycles per pixel
_LONGEST = 0.40  # nm, mean of the bright reflections of a lattice
_LONGEST_FRINGES = 1.3  # nm, where all lie on one line: layers of a sheet structure (mica: 1.0)
_SHORTEST = 0.14  # nm
_SHORTEST_RING = 0.12  # nm, where all are as long as each other: fcc along [111] (Ni: 0.125)
_LEAST = 0.01  # amplitude over the largest of all; a filter leaves traces below that
_CALIBRATION = 0.03  # relative error of a usual pixel size
_SCATTER = 2 * np.pi**2 / 6  # variance of logarithms of power on a ring, twice that of noise
_FEW = 17  # frequencies, one of which is looked at for that
_EMPTY = 7.0  # natural logarithms of power below the usual, which one in a thousand of noise is
_APART = 3  # frequencies from a peak, from which a line shows its own level
_FAINT, _BRIGHT = 0.1, 0.25  # amplitude over that of the brightest


@dataclass(frozen=True)
class Reflections:
    """Peaks of a power spectrum that noise does not make.

    Parameters
    ----------
    frequency
        (N, 2) along y and x [cycles per pixel], one of each pair of opposite ones.
    amplitude
        (N,) over that of the brightest.
    """

    frequency: np.ndarray
    amplitude: np.ndarray


def reflections(image: np.ndarray) -> Reflections:
    """Find the reflections of an image.

    A peak counts where its power is beyond what the exponential distribution of noise reaches
    anywhere in the spectrum, over the level of its ring, and of its row and column, which the lines
    of a scan or a camera raise.

    Parameters
    ----------
    image
        (Y, X); pixels that are not finite hold no data.
    """
    from scipy.fft import rfft2

    block = -(-max(image.shape) // _SIDE)
    values = _reduced(image, block)
    window, ring = _geometry(values.shape)
    values -= (values * window).sum() / window.sum()
    values /= np.abs(values).max() or 1.0  # squares of large values overflow
    transform = rfft2(values * window)
    power = transform.real**2 + transform.imag**2
    fy, fx = np.fft.fftfreq(values.shape[0])[:, None], np.fft.rfftfreq(values.shape[1])[None]
    above = power / _ring_level(power, ring)
    limit = 3 * np.log(power.size)
    y, x = np.nonzero(above > limit)
    frequency = np.hypot(fy[y, 0], fx[0, x])
    periods = np.hypot(fy[y, 0] * values.shape[0], fx[0, x] * values.shape[1])
    told = frequency * min(values.shape) > _TOLD
    peaks = (periods > _SLOWEST) & told & (frequency < _FASTEST)
    peaks &= power[y, x] > _LEAST**2 * power.max()
    y, x = y[peaks], x[peaks]
    highest = _is_highest(power, y, x)
    y, x = y[highest], x[highest]
    if len(y):
        # only lines through peaks are looked at: medians are slow
        height = above[y, x]
        usual = np.maximum(np.median(above.T.copy(), 1) / np.log(2), 1)
        level = np.minimum(usual[x], _beside(above.T, x, y, above.shape[0]))
        above /= usual
        rows, row = np.unique(y, return_inverse=True)
        whole = np.maximum(np.median(above[rows], 1) / np.log(2), 1)[row]
        level *= np.minimum(whole, _beside(above, y, x, 2 * (above.shape[1] - 1)))
        stands_out = height > limit * level
        y, x = y[stands_out], x[stands_out]
    found = np.column_stack([fy[y, 0], fx[0, x]]) / block
    amplitude = np.sqrt(power[y, x])
    return Reflections(found, amplitude / amplitude.max(initial=1e-30))


def doubt_pixel_size(image: np.ndarray, pixel_size_yx: tuple[float, float]) -> str | None:
    """Say so where the image's lattice cannot be one of atoms with this pixel size.

    Factors of ten are told nearly always, factors of two where they leave the range of spacings
    that materials have; an image without reflections tells nothing.

    Parameters
    ----------
    image
        (Y, X); pixels that are not finite hold no data.
    pixel_size_yx
        nm per pixel along y and x.

    Returns
    -------
    What is wrong, in words; None where nothing speaks against the pixel size.
    """
    found = reflections(image)
    if not len(found.amplitude):
        return None
    size = np.asarray(pixel_size_yx)
    spacing = 1 / np.hypot(*(found.frequency / size).T)
    means = [_mean(spacing, found.amplitude, least) for least in (_FAINT, _BRIGHT)]
    shortest, longest = _range(found, spacing, size)
    if shortest <= max(means) and min(means) <= longest:
        return None
    brightest = spacing[np.argmax(found.amplitude)]
    too, mean = ("large", min(means)) if min(means) > longest else ("small", max(means))
    return (
        f"With a pixel size of {_text(pixel_size_yx)} nm the image's lattice would be "
        f"{brightest:.2g} nm ({mean:.3g} nm in the mean of its reflections, materials have "
        f"{shortest:g} to {longest:g} nm): the pixel size is probably too {too}. Check it (Å taken "
        "for nm make ten times), unless this is no lattice of atoms."
    )


def doubt_crystal(
    image: np.ndarray, pixel_size_yx: tuple[float, float], spacings_nm: Sequence[float]
) -> str | None:
    """Say so where most of what an image's lattice reflects is not of a given crystal.

    Parameters
    ----------
    image
        (Y, X); pixels that are not finite hold no data.
    pixel_size_yx
        nm per pixel along y and x.
    spacings_nm
        Of all lattice planes of the crystal, or of several.

    Returns
    -------
    What is wrong, in words; None where nothing speaks against the crystal.
    """
    known = np.asarray(spacings_nm)
    found = reflections(image)
    frequency = found.frequency / np.asarray(pixel_size_yx)
    spacing = 1 / np.hypot(*frequency.T)
    # half a cell of the spectrum, as a share of the frequency, comes on top of the calibration
    blur = 0.5 * spacing / (min(image.shape) * min(pixel_size_yx))
    counts = (found.amplitude >= _BRIGHT) & (spacing > known.min(initial=np.inf))
    if not counts.any():
        return None
    near = np.abs(spacing[:, None] / known - 1).min(1) < _CALIBRATION + blur
    if found.amplitude[counts & near].sum() >= 0.5 * found.amplitude[counts].sum():
        return None
    brightest = spacing[counts][np.argmax(found.amplitude[counts])]
    longest = ", ".join(f"{d:.3g}" for d in sorted(known, reverse=True)[:3])
    return f"The image's lattice ({brightest:.3g} nm) is not that of its crystal ({longest} nm ...)"


def _range(found: Reflections, spacing: np.ndarray, size: np.ndarray) -> tuple[float, float]:
    """Shortest and longest mean spacing [nm] of a material with reflections like these."""
    weight = np.where(found.amplitude >= _FAINT, found.amplitude, 0)
    weight /= weight.sum()
    y, x = (found.frequency / size).T
    on_a_line = abs((weight * np.exp(2j * np.arctan2(y, x))).sum()) > 0.85
    ratio = spacing / spacing[np.argmax(weight)]
    on_a_ring = weight[(ratio < 1.15) & (ratio > 1 / 1.15)].sum() > 0.7
    shortest = _SHORTEST_RING if on_a_ring else _SHORTEST
    return shortest, _LONGEST_FRINGES if on_a_line else _LONGEST


def _mean(spacing: np.ndarray, amplitude: np.ndarray, least: float) -> float:
    chosen = amplitude >= least
    return float(np.exp(np.average(np.log(spacing[chosen]), weights=amplitude[chosen])))


def _reduced(image: np.ndarray, block: int) -> np.ndarray:
    """Means over blocks, with their mean where there are no data."""
    from .micrograph.frames import mean_filled
    from .sampling import bin_counts

    if block > 1:
        image = bin_counts(image, (block, block))
    held = np.isfinite(image)
    values = image if held.all() else mean_filled(np.where(held, image, np.nan).astype(np.float64))
    result: np.ndarray = (values - values.mean(dtype=np.float64)).astype(np.float32)
    return result


@lru_cache(maxsize=1)
def _geometry(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The window over images of a shape, and the ring that each frequency lies on."""
    window = np.outer(*(np.hanning(n).astype(np.float32) for n in shape))
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])) * min(shape)
    return window, np.round(radius).astype(np.intp)


def _is_highest(power: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether points of a spectrum are the highest of the 5 x 5 around them."""
    step = np.arange(-2, 3)
    rows = (y[:, None, None] + step[:, None]) % power.shape[0]
    columns = (x[:, None, None] + step) % power.shape[1]
    highest: np.ndarray = power[y, x] == power[rows, columns].max((1, 2))
    return highest


def _beside(lines: np.ndarray, line: np.ndarray, place: np.ndarray, period: int) -> np.ndarray:
    """Level of lines of a spectrum on the side of each place where it is higher, 1 at least.

    The scatter of a scan's lines makes one level of power all along them, and the rings that it is
    measured in fall by far: beside a reflection it may be much less than usual.
    """
    steps = np.arange(_APART, max(period // 10, 10) + 1)
    result = np.ones(len(line))
    for side in (steps, -steps):
        at = (place[:, None] + side) % period
        at = np.minimum(at, period - at) if lines.shape[1] < period else at  # half of a line
        result = np.maximum(result, np.median(lines[line[:, None], at], 1) / np.log(2))
    return result


def _ring_level(power: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Mean power of the noise on the ring of each frequency.

    From the mean logarithm, which few peaks hardly move; for the exponential distribution of
    noise it is below the logarithm of the mean by Euler's constant. Frequencies at which a filter
    or a zoom left nothing do not count.
    """
    at, log = ring.ravel(), np.log(power + 1e-30).ravel()
    mean = _ring_means(at, log)
    some = slice(None, None, _FEW)
    if np.square(log[some] - mean[at[some]]).mean() > _SCATTER:
        upper = _ring_means(at, log, log > mean[at])
        mean = _ring_means(at, log, log > upper[at] - _EMPTY)
    level: np.ndarray = np.exp(mean + np.euler_gamma).astype(power.dtype)[ring]
    return level


def _ring_means(at: np.ndarray, values: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    """Of values, by the number of their ring."""
    count = int(at.max()) + 1
    if kept is not None:
        at, values = at[kept], values[kept]
    sums, numbers = np.bincount(at, values, count), np.bincount(at, minlength=count)
    result: np.ndarray = sums / np.maximum(numbers, 1)
    return result


def _text(pixel_size_yx: tuple[float, float]) -> str:
    return " x ".join(dict.fromkeys(f"{p:.4g}" for p in pixel_size_yx))
