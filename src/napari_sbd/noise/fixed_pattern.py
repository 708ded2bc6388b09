"""The fixed pattern of a camera from a movie's own frames, where no reference was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph
from ..micrograph.frames import as_micrograph, some_readable
from ..micrograph.telling import repeated_frames
from .outliers import find_outliers
from .references import corrected, mean_of

_FEWEST = 8  # frames
_FRAMES = 256  # at most, spread over the movie
_SIDE = 768  # px, of the part in the middle
_LOOKED_AT = 16  # frames, by which a pattern is warned of
_STRONG = 0.25  # of a frame's noise: what frames share is as much in the sum of a few
_SMOOTH = 4.0  # px, standard deviation over which the illumination is taken to be even
_SEEN = 6.0  # standard deviations of chance
_LAGS = 48  # px, up to which a scene would be like itself
_ALONG = 1  # px from the axes, within which patterns of rows and columns are
_BINS = 1.5  # of a spectrum, standard deviation over which its power is averaged
_PEAK = 8.0  # times the level of the pattern's power, which chance hardly reaches: 3 in 10,000
_SHARE = 0.02  # of the pattern's variance, up to which what is like a scene does no harm


@dataclass(frozen=True, eq=False)
class FixedPattern:
    """What a camera does to every frame alike.

    Parameters
    ----------
    values
        (Y, X) float64: relative response of the pixels with mean 1, or what each adds [file units]
        with mean 0. NaN for defects.
    multiplicative
        Which of the two.
    strength
        Standard deviation of the pattern before shrinking: of the relative response, or file units.
    """

    values: np.ndarray
    multiplicative: bool
    strength: float

    def taken_out_of(self, micrograph: Micrograph) -> Micrograph:
        """The image or movie without the pattern; gain and offset stay, lazy data stay lazy.

        Raises
        ------
        SBDError
            If it has another shape.
        """
        if micrograph.shape[-2:] != self.values.shape:
            raise SBDError(
                f"The fixed pattern has shape {self.values.shape} and the image "
                f"{micrograph.shape[-2:]}; they must be of the same pixels."
            )
        if not self.multiplicative:
            return corrected(micrograph, self.values, 1.0)
        # (data - offset) / response + offset, in one step
        shift = micrograph.offset * (1 - self.values)
        return corrected(micrograph, shift, 1 / self.values)


def estimate_fixed_pattern(movie: Any, *, multiplicative: bool | None = None) -> FixedPattern:
    """Estimate a camera's fixed pattern from a movie whose scene moves or is empty.

    The mean over the frames less its smooth part holds the pattern, what is left of the scene, and
    noise. The pattern is like itself only at the same pixel, row or column; a scene is so over
    several pixels, and has more power at some frequencies than at others, which are damped. The
    covariance of two independent halves tells the pattern's variance, and each pixel is shrunk by
    its share of the whole, so that little noise is taken for pattern.

    Parameters
    ----------
    movie
        (T, Y, X) or a micrograph, at least 8 frames; at most 256, spread over the movie, are read.
    multiplicative
        True for an uneven response, False for an uneven offset; None takes an uneven response
        where there is light everywhere, above the micrograph's offset.

    Returns
    -------
    The pattern, of which one takes out what ``taken_out_of`` says.

    Raises
    ------
    SBDError
        If there are too few frames, no pattern stands out, or it cannot be told from a scene that
        stands still.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> gains = rng.normal(1, 0.2, (64, 64))  # of the pixels, which differ by 20 %
    >>> pattern = sbd.estimate_fixed_pattern(rng.poisson(20 * gains, (40, 64, 64)))
    >>> 3.5 < pattern.strength < 4.5  # 20 % of 20 electrons
    True
    """
    source = as_micrograph(movie)
    count = len(source.data) if source.is_movie else 0
    chosen = np.unique(np.linspace(0, max(count - 1, 0), _FRAMES).round().astype(int))
    chosen = np.setdiff1d(chosen[:count], repeated_frames(source, chosen[:count]))
    if len(chosen) < _FEWEST:
        raise SBDError(
            f"A fixed pattern is estimated from a movie of at least {_FEWEST} frames; "
            "record a gain reference instead."
        )
    halves = [mean_of(source.data[chosen[i::2]], "movie") - source.offset for i in range(2)]
    whole = (halves[0] + halves[1]) / 2
    defects = find_outliers(whole, lines=False).mask | ~np.isfinite(whole)
    even = _smooth(np.where(defects, np.nan, whole))
    if multiplicative is None:
        sharp = np.where(defects, 0, whole - even)
        multiplicative = bool(even[~defects].min() > 5 * sharp.std())
    patterns = []
    for half in halves:
        level = _smooth(np.where(defects, np.nan, half))
        rest = half / level - 1 if multiplicative else half - level
        patterns.append(np.where(defects, 0, rest))
    share, variance = _pattern_share(patterns, int((~defects).sum()))
    rest = share * _without_scene((patterns[0] + patterns[1]) / 2)
    values = rest + 1 if multiplicative else rest
    return FixedPattern(np.where(defects, np.nan, values), multiplicative, float(np.sqrt(variance)))


def doubt_fixed_pattern(movie: Micrograph) -> list[str]:
    """A sentence where frames share a pattern that stays in their sums.

    What all frames show passes for the specimen where they are added, and where one is judged by
    the others.

    Parameters
    ----------
    movie
        (T, Y, X); of 16 of its frames, the middle is looked at.
    """
    middle = tuple(slice(max(0, n - _SIDE) // 2, (n + _SIDE + 1) // 2) for n in movie.shape[-2:])
    found = [frame[middle] for frame in some_readable(movie, _LOOKED_AT)]
    try:
        some = movie.replace(data=np.stack(found) if found else np.zeros((1, 1, 1)))
        pattern = estimate_fixed_pattern(some)
    except SBDError:
        return []
    held = np.isfinite(pattern.values)
    frames = some.data[:, held] - some.offset
    noise = float(np.median(np.diff(frames, axis=0).std(1)))
    noise /= np.sqrt(2) * (float(frames.mean()) if pattern.multiplicative else 1.0)
    if pattern.strength < _STRONG * noise:
        return []
    of = f", {pattern.strength:.1%} of the brightness" if pattern.multiplicative else ""
    return [
        f"All frames share a fixed pattern of the camera{of}, {pattern.strength / noise:.2g} times "
        "as strong as the noise of one: it stays where frames are added to their neighbours, and "
        "may be worse there than in single frames. Give the camera's gain reference, or let the "
        "fixed pattern be taken out."
    ]


def _smooth(image: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    held = np.isfinite(image)
    total, weight = (
        gaussian_filter(a, _SMOOTH) for a in (np.where(held, image, 0.0), held.astype(float))
    )
    return np.asarray(total / np.maximum(weight, 1e-6))


def _without_scene(pattern: np.ndarray) -> np.ndarray:
    """A pattern without the frequencies that stand out of it, as those of a lattice do.

    Pixels differ at random, so their power is the same at all frequencies, but for rows and
    columns; what is left of a scene has more where its own is. Each frequency is damped to what the
    pixels have (Wiener), so that no ghost of the scene goes into every frame.
    """
    from scipy.ndimage import gaussian_filter

    spectrum = np.fft.fft2(pattern)
    power = np.abs(spectrum) ** 2
    level = np.median(power[1:, 1:]) / np.log(2)  # of an exponential distribution
    power[0] = power[:, 0] = level
    around = gaussian_filter(power, _BINS, mode="wrap")
    around = np.where(power > _PEAK * level, power, around)
    passed = np.minimum(1, level / np.maximum(around, 1e-30))
    passed[0] = passed[:, 0] = 1
    result: np.ndarray = np.fft.ifft2(spectrum * passed).real
    return result


def _pattern_share(patterns: list[np.ndarray], pixels: int) -> tuple[float, float]:
    """Share of the variance of the mean that is the pattern's, and the pattern's variance."""
    a, b = (np.fft.rfft2(p) for p in patterns)
    like = np.fft.irfft2(a * b.conj(), patterns[0].shape) / pixels
    variances = [float((p**2).sum()) / pixels for p in patterns]
    chance = np.sqrt(variances[0] * variances[1] / pixels)
    pattern = float(like[0, 0])
    if pattern < _SEEN * chance:
        raise SBDError("No fixed pattern stands out from the noise of these frames.")
    reach = min(_LAGS, *(n // 3 for n in like.shape))
    near = np.roll(like, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1].copy()
    near[reach - _ALONG : reach + _ALONG + 1] = near[:, reach - _ALONG : reach + _ALONG + 1] = 0
    if np.abs(near).max() > max(_SEEN * chance, _SHARE * pattern):
        raise SBDError(
            "The fixed pattern of this movie cannot be told from its scene, which stands still or "
            "moves too little; record a gain reference, or frames of vacuum."
        )
    total = float(((patterns[0] + patterns[1]) ** 2).sum()) / 4 / pixels
    return min(1.0, pattern / total), pattern
