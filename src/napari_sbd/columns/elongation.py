"""Columns that are longer than they are wide: two columns fitted as one.

What a round Gaussian leaves of an elongated one is a quadrupole, ``(dx^2 - dy^2) g`` and
``2 dx dy g``, which no value of the fit can take up. Two equal columns at +h and -h along x, seen
as one of width sigma and amplitude A, leave it with the amplitude ``a = A h^2 / (4 sigma^2)`` where
h is small. ``h^2 = 2 sigma^2 (1 - exp(-2 a / A))`` holds for those that hardly touch as well, to
about 20 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import stop_if_asked
from ..noise.covariance import Covariance
from .overlap import Around, owners, tilts

# of sigma: half a distance that makes two columns of one. Beside oxygen columns, halos or slopes of
# thickness single columns of HRTEM images look like 0.7, one in ten like 1.
TWO = 1.0
# the same by which columns are longer in the data than in the denoised image: at 20 electrons per
# pixel 0.2 to 0.5 of true ones
MERGED = 0.7
_FALSE = 0.01  # share of round columns among those that are called long
_REACH = 2.0  # sigmas from a column that its shape is looked at
_DRAWN = 4.0  # sigmas to which columns are drawn
_CHUNK = 256


@dataclass(frozen=True)
class Elongation:
    """Of N columns.

    Parameters
    ----------
    half
        (N,) half the distance of the two columns that would look like it [px].
    along
        (N, 2) unit vectors y, x.
    z
        (N,) how clearly it is longer than wide [standard errors].
    """

    half: np.ndarray
    along: np.ndarray
    z: np.ndarray


def clearly_long(z: np.ndarray) -> np.ndarray:
    """(N,) which columns are longer than wide beyond chance, of z (N,) as ``Elongation`` has it.

    Of round columns z is the length of two standard normal numbers, so p is ``exp(-z^2 / 2)``; at
    most 1 % of those that are called long are not (Benjamini and Hochberg).
    """
    from scipy.stats import false_discovery_control

    result, known = np.zeros(len(z), bool), np.isfinite(z)
    if known.any():
        result[known] = (
            false_discovery_control(np.exp(-(np.minimum(z[known], 37) ** 2) / 2)) < _FALSE
        )
    return result


def beyond(found: Elongation, shown: Elongation) -> Elongation:
    """What the data have columns longer by than the denoised image does.

    What both show alike is the shape of what is there: a column beside a weaker one, or the probe.

    Parameters
    ----------
    found, shown
        Of N columns, in the data and in the denoised image.
    """
    # as a tensor, in which lengths along several directions add up
    mine, its = (
        e.half**2 * np.array([e.along[:, 1] ** 2 - e.along[:, 0] ** 2, 2 * e.along.prod(1)])
        for e in (found, shown)
    )
    rest = mine - its
    size = np.hypot(*rest)
    angle = np.arctan2(rest[1], rest[0]) / 2
    z = found.z * size / np.maximum(found.half**2, np.finfo(float).tiny)
    return Elongation(np.sqrt(size), np.column_stack([np.sin(angle), np.cos(angle)]), z)


def elongation(
    image: np.ndarray,
    values: np.ndarray,
    variance: np.ndarray | float,
    correlated: Covariance | None = None,
) -> Elongation:
    """Measure what round Gaussians leave.

    Parameters
    ----------
    image
        (Y, X) that they were fitted to; NaN where there are no data.
    values
        (N, 5) y, x, amplitude, sigma, background of the columns; NaN for those without a fit.
    variance
        Of a pixel, one number or (Y, X).
    correlated
        How the noise of pixels hangs together; None where it is independent.
    """
    count = len(values)
    half, z = np.full(count, np.nan), np.full(count, np.nan)
    along = np.full((count, 2), np.nan)
    fitted = np.flatnonzero(np.isfinite(values).all(1) & (values[:, 2] != 0))
    if not len(fitted):
        return Elongation(half, along, z)
    v = values[fitted]
    noise = np.broadcast_to(variance, image.shape)
    left = image - drawn(v, image.shape)
    more = [1.0, 1.0]
    if correlated is not None:
        more = [correlated.error_ratio(shape) for shape in _quadrupoles(float(np.median(v[:, 3])))]
    amplitude, error = np.empty((len(v), 2)), np.empty((len(v), 2))
    for start in range(0, len(v), _CHUNK):
        stop_if_asked()
        part = slice(start, start + _CHUNK)
        place, dy, dx, inside = around(v[part], image.shape, _REACH)
        weight = np.where(inside & np.isfinite(left[place]), 1 / noise[place], 0)
        rest = np.where(weight > 0, left[place], 0)
        u, w = dy / v[part, 3, None, None], dx / v[part, 3, None, None]
        gauss = np.exp(-(u**2 + w**2) / 2)
        for k, shape in enumerate(((w**2 - u**2) * gauss, 2 * u * w * gauss)):
            held = np.maximum((shape**2 * weight).sum((1, 2)), 1e-300)
            amplitude[part, k] = (shape * weight * rest).sum((1, 2)) / held
            error[part, k] = more[k] * held**-0.5
    relative = amplitude / v[:, 2:3]  # a dark column has a negative amplitude, and so its misfit
    size = np.hypot(*relative.T)
    half[fitted] = v[:, 3] * np.sqrt(2 * (1 - np.exp(-2 * size)))
    z[fitted] = np.hypot(*(amplitude / error).T)
    angle = np.arctan2(relative[:, 1], relative[:, 0]) / 2
    along[fitted] = np.column_stack([np.sin(angle), np.cos(angle)])
    return Elongation(half, along, z)


def _quadrupoles(sigma: float) -> list[np.ndarray]:
    """What a round column of this width leaves of a long one, around a pixel."""
    size = int(np.ceil(_REACH * sigma))
    u, w = (i / sigma for i in np.mgrid[-size : size + 1, -size : size + 1])
    gauss = np.exp(-(u**2 + w**2) / 2) * (u**2 + w**2 <= _REACH**2)
    return [(w**2 - u**2) * gauss, 2 * u * w * gauss]


def drawn(values: np.ndarray, shape: tuple[int, ...], on_backgrounds: bool = True) -> np.ndarray:
    """(Y, X) all columns, on the backgrounds of the nearest ones or on zero."""
    picture = np.zeros(shape)
    if on_backgrounds:
        owner = owners(values, shape)
        picture = values[owner, 4] + tilts(values, owner, Around(values[:, :2]).slopes(values))
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        place, dy, dx, inside = around(part, shape, _DRAWN)
        gauss = np.exp(-(dy**2 + dx**2) / 2 / part[:, 3, None, None] ** 2)
        np.add.at(picture, place, np.where(inside, part[:, 2, None, None] * gauss, 0))
    return picture


def around(values: np.ndarray, shape: tuple[int, ...], reach: float) -> tuple[Any, ...]:
    """Pixels around columns (n, k, k), their distances along y and x, and which count."""
    size = int(np.ceil(reach * values[:, 3].max()))
    step = np.arange(-size, size + 1)
    row, column = (np.rint(values[:, i]).astype(int)[:, None] + step for i in (0, 1))
    dy, dx = (row - values[:, :1])[:, :, None], (column - values[:, 1:2])[:, None]
    inside = ((row >= 0) & (row < shape[0]))[:, :, None]
    inside = inside & ((column >= 0) & (column < shape[1]))[:, None]
    inside &= dy**2 + dx**2 <= (reach * values[:, 3, None, None]) ** 2
    place = np.broadcast_arrays(
        np.clip(row, 0, shape[0] - 1)[:, :, None], np.clip(column, 0, shape[1] - 1)[:, None]
    )
    return tuple(place), dy, dx, inside
