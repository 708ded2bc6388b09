"""Estimates, and independent noisy samples to judge them by, from noisy data alone.

Every way gives, for each pixel, terms whose mean is the mean squared error. With independent
unbiased samples y, a, b, c of a pixel, that is E[(a - f(y))^2 - (b - c)^2 / 2] (uMSE,
Marcos-Morales et al., ICML 2023, arXiv 2210.05553). Averaged over all ways to give the samples
their places, the squares of single samples cancel, and f^2 - 2 f a + b c is left: what is used
here, since it has the least variance.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import SBDError, warn
from ..micrograph import Micrograph
from ..micrograph.frames import as_micrograph, lit_frames
from ..micrograph.telling import repeated_frames, told_of_repeated
from ..noise import counts as electrons
from ..noise.left_out import with_neighbours
from ..noise.whiteness import whiteness
from ..spacings import reflections
from .cells import subsampled
from .judges import Judged, Samples

Method = Literal["thinning", "frames", "exposures", "subsampling"]

HANDS = 5
_SMALLEST = 16  # px along a side, of which subsampling leaves a quarter
_FINE = 10.0  # px, periods below which what a pixel should be is not told by those around it
_STRONG = 0.25  # of the amplitude of the brightest reflection
_LOOKED_AT = 1024  # px along a side; larger images would be summed over blocks for a look


def draw(noisy: Any, method: Method, seed: int = 0) -> Samples:
    """Samples of noisy data.

    Parameters
    ----------
    noisy
        Micrograph or array: (Y, X), or (T, Y, X) for the frame methods. Outliers, which no
        denoiser should be judged by, are given the value of a pixel beside.
    method
        See ``upsnr``.
    seed
        Of whatever is drawn at random.

    Raises
    ------
    SBDError
        If the data do not suit the method.
    """
    rng = np.random.default_rng(seed)
    shape = as_micrograph(noisy).shape[-2:]
    if min(shape) < _SMALLEST:
        raise SBDError(
            f"An image of {shape[0]} x {shape[1]} pixels is too small to judge denoisers by; it "
            f"needs {_SMALLEST} along each side."
        )
    if method == "thinning":
        electrons.refuse_unless_poisson(noisy)
        return _thinning(with_neighbours(electrons.counted(noisy), rng), rng)
    source = with_neighbours(_telling(as_micrograph(noisy)), rng)
    values = np.stack(list(electrons.frames(source)))
    if not np.isfinite(values).all():
        raise SBDError(f"The method {method!r} needs data without NaN or infinite pixels.")
    if values.min() == values.max():
        raise SBDError("The image is constant: there is nothing to judge.")
    if method == "subsampling":
        if source.is_movie:
            raise SBDError("The method 'subsampling' judges single images; give one frame.")
        _refuse_unless_white(values[0], source.pixel_size_yx)
        samples = subsampled(values[0], rng)
        _warn_of_fine_detail(values[0])
        return samples
    if method not in ("frames", "exposures"):
        raise SBDError(
            f"The method is 'thinning', 'frames', 'exposures' or 'subsampling', not {method!r}."
        )
    if len(values) < 2:
        raise SBDError(
            f"The method {method!r} needs a movie (T, Y, X) of at least two frames; "
            "for a single image take 'thinning'."
        )
    return _exposures(values) if method == "exposures" else _frames(values)


def _telling(source: Micrograph) -> Micrograph:
    """A movie without frames that have no beam, or hold the very values of the one before."""
    if not source.is_movie:
        return source
    if again := repeated_frames(source):
        warn(f"{told_of_repeated(again, len(source.data))}: judged without.")
    kept = sorted(set(lit_frames(source)) - set(again))
    return source.replace(data=source.data[kept]) if kept else source


def _refuse_unless_white(image: np.ndarray, pixel_size_yx: tuple[float, float] | None) -> None:
    found = whiteness(image, pixel_size_yx)
    if not found.white:
        raise SBDError(
            f"The method 'subsampling' judges pixels by their neighbours, but {found}; take "
            "several frames ('frames' or 'exposures'), or 'thinning' of counted electrons."
        )


def _warn_of_fine_detail(image: np.ndarray) -> None:
    """Warn where the lattice is finer than the polynomial that stands for it between pixels."""
    part = tuple(slice(max(0, (n - _LOOKED_AT) // 2), (n + _LOOKED_AT) // 2) for n in image.shape)
    found = reflections(image[part])
    frequency = np.hypot(*found.frequency[found.amplitude > _STRONG].T).max(initial=0.0)
    if frequency * _FINE > 1:
        warn(
            f"The image has a lattice of {1 / frequency:.2g} pixels. Below {_FINE:g}, pixels "
            "do not tell what one between them should be, so scores from the pixels of one image "
            "are too high, by more than their intervals; which denoiser is best is told more "
            "surely. Take several frames, thin counted electrons, or take a higher magnification."
        )


def _thinning(source: Micrograph, rng: np.random.Generator) -> Judged:
    """Electrons dealt to five hands: each in turn judges what is made from the others.

    The denoiser sees four fifths of the dose, at the scale of the whole. Of a Poisson count y, y^2
    - y is an unbiased estimate of the squared expectation.
    """
    inputs, judges, squares = [], [], []
    for counts in electrons.frames(source):
        if not np.isfinite(counts).all():
            raise SBDError("The method 'thinning' needs data without NaN or infinite pixels.")
        hands = electrons.deal(counts, HANDS, rng)
        whole = hands.sum(0)
        inputs.append((whole - hands) * HANDS / (HANDS - 1))
        judges.append(hands * HANDS)
        squares.append(whole**2 - whole)
    return Judged(np.concatenate(inputs), np.concatenate(judges), np.mean(squares, 0))


def _exposures(values: np.ndarray) -> Judged:
    """Each exposure judged by all others."""
    others = (values.sum(0) - values) / (len(values) - 1)
    return Judged(values, others, _products(values))


def _frames(values: np.ndarray) -> Judged:
    """Each frame judged by its neighbours in time."""
    neighbours = np.empty_like(values)
    neighbours[1:-1] = (values[:-2] + values[2:]) / 2
    neighbours[0], neighbours[-1] = values[1], values[-2]
    return Judged(values, neighbours, (values[1:] * values[:-1]).mean(0))


def _products(samples: np.ndarray) -> np.ndarray:
    """Mean product of two different samples."""
    count = len(samples)
    result: np.ndarray = (samples.sum(0) ** 2 - (samples**2).sum(0)) / (count * (count - 1))
    return result
