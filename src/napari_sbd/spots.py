"""Where atomic columns are: extrema of the band of spatial frequencies that holds the lattice.

The width of the columns is the one number that everything else is scaled by. It is taken from the
image: the Laplacian of Gaussian (LoG) of width s, normalised so that the outlines of large objects
count alike at every s, has most power at the s that fits the columns.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from .errors import SBDError, stop_if_asked
from .faint import continued
from .sampling import bin_counts

_logger = logging.getLogger(__name__)

Polarity = Literal["auto", "bright", "dark"]

_WIDTH = 1.0  # of the detecting LoG over that of the columns
_WEAKEST = 0.8  # of the typical response: the threshold at sensitivity 0
_CORE = 0.7  # widths at which the roundness of a column is seen
_BRAGG = 2.0  # times the highest spectral peak that chance makes
_LONELY = 25.0  # response of a single column over the typical one, where there is no lattice
_FAINT = 0.01  # of the highest response; flat areas hold countless fainter extrema
_RIM = 0.5  # widths from the frame within which a column cannot be fitted
_EVEN = 0.12  # skewness of an image whose bright and dark extrema are equally narrow
_MOST = 60_000  # columns; more are spurious, and would take minutes
_SMALLEST_WIDTH = 0.8  # px


@dataclass(frozen=True)
class Detection:
    """Extrema that stand for columns.

    Parameters
    ----------
    y, x
        (N,) [px].
    strength
        (N,) response, 1 for a typical column of the image.
    scale
        Width of the columns, standard deviation [px]; None where the image shows none.
    bright
        Whether columns are brighter than what is around them.
    threshold
        On ``strength``.
    why
        In words, why there are none; empty where there are some.
    faint
        (N,) columns below the threshold, where the lattice of others goes on.
    even
        Whether bright and dark extrema are equally narrow, so that either may be the columns.
    """

    y: np.ndarray
    x: np.ndarray
    strength: np.ndarray
    scale: float | None
    bright: bool
    threshold: float
    why: str = ""
    faint: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    even: bool = False

    @property
    def points(self) -> np.ndarray:
        """(N, 2) y, x [px]."""
        return np.column_stack([self.y, self.x])

    def only(self, kept: np.ndarray, why: str = "") -> Detection:
        """Some of the columns; ``why`` where there are none."""
        parts = {name: getattr(self, name)[kept] for name in ("y", "x", "strength", "faint")}
        return replace(self, **parts, why=why)


def detect(
    image: np.ndarray,
    *,
    sensitivity: float = 0.5,
    polarity: Polarity = "auto",
    spacing: float | None = None,
    scale: float | None = None,
) -> Detection:
    """Find the columns of a denoised image.

    Parameters
    ----------
    image
        (Y, X), smooth: denoised, averaged or of high dose. NaN pixels hold no data.
    sensitivity
        0 to 1. Extrema count from 0.8 (1 - sensitivity) of the response of a typical column; where
        the lattice of such goes on (``faint``), from that share of their neighbours' response, and
        from 0.4 of it at a rim.
    polarity
        ``"bright"`` or ``"dark"`` columns; ``"auto"`` takes the sign of the skewness of the
        band-passed image: columns are the narrow extrema, the gaps between them the wide ones.
    spacing
        Of nearest columns [px]; by default from the image.
    scale
        Width of the columns [px], in place of the spacing.

    Raises
    ------
    SBDError
        If a setting makes no sense or there are more than 60,000 extrema.
    """
    check_settings(sensitivity, polarity, spacing)
    if spacing is not None and spacing > min(image.shape):
        sides = " x ".join(map(str, image.shape))
        raise SBDError(
            f"The spacing is {spacing:g} pixels and the image {sides}; give a shorter one."
        )
    stop_if_asked()
    filled = np.where(np.isfinite(image), image, np.nanmean(image)).astype(np.float64)
    empty = np.zeros(0)
    threshold = _WEAKEST * (1 - sensitivity)
    if np.ptp(filled) <= 1e-6 * np.abs(filled).max() or min(filled.shape) < 8:
        return Detection(empty, empty, empty, None, True, threshold, "The image is constant.")
    if scale is None:
        scale = column_scale(filled) if spacing is None else 0.2 * spacing
    if scale is None:
        why = "The image has no structure of one size."
        return Detection(empty, empty, empty, None, True, threshold, why)
    block = max(1, int(scale / 2))
    coarse = bin_counts(filled, (block, block)) / block**2
    width = scale / block
    response = _band(coarse, width)
    skewness = float((response**3).mean() / max((response**2).mean() ** 1.5, 1e-300))
    bright = skewness > 0 if polarity == "auto" else polarity == "bright"
    response = response if bright else -response
    if not _has_lattice(coarse, width) and not _has_lonely(response):
        why = "The image shows neither a lattice nor single columns that stand out."
        return Detection(empty, empty, empty, scale, bright, threshold, why)
    y, x, strength = _maxima(response)
    roundness = _roundness(coarse if bright else -coarse, width, y, x)
    typical = (strength**2).sum() / max(strength.sum(), 1e-300)
    strength = strength / typical
    y, x = (y + 0.5) * block - 0.5, (x + 0.5) * block - 0.5
    rim = _RIM * scale
    height, breadth = image.shape
    inside = (y >= rim) & (x >= rim) & (y <= height - 1 - rim) & (x <= breadth - 1 - rim)
    inside &= np.isfinite(
        image[
            np.rint(np.clip(y, 0, height - 1)).astype(int),
            np.rint(np.clip(x, 0, breadth - 1)).astype(int),
        ]
    )
    y, x, strength, roundness = (v[inside] for v in (y, x, strength, roundness))
    kept = strength > threshold
    if kept.sum() > _MOST:
        raise SBDError(
            f"{kept.sum()} extrema are above the threshold, more than the {_MOST} columns that "
            "can be fitted; lower the sensitivity, crop the image or give the spacing."
        )
    faint = _faint(np.column_stack([y, x]), strength, roundness, threshold)
    kept |= faint
    _logger.debug("%d spots of scale %.3g px above %.3g", int(kept.sum()), scale, threshold)
    even, parts = abs(skewness) < _EVEN, (y[kept], x[kept], strength[kept])
    return Detection(*parts, scale, bright, threshold, "", faint[kept], even)


def spacing(points: np.ndarray, nearest: int = 1) -> float:
    """Median distance to the nearest neighbour, or to so many; NaN for fewer than two points."""
    from scipy.spatial import cKDTree

    if len(points) < 2:
        return float("nan")
    distance = cKDTree(points).query(points, min(nearest + 1, len(points)))[0]
    return float(np.median(distance[:, 1:]))


def _faint(
    points: np.ndarray, strength: np.ndarray, roundness: np.ndarray, threshold: float
) -> np.ndarray:
    gap = spacing(points[strength > threshold])
    return continued(points, strength, roundness, threshold, gap)


def _roundness(image: np.ndarray, width: float, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(N,) smaller over larger curvature of bright spots; 1 where they are round."""
    from scipy.ndimage import gaussian_filter

    place = tuple(
        np.clip(np.rint(v).astype(int), 0, n - 1) for v, n in zip((y, x), image.shape, strict=True)
    )
    narrow, orders = _CORE * width, ((2, 0), (0, 2), (1, 1))
    yy, xx, xy = (gaussian_filter(image, narrow, order)[place] for order in orders)
    middle, apart = -(yy + xx), np.sqrt((yy - xx) ** 2 + 4 * xy**2)
    result: np.ndarray = (middle - apart) / np.maximum(middle + apart, 1e-300)
    return result


