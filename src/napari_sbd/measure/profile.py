"""Profiles along a line: means over a width, with the error that the noise of the pixels gives.

A sample of the profile is a weighted sum of pixels (linear interpolation, mean across the line), so
its error, and the correlation with its neighbours, follow from the noise of the pixels exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from ..micrograph.frames import mean_filled
from ..noise.level import noise_level
from ..noise.model import Counted, noise_model

if TYPE_CHECKING:
    import pandas as pd

_LONGEST = 20_000  # samples
_SMOOTH = 2.0  # px
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
        Of the first image: file units per electron, and at zero electrons. With a gain, and
        for whole numbers whose noise is that of electrons, the variance of a pixel is that of
        counts, from the second image where there is one; else it is that of white noise whose level
        is told from the image.
    noisy
        False where the first image was denoised: its errors are then not known.

    Raises
    ------
    SBDError
        If the line is shorter than two pixels, the width is no positive number, or the line lies
        off the data.
    """
    if not np.isfinite(width) or width <= 0:
        raise SBDError(f"The width of the profile must be positive, not {width}.")
    first = np.asarray(next(iter(images.values())))
    size = np.asarray(pixel_size_yx or (1.0, 1.0))
    weights, position = weights_along(first.shape, np.array([start, end], float), width, size)
    held = np.isfinite(np.stack([np.asarray(v, float) for v in images.values()])).all(0).ravel()
    share = weights @ held.astype(float)
    used = weights.multiply(held).tocsr()
    with np.errstate(invalid="ignore", divide="ignore"):
        norm = np.where(share > _SHARE, 1 / share, np.nan)
    if not np.isfinite(norm).any():
        raise SBDError("The line lies off the image's data; draw it across the image.")
    values = {
        name: (used @ np.where(held, np.asarray(v, float).ravel(), 0)) * norm
        for name, v in images.items()
    }
    variance, words = _variance(images, gain, offset, noisy)
    if variance is None:
        covariance = np.full((len(position), len(position)), np.nan)
    else:
        spread = used.multiply(np.sqrt(np.where(held, variance.ravel(), 0))).tocsr()
        covariance = (spread @ spread.T).toarray() * norm[:, None] * norm
    unit = "nm" if pixel_size_yx else "px"
    return Profile(position, unit, values, covariance, words)


def weights_along(
    shape: tuple[int, ...], ends: np.ndarray, width: float, size: np.ndarray
) -> tuple[Any, np.ndarray]:
    """Sparse (n, pixels) weights of the samples, and where these lie along the line."""
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
    normal = np.array([-along[1], along[0]]) / length  # in the specimen
    across = max(1, round(width / float(np.hypot(*(normal * size)))))
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


def _variance(
    images: dict[str, np.ndarray], gain: float | None, offset: float, noisy: bool
) -> tuple[np.ndarray | None, str]:
    """Variance of the pixels of the first image; None where it is not known; and how it was told.

    Where there is no second image the image itself, smoothed, stands for the expectation: the
    counts as they are would give low ones too much weight in a fit.
    """
    first, *others = (np.asarray(v, float) for v in images.values())
    if not noisy:
        return None, "A denoised image does not show its noise: choose the raw image for errors."
    if gain is None and isinstance(noise_model(first, None, offset), Counted):
        gain = 1.0
    if gain is not None:
        from scipy.ndimage import gaussian_filter

        filled = mean_filled(np.where(np.isfinite(first), first, np.nan))
        expected = others[0] if others else gaussian_filter(filled, _SMOOTH)
        variance = gain * np.maximum(expected - offset, 0)
        return variance, "Errors are those of counted electrons."
    level = noise_level(first)
    if level == 0:
        return None, "The image shows no noise, so there are no errors."
    return (
        np.full(first.shape, level**2),
        "The gain is unknown: errors are those of the image's own noise, taken for white.",
    )
