"""Errors of a fit whose pixels share noise.

Weighted least squares and the Poisson likelihood stay unbiased where the noise of pixels hangs
together, but their errors are those of ``I^-1 J I^-1``: I is the Fisher information of independent
pixels, J the covariance of the score (the sandwich of White, Econometrica 50 (1982) 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..noise.covariance import Covariance
from .overlap import neighbours, owners

_SOME = 8  # columns that stand for all: noise and widths are much the same for all
_COUPLED, _MOST_COUPLED = 4.5, 6  # widths within which errors of neighbours depend on each other


def error_ratio(
    values: np.ndarray,
    radius: float,
    variance: np.ndarray,
    noise: Covariance,
    hold_width: bool = False,
) -> np.ndarray:
    """(5,) errors under correlated noise over those that independent pixels would give.

    Parameters
    ----------
    values
        (N, 5) y, x [px], amplitude [image units], sigma [px], background [image units].
    radius
        Of the disc of pixels that a column is fitted to [px].
    variance
        (Y, X) of the noise of a pixel were it independent; of slow noise.
    noise
        How the noise of pixels hangs together.
    hold_width
        Whether the width is no part of the fit; its ratio is then 1.
    """
    fitted = np.array([0, 1, 2, 4] if hold_width else [0, 1, 2, 3, 4])
    found = []
    for patch in patches(values, radius, variance.shape, noise.half):
        parts = patch.derivative.reshape(-1, 5, *patch.derivative.shape[1:])
        derivative, spot = parts[:, fitted].reshape(-1, *parts.shape[2:]), variance[patch.place]
        weighted = derivative / spot
        information = np.einsum("ayx,byx->ab", weighted, derivative)
        spread = noise.spread(weighted)
        score = np.einsum("ayx,byx->ab", spread * spot, spread)
        inverse = np.linalg.pinv(information)
        ratio = np.diag(inverse @ score @ inverse) / np.maximum(np.diag(inverse), 1e-300)
        row = np.ones(5)
        row[fitted] = np.sqrt(ratio[: len(fitted)])
        found.append(row)
    result: np.ndarray = np.median(found, axis=0)
    return result


@dataclass(frozen=True, eq=False)
class Patch:
    """The surroundings of a column.

    Parameters
    ----------
    place
        Rows (H, W) and columns (H, W) of the image, those of the rim beyond it.
    derivative
        (5 M, H, W) of the model by the values of M columns, first of the one in the middle; zero
        beyond the image.
    """

    place: tuple[np.ndarray, ...]
    derivative: np.ndarray


def patches(
    values: np.ndarray, radius: float, shape: tuple[int, ...], margin: tuple[int, int] = (0, 0)
) -> Iterator[Patch]:
    """Some columns, which stand for all, each with those whose errors depend on its own.

    Parameters
    ----------
    values
        (N, 5) y, x [px], amplitude [image units], sigma [px], background [image units].
    radius
        Of the disc of pixels that a column is fitted to [px].
    shape
        Of the image.
    margin
        Pixels around along y and x.
    """
    owner, reach = owners(values, shape), _COUPLED * float(np.median(values[:, 3]))
    others = neighbours(values, reach, _MOST_COUPLED)
    seen = np.flatnonzero(((values[:, :2] >= 0) & (values[:, :2] <= np.array(shape) - 1)).all(1))
    for k in seen[np.unique(np.linspace(0, len(seen) - 1, _SOME).astype(int))]:
        members = [k, *(j for j in others[k] if j >= 0)]
        far = int(np.ceil(radius + reach))
        y, x = (
            round(c) + np.arange(-far - h, far + h + 1)
            for c, h in zip(values[k, :2], margin, strict=True)
        )
        place = tuple(
            np.broadcast_arrays(
                *(np.clip(i, 0, n - 1) for i, n in zip(np.ix_(y, x), shape, strict=True))
            )
        )
        there = (place[0] == y[:, None]) & (place[1] == x)
        own = owner[place]
        derivative = [_derivatives(values[j], y[:, None], x, radius, own == j) for j in members]
        yield Patch(place, np.concatenate(derivative) * there)


def _derivatives(
    values: np.ndarray, y: np.ndarray, x: np.ndarray, radius: float, own: np.ndarray
) -> np.ndarray:
    """(5, H, W) derivatives of a column by its values, within its disc."""
    dy, dx = y - values[0], x - values[1]
    amplitude, sigma = values[2:4]
    square = dy**2 + dx**2
    gauss = np.exp(-square / 2 / sigma**2)
    fall = amplitude * gauss / sigma**2
    shapes = np.stack([fall * dy, fall * dx, gauss, fall * square / sigma, own * 1.0])
    result: np.ndarray = shapes * (square <= radius**2)
    return result