def check_settings(sensitivity: float, polarity: str, spacing: float | None) -> None:
    """Refuse settings that make no sense."""
    if not 0 <= sensitivity <= 1:
        raise SBDError(f"The sensitivity lies between 0 and 1; {sensitivity} does not.")
    if polarity not in ("auto", "bright", "dark"):
        raise SBDError(f"The polarity is 'auto', 'bright' or 'dark', not {polarity!r}.")
    if spacing is not None and not 4 <= spacing < np.inf:
        raise SBDError(f"The spacing is 4 pixels or more, not {spacing}.")


def column_scale(image: np.ndarray) -> float | None:
    """Width (standard deviation) of the columns [px], or None where no size stands out.

    The power of the normalised LoG, ``sum P(k) (k s)^4 exp(-k^2 s^2) / s``, has its highest maximum
    at s = 0.2 of the spacing for lattices, and at the width for single columns. The outline of a
    large object has the same power at every s.
    """
    power, k, _ = _spectrum(image)
    rings = np.bincount(_ring(k), power.ravel())
    middle = np.bincount(_ring(k), k.ravel()) / np.maximum(np.bincount(_ring(k)), 1)
    widths = np.geomspace(_SMALLEST_WIDTH, min(image.shape) / 8, 80)
    u2 = (middle[1:] * widths[:, None]) ** 2
    energy = (rings[1:] * u2**2 * np.exp(-u2)).sum(1) / widths
    inner = (energy[1:-1] > energy[:-2]) & (energy[1:-1] >= energy[2:])
    if not inner.any():
        return None
    return float(widths[1 + np.argmax(np.where(inner, energy[1:-1], 0))])


