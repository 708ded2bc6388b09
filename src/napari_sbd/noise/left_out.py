"""Which pixels of a frame are left out, of itself and for what all frames of a movie share."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..micrograph import Micrograph, unmasked
from ..micrograph.frames import as_micrograph, readable, some_readable
from ..recipe import setting_of
from .outliers import Outliers, find_fixed_outliers, find_outliers, with_gaps
from .references import apply_references

_THICK = 5  # px, from which outliers are a region
_BESIDE = 2  # px
_DRAWS = 30
_SAMPLED = 16  # frames of a movie that show what all have in common
_USUAL = 1e-9, 1e12  # largest absolute value of a frame whose outliers can be looked for


def outlier_mask(image: Any, dark: Any = None, gain_reference: Any = None) -> np.ndarray:
    """The pixels that ``denoise`` leaves out of an image or movie, and fills in its result.

    Parameters
    ----------
    image
        A micrograph or an array (Y, X) or (T, Y, X), as it was given to ``denoise``.
    dark, gain_reference
        The references, if any, that ``denoise`` was given.

    Returns
    -------
    bool, same shape: those of each frame, and in a movie also those that all frames share. A frame
    that cannot be read has none.

    Raises
    ------
    SBDError
        If this is no image or movie, or the references do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_sbd as sbd
    >>> counts = np.random.default_rng(0).poisson(5.0, (128, 128))
    >>> counts[40, 60] = 4000
    >>> np.argwhere(sbd.outlier_mask(counts)).tolist()
    [[40, 60]]
    """
    source = as_micrograph(image)
    if dark is not None or gain_reference is not None:
        source = apply_references(source, dark, gain_reference)
    if not source.is_movie:
        return _mask(left_out(np.asarray(source.data), None), source.shape)
    shared = fixed_outliers(source)
    frames = (readable(source, i) for i in range(len(source.data)))
    return np.stack(
        [_mask(None if f is None else left_out(f, shared), source.shape[1:]) for f in frames]
    )


def without_outliers(
    noisy: Micrograph, result: Micrograph | None = None, *, regions: bool = True
) -> Micrograph:
    """A micrograph with NaN for its outliers, as they say nothing for or against a result.

    Parameters
    ----------
    noisy
        An image or movie.
    result
        What was made of it; where its recipe says that outliers were kept, they are.
    regions
        Whether regions of one value are among them, such as a part never written. For who wants to
        know the detector they may be a part without beam.

    Returns
    -------
    The micrograph itself where it has none.
    """
    if result is not None and setting_of(result.metadata, "outliers") is False:
        return noisy
    mask = outlier_mask(noisy)
    if not regions and mask.any():
        from scipy.ndimage import binary_opening

        thick = np.ones((1,) * (mask.ndim - 2) + (_THICK, _THICK), bool)
        mask &= ~binary_opening(mask, thick)
    if not mask.any():
        return noisy
    data = with_gaps(unmasked(noisy.data), mask)
    held = data[np.isfinite(data)]
    # what is left of an image of nothing else is none
    return noisy.replace(data=data) if held.size and np.ptp(held) else noisy


def with_neighbours(noisy: Micrograph, rng: np.random.Generator) -> Micrograph:
    """A micrograph with the value of a pixel beside in place of each outlier.

    For what must be whole: such values scatter as those around do.

    Parameters
    ----------
    noisy
        An image or movie.
    rng
        Draws the pixels, of those within two.

    Returns
    -------
    The micrograph itself where it has no outliers.
    """
    mask = outlier_mask(noisy)
    if not mask.any():
        return noisy
    data = np.array(unmasked(noisy.data))
    for _ in range(_DRAWS):
        *frame, y, x = np.nonzero(mask)
        steps = rng.integers(-_BESIDE, _BESIDE + 1, (2, len(y)))
        source = [
            np.clip(i + d, 0, n - 1) for i, d, n in zip((y, x), steps, mask.shape[-2:], strict=True)
        ]
        usual = ~mask[(*frame, *source)]
        here = tuple(i[usual] for i in (*frame, y, x))
        data[here] = data[tuple(i[usual] for i in (*frame, *source))]
        mask[here] = False
    return noisy.replace(data=data)


def left_out(values: np.ndarray, shared: Outliers | None) -> Outliers | None:
    """The outliers of a frame (Y, X) and those that its movie shares; None where there are none.

    A frame of nothing else is left as it is. Where extremes are too frequent to be told from the
    image this is said by outliers that may be empty.
    """
    others = values if shared is None else with_gaps(values, shared.mask)
    found = find_outliers(_of_usual_size(others))
    if shared is not None:
        counts = Counter(shared.counts) + Counter(found.counts)
        found = Outliers(found.mask | shared.mask, dict(counts), found.crowded)
    if np.isnan(np.where(found.mask, np.nan, values)).all():
        return None
    return found if found.mask.any() or found.crowded else None


def fixed_outliers(source: Micrograph) -> Outliers | None:
    """Those that the frames of a movie share, from some of them; None without any."""
    if not source.is_movie or len(source.data) < 2:
        return None
    frames = some_readable(source, _SAMPLED)
    if len(frames) < 2:
        return None
    return find_fixed_outliers(_of_usual_size(np.stack(frames))) or None


def _mask(found: Outliers | None, shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(shape, bool) if found is None else found.mask


def _of_usual_size(values: np.ndarray) -> np.ndarray:
    """Values whose squares single precision can hold, in other units where need be."""
    held = np.isfinite(values)
    lowest, highest = (float(f(values, where=held, initial=0)) for f in (np.min, np.max))
    largest = max(-lowest, highest)
    if largest == 0 or _USUAL[0] < largest < _USUAL[1]:
        return values
    low, high = np.percentile(values[held].astype(np.float64), (10, 90))
    unit = high - low if high > low else largest
    return np.clip(values / unit, -_USUAL[1], _USUAL[1])
