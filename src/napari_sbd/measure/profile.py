"""Profiles along a line: means over a width, with the error that the noise of the pixels gives.

A sample of the profile is a weighted sum of pixels (linear interpolation, mean across the line), so
its error, and the correlation with its neighbours, follow from the noise of the pixels: exactly
where that is independent, and where it is correlated as samples in the middle of the line have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from .image_noise import DENOISED, ImageNoise, image_noise

if TYPE_CHECKING:
    import pandas as pd

_BROADEST = 2  # diagonals of the image, the widest line across it
_LONGEST = 20_000  # samples
_FLOOR = 1e-3  # of a variance, the least power of what is correlated along the line
_INSIDE = 0.5  # of a line, which must lie on the image
_SHARE = 0.5  # of the weight of a sample that must lie on data


@dataclass(frozen=True, eq=False)
class Profile:
    """Values along a line.

    Parameters
    ----------
    position
        (n,) distance from the start [unit].
    unit
        ``"nm"``, or ``"px"`` where the image is not calibrated.
    values
        By name, (n,) each; NaN where the line leaves the image or its data.
    covariance
        (n, n) of the noise in the first of ``values``; NaN where the noise is not known.
    noise
        How the noise was told, in words.
    """

    position: np.ndarray
    unit: str
    values: dict[str, np.ndarray]
    covariance: np.ndarray
    noise: str

    @property
    def error(self) -> np.ndarray:
        """(n,) one standard deviation of the first of ``values``."""
        result: np.ndarray = np.sqrt(np.diagonal(self.covariance))
        return result

    def table(self) -> pd.DataFrame:
        """``position_nm`` (or ``_px``), each of ``values``, and the error of the first."""
        import pandas as pd

        first = next(iter(self.values))
        columns = {f"position_{self.unit}": self.position, **self.values}
        return pd.DataFrame({**columns, f"{first}_err": self.error})


def line_profile(
    images: dict[str, np.ndarray],
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    width: float = 1.0,
    pixel_size_yx: tuple[float, float] | None = None,
    gain: float | None = None,
    offset: float = 0.0,
    noisy: bool = True,
    noise: ImageNoise | None = None,
) -> Profile:
    """Mean of images across a line, at steps of a pixel.

    Parameters
    ----------
    images
        (Y, X) by name, of one shape. The noise of the first is looked at; the second, if there is
        one, is taken for its expectation.
    start, end
        (y, x) [px], the centre of pixel (0, 0) is 0, 0.
    width
        Over which to average, at right angles to the line in the specimen [unit of the result].
    pixel_size_yx
        nm; None leaves all in pixels.
    gain, offset
        Of the first image: file units per electron, and at zero electrons.
    noisy
        False where the first image was denoised: its errors are then not known.
    noise
        Of the first image, where ``image_noise`` has told it already; it takes seconds for a large
        image.

    Raises
    ------
    SBDError
        If the line is shorter than two pixels, the width is no positive number, or most of
        the line lies off the image or its data.
    """
    if not np.isfinite(width) or width <= 0:
        raise SBDError("The width of the profile must be a positive number.")
    first = np.asarray(next(iter(images.values())))
    size = np.asarray(pixel_size_yx or (1.0, 1.0))
    weights, position = weights_along(first.shape, np.array([start, end], float), width, size)
    held = np.isfinite(np.stack([np.asarray(v, float) for v in images.values()])).all(0).ravel()
    share = weights @ held.astype(float)
    used = weights.multiply(held).tocsr()
    with np.errstate(invalid="ignore", divide="ignore"):
        norm = np.where(share > _SHARE, 1 / share, np.nan)
    if not np.isfinite(norm).any():
        raise SBDError(
            "Most of the line, as wide as it is, lies off the image's data; draw it across the "
            "image, or narrower."
        )
    values = {
        name: (used @ np.where(held, np.asarray(v, float).ravel(), 0)) * norm
        for name, v in images.items()
    }
    if noise is None and noisy:
        noise = image_noise(
            *(np.asarray(v, float) for v in list(images.values())[:2]),
            pixel_size_yx=pixel_size_yx,
            gain=gain,
            offset=offset,
        )
    noise = noise or ImageNoise(None, None, DENOISED)
    covariance = _covariance(used, norm, held, noise)
    unit = "nm" if pixel_size_yx else "px"
    return Profile(position, unit, values, covariance, noise.words)


def weights_along(
    shape: tuple[int, ...], ends: np.ndarray, width: float, size: np.ndarray
) -> tuple[Any, np.ndarray]:
    """Sparse (n, pixels) weights of the samples, and where these lie along the line.

    Raises
    ------
    SBDError
        If the line is too short, too long or too wide, or lies mostly off the image.
    """
    from scipy.sparse import coo_array

    along = (ends[1] - ends[0]) * size
    length = float(np.hypot(*along))
    steps = round(float(np.hypot(*(ends[1] - ends[0]))))
    if not 2 <= steps <= _LONGEST:
        raise SBDError(
            f"The line is {np.hypot(*(ends[1] - ends[0])):.3g} pixels long; draw one of at least 2 "
            f"and at most {_LONGEST}."
        )
    position = np.linspace(0, length, steps + 1)
    on_line = ends[0] + np.linspace(0, 1, steps + 1)[:, None] * (ends[1] - ends[0])
    inside = ((on_line >= -0.5) & (on_line <= np.array(shape[:2]) - 0.5)).all(1)
    if inside.mean() < _INSIDE:
        raise SBDError(
            f"Most of the line lies off the image of {shape[0]} x {shape[1]} pixels; draw it "
            "across the image."
        )
    normal = np.array([-along[1], along[0]]) / length  # in the specimen
    across = max(1, round(width / float(np.hypot(*(normal * size)))))
    if across > _BROADEST * np.hypot(shape[0], shape[1]):
        raise SBDError(
            f"The line is {across:.3g} pixels wide and the image {shape[0]} x {shape[1]}; make it "
            "narrower."
        )
    shifts = ((np.arange(across) + 0.5) / across - 0.5) * width
    places = (ends[0] * size) + position[:, None, None] / length * along
    places = (places + shifts[:, None] * normal) / size  # (n, across, 2) px
    corner = np.floor(places).astype(int)
    rest = places - corner
    rows, pixels, weights = [], [], []
    row = np.broadcast_to(np.arange(len(position))[:, None], places.shape[:2])
    for dy in (0, 1):
        for dx in (0, 1):
            y, x = corner[..., 0] + dy, corner[..., 1] + dx
            weight = np.abs(1 - dy - rest[..., 0]) * np.abs(1 - dx - rest[..., 1]) / across
            on = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1]) & (weight > 0)
            rows.append(row[on])
            pixels.append((y * shape[1] + x)[on])
            weights.append(weight[on])
    matrix = coo_array(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(pixels))),
        shape=(len(position), shape[0] * shape[1]),
    )
    return matrix.tocsr(), position


def _covariance(weights: Any, norm: np.ndarray, held: np.ndarray, noise: ImageNoise) -> np.ndarray:
    """(n, n) of the samples; NaN where the noise is not known.

    Correlated noise makes of independent samples such that hang together by their distance.
    """
    count = weights.shape[0]
    if noise.variance is None:
        return np.full((count, count), np.nan)
    variance = np.where(held & np.isfinite(noise.variance.ravel()), noise.variance.ravel(), 0)
    spread = weights.multiply(np.sqrt(variance)).tocsr()
    result: np.ndarray = (spread @ spread.T).toarray() * norm[:, None] * norm
    if noise.correlation is None:
        return result
    error = np.sqrt(np.diagonal(result))
    shape = noise.variance.shape
    hanging: np.ndarray = (
        error[:, None] * error * _by_distance(weights, np.isfinite(norm), shape, noise)
    )
    return hanging


def _by_distance(
    weights: Any, usable: np.ndarray, shape: tuple[int, ...], noise: ImageNoise
) -> np.ndarray:
    """(n, n) covariance of samples over the variance that independent pixels would give them."""
    from scipy.linalg import toeplitz
    from scipy.signal import fftconvolve

    assert noise.correlation is not None
    reach = min(sum(noise.correlation.shape), len(usable) - 1)
    found = np.zeros(len(usable))
    rows = np.flatnonzero(usable)
    probes = np.unique(np.quantile(rows, (0.25, 0.5, 0.75)).astype(int))

    def pixels_of(row: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(weights.indptr[row], weights.indptr[row + 1])
        return np.array(np.unravel_index(weights.indices[part], shape)), weights.data[part]

    for probe in probes:
        (y, x), weight = pixels_of(probe)
        half = [n // 2 for n in noise.correlation.shape]
        corner = np.array([y.min() - half[0], x.min() - half[1]])
        window = np.zeros((np.ptp(y) + 2 * half[0] + 1, np.ptp(x) + 2 * half[1] + 1))
        window[y - corner[0], x - corner[1]] = weight
        around = fftconvolve(window, noise.correlation, mode="same")
        # of that, what lies in the image
        first, last = np.maximum(corner, 0), np.minimum(corner + window.shape, shape)
        whole = np.zeros(shape)
        whole[first[0] : last[0], first[1] : last[1]] = around[
            first[0] - corner[0] : last[0] - corner[0], first[1] - corner[1] : last[1] - corner[1]
        ]
        shared = weights @ whole.ravel() / (weight**2).sum()
        ends = probe + np.array([[-1], [1]]) * np.arange(reach + 1)
        there = (ends >= 0) & (ends < len(usable))
        there &= usable[np.where(there, ends, 0)]
        sums = np.where(there, shared[np.where(there, ends, 0)], 0.0).sum(0)
        found[: reach + 1] += sums / np.maximum(there.sum(0), 1) / len(probes)
    # a covariance has no negative power
    circle = np.concatenate([found, found[:0:-1]])
    power = np.maximum(np.fft.rfft(circle).real, _FLOOR * found[0])
    found = np.fft.irfft(power, len(circle))[: len(found)]
    result: np.ndarray = toeplitz(found)
    return result