def _spectrum(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power, angular frequency [1/px] and the same in steps of the spectrum."""
    height, width = image.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(np.fft.rfft2((image - image.mean()) * window)) ** 2
    k = 2 * np.pi * np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    return power, k, k * min(height, width) / (2 * np.pi)


def _ring(k: np.ndarray) -> np.ndarray:
    """Number of the fine ring that each frequency lies in."""
    ring: np.ndarray = np.rint(k.ravel() * 200).astype(int)
    return ring


def _has_lattice(image: np.ndarray, width: float) -> bool:
    """Whether the spectrum has Bragg peaks.

    The power of amorphous matter, of vacuum and of what a denoiser makes of them is exponentially
    distributed about its mean in a ring, so the highest of n values is about log n times the mean.
    """
    power, k, steps = _spectrum(image)
    ring = np.rint(steps).astype(int)
    order = np.argsort(ring, axis=None)
    parts = np.split(power.ravel()[order], np.cumsum(np.bincount(ring.ravel()))[:-1])
    level = np.array([np.median(p) / np.log(2) if len(p) else np.inf for p in parts])
    band = (k * width > 0.7) & (k * width < 3) & (steps > 4)
    ratio = np.where(band, power / (level[ring] + 1e-30 * power.max()), 0)
    return bool(ratio.max() > _BRAGG * 3 * np.log(power.size))


def _has_lonely(response: np.ndarray) -> bool:
    """Whether single extrema rise far above a calm field."""
    return bool(response.max() > _LONELY * np.median(np.abs(response)))


def curvature(image: np.ndarray, width: float, mode: str = "mirror") -> np.ndarray:
    """Laplacian of the image after a Gaussian of that width [px]; flat areas answer nothing.

    Parameters
    ----------
    image
        (Y, X) without gaps.
    width
        Standard deviation of the Gaussian [px].
    mode
        Of ``scipy.ndimage``, beyond the frame.
    """
    from scipy.ndimage import gaussian_laplace

    # the kernel ends somewhere and does not sum to zero: cut off far out, and without the level,
    # of which 0.3 % would pass for contrast at four widths
    result: np.ndarray = gaussian_laplace(image - image.mean(), width, mode=mode, truncate=6)
    return result


def _band(image: np.ndarray, width: float) -> np.ndarray:
    """Response of the LoG, positive for bright columns."""
    return -curvature(image, _WIDTH * width)


def _maxima(response: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local maxima above zero: sub-pixel y, x and height, by parabolas along both axes."""
    from scipy.ndimage import label, maximum_filter

    peak = response == maximum_filter(response, 3, mode="nearest")
    peak &= response > _FAINT * response.max()
    y, x = np.nonzero(peak)
    # a maximum halfway between pixels is equally high on both: one of them stands for it
    _, first = np.unique(label(peak, np.ones((3, 3)))[0][y, x], return_index=True)
    y, x = y[first], x[first]
    height, width = response.shape
    position = []
    for axis, (at, size) in enumerate(((y, height), (x, width))):
        step = (1, 0) if axis == 0 else (0, 1)
        low = response[np.maximum(y - step[0], 0), np.maximum(x - step[1], 0)]
        high = response[np.minimum(y + step[0], height - 1), np.minimum(x + step[1], width - 1)]
        curvature = 2 * response[y, x] - low - high
        shift = (high - low) / 2 / np.where(curvature > 0, curvature, np.inf)
        position.append(np.where((at > 0) & (at < size - 1), at + np.clip(shift, -0.5, 0.5), at))
    return position[0], position[1], response[y, x]
