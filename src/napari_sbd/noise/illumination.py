"""Uneven illumination taken off for the network, and put back onto its result.

Vignetting, the tails of the beam and thickness ramps change slowly over the field, so the logarithm
of the brightness follows a polynomial of second degree, a beam of Gaussian profile exactly. The
edge of a beam stop or of a thick region is a straight step. The network is given what differs from
the smooth brightness, divided by its root, since the noise of electrons follows the root of their
number: the noise then is even as well.

A specimen beside vacuum is no uneven light: its brightness jumps at its edge and is level on both
sides, where light falls everywhere. So the brightness must change between most neighbouring places
as the course of the light says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

_TILE = 8  # working pixels along a side of the tiles whose means are fitted
_ROUNDS = 8  # of reweighted least squares
# benchmarks/cameras.py --light: evenly lit phantoms stay below both
_FALL = 0.10  # of the brightness over the field, above which light is uneven
_EXPLAINED = 0.5  # of the variance of the tiles, that illumination must explain
_LEVEL = 0.7  # slope between neighbouring tiles over that of the course, below which it is level
_ROUGH = 0.28  # standard deviation of the tiles' logarithms from the course: an edge is in it
_APART = 2  # tiles
_STEP = 0.15, 0.7  # height of a step over the mean; share of the variance it must explain
_STEEPER = 0.03  # by how much more than a smooth course
_NEAR = 6.0  # pixels from the edge of a step, whose values place it
_DARKEST = 0.1  # of the mean brightness, that is divided by at least
_ANGLES = 12  # directions of a step that are tried at first


@dataclass(frozen=True)
class Illumination:
    """How the brightness changes over an image, at the working sampling.

    Parameters
    ----------
    brightness
        (H, W), in the units of the image.
    fall
        From the brightest to the darkest place, relative to the brightest.
    is_step
        Whether a straight edge parts a bright and a dark side.
    dark
        The value without electrons, whose number the noise follows.
    """

    brightness: np.ndarray
    fall: float
    is_step: bool = False
    dark: float = 0.0

    @property
    def _noise(self) -> np.ndarray:
        relative = (self.brightness - self.dark) / (self.brightness.mean() - self.dark)
        result: np.ndarray = np.sqrt(np.maximum(relative, _DARKEST))
        return result

    def take_off(self, image: np.ndarray) -> np.ndarray:
        """What an image (H, W) would be under even light, about zero."""
        result: np.ndarray = (image - self.brightness) / self._noise
        return result

    def put_back(self, image: np.ndarray) -> np.ndarray:
        """The inverse of ``take_off``, for a denoised image."""
        result: np.ndarray = image * self._noise + self.brightness
        return result


def estimate_illumination(image: np.ndarray, dark: float = 0.0) -> Illumination | None:
    """Find uneven illumination.

    Parameters
    ----------
    image
        (H, W) block sums, finite.
    dark
        The value without electrons.

    Returns
    -------
    The illumination, or None where the light is even, or its course is hidden by the structure.
    """
    rows, columns = (n // _TILE for n in image.shape)
    if min(rows, columns) < 4:
        return None
    cut = image[: rows * _TILE, : columns * _TILE] - dark
    tiles = cut.reshape(rows, _TILE, columns, _TILE).mean((1, 3))
    mean = float(tiles.mean())
    if not mean > 0 or not tiles.min() > 0:
        return None
    y, x = _coordinates((rows, columns), _TILE, image.shape)
    terms = _terms(y, x)
    values = np.log(tiles / mean).ravel()
    smooth, rest = _robust_fit(terms, values)
    variance = float(values.var())
    step = _step(tiles.ravel(), y, x)
    smoothly = 1 - float(rest.var()) / (variance or 1.0)
    if step.explained > max(_STEP[1], smoothly + _STEEPER):
        y, x = _coordinates(image.shape, 1, image.shape)
        around = step.angle + np.linspace(-1, 1, _ANGLES) * np.pi / _ANGLES / 2
        step = _step(image.ravel(), y, x, around)
        step = _step(image.ravel(), y, x, step.angle + (around - around.mean()) / _ANGLES)
        dark_side, bright_side = sorted((step.low - dark, step.high - dark))
        if bright_side - dark_side > _STEP[0] * mean:
            step = _placed(step, image.ravel(), y, x, image.shape)
            brightness = step.at(y, x).reshape(image.shape)
            return Illumination(brightness, 1 - dark_side / bright_side, True, dark)
    curve = terms @ smooth
    fall = 1 - float(np.exp(curve.min() - curve.max()))
    off = float(((values - curve) ** 2).mean())
    if fall < _FALL or 1 - off / variance < _EXPLAINED or off > _ROUGH**2:
        return None
    if _slope(values.reshape(rows, columns), curve.reshape(rows, columns)) < _LEVEL:
        return None
    everywhere = _terms(*_coordinates(image.shape, 1, image.shape)) @ smooth
    brightness = mean * np.exp(everywhere).reshape(image.shape)
    # the mean of the image stays what it is, and with it the units of the result
    brightness *= (image.mean() - dark) / brightness.mean()
    return Illumination(brightness + dark, fall, dark=dark)


def _slope(values: np.ndarray, curve: np.ndarray) -> float:
    """How values (h, w) change between near tiles, over how a curve does; what few do is nothing.

    The line through the origin of least absolute deviations: the weighted median of the ratios.
    """
    changes = [
        np.concatenate(
            [(i[_APART:] - i[:-_APART]).ravel(), (i[:, _APART:] - i[:, :-_APART]).ravel()]
        )
        for i in (values, curve)
    ]
    weight = np.abs(changes[1])
    ratio = changes[0] / np.where(weight > 0, changes[1], np.inf)
    order = np.argsort(ratio)
    total = np.cumsum(weight[order])
    return float(ratio[order][np.searchsorted(total, total[-1] / 2)])


@dataclass(frozen=True)
class _Step:
    angle: float
    place: float
    low: float
    high: float
    explained: float
    width: float = 0.0  # over which it rises: pixels that it crosses hold some of both levels

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        beyond = np.cos(self.angle) * x + np.sin(self.angle) * y - self.place
        share = np.clip(beyond / (self.width or 1e-9) + 0.5, 0, 1)
        return np.asarray(self.low + (self.high - self.low) * share)


def _placed(
    step: _Step, values: np.ndarray, y: np.ndarray, x: np.ndarray, shape: tuple[int, ...]
) -> _Step:
    """The step with its edge where the pixels near it fit best, to a part of a pixel."""
    from scipy.optimize import minimize

    pixel = 2 / np.array(shape)
    width = float(abs(np.sin(step.angle)) * pixel[0] + abs(np.cos(step.angle)) * pixel[1])
    beyond = np.cos(step.angle) * x + np.sin(step.angle) * y - step.place
    near = np.abs(beyond) < _NEAR * width
    unit = float(values[near].var()) or 1.0  # whatever the units of the image, to one tolerance

    def moved(by: np.ndarray) -> _Step:
        angle, place = step.angle + by[0] * width, step.place + by[1] * width
        return replace(step, angle=angle, place=place, width=width)

    def misfit(by: np.ndarray) -> float:
        off = values[near] - moved(by).at(y[near], x[near])
        return float((off**2).sum()) / unit

    return moved(minimize(misfit, (0.0, 0.0), method="Nelder-Mead", tol=1e-2).x)


def _step(
    values: np.ndarray, y: np.ndarray, x: np.ndarray, angles: np.ndarray | None = None
) -> _Step:
    """The straight edge that parts values best into two levels, among some directions."""
    if angles is None:
        angles = np.arange(_ANGLES) * np.pi / _ANGLES
    total, best = float(values.var()) * len(values), None
    bins = 4 * int(np.sqrt(len(values)))
    for angle in angles:
        along = np.cos(angle) * x + np.sin(angle) * y
        index = ((along + 1.5) / 3 * bins).astype(int)
        count = np.cumsum(np.bincount(index, minlength=bins))
        sums = np.cumsum(np.bincount(index, values, minlength=bins))
        n, m = count[:-1], count[-1] - count[:-1]
        inside = (n > len(values) / 10) & (m > len(values) / 10)
        low, high = sums[:-1] / np.maximum(n, 1), (sums[-1] - sums[:-1]) / np.maximum(m, 1)
        between = np.where(inside, n * m / len(values) * (high - low) ** 2, 0)
        i = int(np.argmax(between))
        share = float(between[i]) / (total or 1.0)
        if best is None or share > best.explained:
            best = _Step(float(angle), (i + 1) / bins * 3 - 1.5, low[i], high[i], share)
    assert best is not None
    return best


def _coordinates(
    shape: tuple[int, ...], tile: int, whole: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """y and x of the centres of tiles, -1 to 1 over the whole image."""
    y, x = (
        ((np.arange(n) + 0.5) * tile / size * 2 - 1) for n, size in zip(shape, whole, strict=True)
    )
    grid = np.meshgrid(y, x, indexing="ij")
    return grid[0].ravel(), grid[1].ravel()


def _terms(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(y), y, x, y * y, x * x, y * x], 1)


def _robust_fit(terms: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and remainder; what structure darkens or brightens hardly counts."""
    weight = np.ones(len(values))
    for _ in range(_ROUNDS):
        solution, *_ = np.linalg.lstsq(terms * weight[:, None], values * weight, rcond=None)
        rest = values - terms @ solution
        spread = 1.48 * float(np.median(np.abs(rest))) + 1e-12
        weight = 1 / np.sqrt(1 + (rest / (2 * spread)) ** 2)
    return solution, rest
