"""Errors of columns of an image that there is nothing to compare with.

The residual of the fit is all that tells of the noise, and the fit has taken part of that up: the
more, the farther noise hangs together. So noise is taken for a mixture of independent ones, blurred
by Gaussians of several widths, of even strength or of a variance that follows the brightness. What
a fit leaves of each of them, and by how much it moves columns, follows from the derivatives of the
model; how much there is of each, from the covariances of neighbouring pixels of the residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .correlated import Patch, patches
from .elongation import drawn
from .fit import GaussianFit
from .overlap import owners

# of the width of the columns; noise blurred by more looks like columns that are badly described
_BLURS = (0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_FAR = 4  # px: of covariances that are looked at, those along one axis
_NEAR = 2  # px: those along both
_BADLY = 4.0  # times the usual residual: columns that are described so badly tell of no noise
_ALONE = 0.3  # share of the other columns in what all have alike, from which it is told from noise


@dataclass(frozen=True)
class _Left:
    """What a fit leaves of noise of mean variance 1, and what it does to the fit.

    Parameters
    ----------
    covariances
        (2 L,) of pixels of the residual, by distance: their mean, and that by brightness.
    dispersion
        Mean square of the residual, as ``GaussianFit`` has it.
    variances
        (5,) of the values of a column, over those for unit weights.
    """

    covariances: np.ndarray
    dispersion: float
    variances: np.ndarray


def covariance_alone(
    image: np.ndarray,
    fit: GaussianFit,
    radius: float,
    width: float,
    hold_width: bool = False,
) -> np.ndarray:
    """(N, 5, 5) covariance of the values of columns fitted by least squares.

    Parameters
    ----------
    image
        (Y, X) that they were fitted to; NaN pixels hold no data.
    fit
        Of N columns.
    radius
        Of the disc of pixels that a column was fitted to [px].
    width
        Usual one of the columns [px].
    hold_width
        Whether widths were no part of the fit.
    """
    from scipy.optimize import nnls

    plain: np.ndarray = fit.covariance * fit.dispersion[:, None, None]
    known = fit.converged
    on_image = ((fit.values[:, :2] >= 0) & (fit.values[:, :2] <= np.array(image.shape) - 1)).all(1)
    if not (known & on_image).any():
        return plain
    values = fit.values[known]
    owner = owners(values, image.shape)
    y, x = np.indices(image.shape)
    dy, dx = y - values[owner, 0], x - values[owner, 1]
    spread = fit.dispersion[known]
    usual = spread <= _BADLY * np.median(spread)
    held = (dy**2 + dx**2 <= radius**2) & np.isfinite(image) & usual[owner]
    model = drawn(values, image.shape)
    off = np.where(held, image - model, 0.0)
    bright = _brightness(model, held)
    rest = _without_common(off, values[owner, 2], dy, dx, held)
    seen, whole = _covariances(rest, bright, held), float((off**2).sum())
    if not seen[0] > 0:
        return plain
    around = list(patches(values, radius, bright.shape))
    if hold_width:
        for patch in around:
            patch.derivative[3::5] = 0
    left = _left(around, bright, [blur * width for blur in _BLURS])
    strength = nnls(np.column_stack([part.covariances for part in left]), seen)[0]
    dispersion = float(strength @ [part.dispersion for part in left])
    if not dispersion > 0:
        return plain
    variances = strength @ np.array([part.variances for part in left])
    more = np.sqrt(variances / dispersion * float((rest**2).sum()) / whole)
    result: np.ndarray = plain * np.outer(more, more)
    return result


def _brightness(model: np.ndarray, held: np.ndarray) -> np.ndarray:
    """(Y, X) from the darkest pixel up, of mean 1."""
    least = model[held].min()
    bright = np.maximum(np.where(held, model, model[held].mean()) - least, 0)
    mean = bright[held].mean()
    result: np.ndarray = bright / mean if mean > 0 else np.ones_like(bright)
    return result


def _without_common(
    off: np.ndarray, amplitude: np.ndarray, dy: np.ndarray, dx: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """(Y, X) what Gaussians leave, less what they leave of all columns alike, which moves none.

    Of few columns that takes up a share of the noise as well, by which the rest is raised; of one
    there is no telling.
    """
    far = int(np.ceil(max(np.abs(dy[held]).max(), np.abs(dx[held]).max())))
    row, column = (np.clip(np.rint(d).astype(int), -far, far) + far for d in (dy, dx))
    place, size = row * (2 * far + 1) + column, (2 * far + 1) ** 2
    sums, squares = (
        np.bincount(place[held], (amplitude * part)[held], size) for part in (off, amplitude)
    )
    shape = np.divide(sums, squares, out=np.zeros(size), where=squares > 0)
    whole = squares[place]
    share = np.divide(amplitude**2, whole, out=np.ones_like(whole), where=held & (whole > 0))
    rest = (off - amplitude * shape[place]) / np.sqrt(np.maximum(1 - share, _ALONE))
    result: np.ndarray = np.where(held, np.where(share < 1 - _ALONE, rest, off), 0.0)
    return result


def _steps() -> list[list[tuple[int, int]]]:
    """Distances of two pixels, those that are equally long together."""
    steps: dict[int, list[tuple[int, int]]] = {}
    for dy in range(_FAR + 1):
        for dx in range(-_FAR, _FAR + 1):
            along = dy == 0 or dx == 0
            if (dy, dx) >= (0, 0) and (along or max(dy, abs(dx)) <= _NEAR):
                steps.setdefault(dy**2 + dx**2, []).append((dy, dx))
    return [steps[square] for square in sorted(steps)]


def _shifted(image: np.ndarray, dy: int, dx: int) -> tuple[np.ndarray, np.ndarray]:
    """An image and the same one so many pixels on, where both are."""
    height, width = image.shape
    first = image[: height - dy, max(0, -dx) : width - max(0, dx)]
    return first, image[dy:, max(0, dx) : width - max(0, -dx)]


def _covariances(off: np.ndarray, bright: np.ndarray, held: np.ndarray) -> np.ndarray:
    """(2 L,) means of products of pixels, by distance; then the same weighted by brightness."""
    found = []
    for steps in _steps():
        means = []
        for step in steps:
            (one, other), (there, too) = _shifted(off, *step), _shifted(held, *step)
            product, number = one * other, max((there & too).sum(), 1)
            weight = sum(_shifted(bright, *step)) / 2
            means.append((product.sum() / number, (product * weight).sum() / number))
        found.append(np.mean(means, axis=0))
    return np.concatenate(np.transpose(found))


def _left(around: list[Patch], bright: np.ndarray, blurs: list[float]) -> list[_Left]:
    """What is left of noise of each blur [px] and kind, the median of some columns."""
    found = [_of_patch(patch, bright, blurs) for patch in around]
    return [
        _Left(
            np.median([part.covariances for part in parts], axis=0),
            float(np.median([part.dispersion for part in parts])),
            np.median([part.variances for part in parts], axis=0),
        )
        for parts in zip(*found, strict=True)
    ]


def _of_patch(patch: Patch, bright: np.ndarray, blurs: list[float]) -> list[_Left]:
    """The same of the column in the middle of a patch."""
    inside: np.ndarray = np.any(patch.derivative[2::5] > 0, axis=0)
    design = patch.derivative[:, inside].T
    solve = np.linalg.pinv(design)
    own = np.flatnonzero(patch.derivative[4][inside] > 0)
    weight = bright[patch.place][inside]
    one, other, length, share = _pairs(inside, own)
    by, distances = (weight[own[one]] + weight[other]) / 2, len(_steps())
    unit = np.diagonal(solve @ solve.T)[:5]
    # what of all noise comes to the middle column's pixels, and to its values
    stays = np.eye(len(design))[own] - design[own] @ solve
    strengths = (np.ones(len(design)), np.sqrt(weight))
    reach = [np.concatenate([stays, solve[:5]]) * strength for strength in strengths]
    result: list[list[_Left]] = [[], []]
    for blur in blurs:
        for found, some, strength in zip(result, reach, strengths, strict=True):
            noise = _hanging_together(some, inside, blur) * strength
            rest, taken = np.split(noise, [len(own)])
            rest = rest - (rest @ solve.T) @ design.T
            product = share * rest[one, other]
            covariances = [np.bincount(length, p, distances) for p in (product, product * by)]
            dispersion = rest[np.arange(len(own)), own].sum() / max(len(own) - 5, 1)
            variances = (taken * solve[:5]).sum(1) / np.maximum(unit, 1e-300)
            found.append(_Left(np.concatenate(covariances), float(dispersion), variances))
    return [*result[0], *result[1]]


def _hanging_together(rows: np.ndarray, inside: np.ndarray, blur: float) -> np.ndarray:
    """(K, N) weights of the pixels of a patch times the correlations of noise that was blurred."""
    if not blur > 0:
        return rows
    y, x = (place - place.min() for place in np.nonzero(inside))
    patch = np.zeros((len(rows), y.max() + 1, x.max() + 1))
    patch[:, y, x] = rows
    steps = (np.subtract.outer(np.arange(n), np.arange(n)) for n in patch.shape[1:])
    along_y, along_x = (np.exp(-(step**2) / (4 * blur**2)) for step in steps)
    result: np.ndarray = (along_y @ patch @ along_x)[:, y, x]
    return result


def _pairs(inside: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, ...]:
    """Pixels of a patch, two and two: which of those of its middle column, with which of all, at
    which distance, and the share of each pair in the mean of that distance."""
    number = np.full(inside.shape, -1)
    y, x = np.nonzero(inside)
    number[inside] = np.arange(len(y))
    found = []
    for far, steps in enumerate(_steps()):
        for dy, dx in steps:
            row, column = y[own] + dy, x[own] + dx
            there = (row < inside.shape[0]) & (column >= 0) & (column < inside.shape[1])
            other = np.where(there, number[row * there, column * there], -1)
            one = np.flatnonzero(other >= 0)
            share = np.full(len(one), 1 / max(len(one), 1) / len(steps))
            found.append((one, other[one], np.full(len(one), far), share))
    one, other, length, share = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return one, other, length, share
