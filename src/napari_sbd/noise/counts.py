"""Images as electron counts, for all that needs Poisson statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import sampling
from ..errors import SBDError, warn
from ..micrograph import Micrograph, unmasked
from ..micrograph.frames import as_micrograph, frame_of, mean_filled, reference_number
from . import level as noise
from .left_out import without_outliers
from .model import Counted, noise_model
from .whiteness import whiteness

_SAME_SCALE = 1.5  # ratio of means beyond which two images cannot be in the same unit
_BLOCKS = 16  # along each side, from which noise is told


def counted(image: Any, gain: float | None = None, offset: float | None = None) -> Micrograph:
    """An image whose gain is known or, for counts, evident.

    Parameters
    ----------
    image
        A micrograph, or an array (Y, X) or (T, Y, X).
    gain, offset
        File units per electron, and at zero electrons; by default the micrograph's own. Without a
        gain, whole numbers from 0 up are taken for electron counts.

    Raises
    ------
    SBDError
        If the gain is unknown and the values are no counts, or there are no electrons.
    """
    source = as_micrograph(image, gain=gain, offset=offset)
    first = _values(frame_of(source, reference_number(source)))
    finite = first[np.isfinite(first)] - source.offset
    if source.gain is None:
        if (finite < 0).any():
            raise SBDError(
                "The image has negative values, so it holds no electron counts; give the gain "
                "(file units per electron) and the offset (file units at zero electrons)."
            )
        if (finite != np.round(finite)).any():
            raise SBDError(
                "The image does not hold whole numbers, so it holds no electron counts; give "
                "the gain (file units per electron), which the Detector tool estimates where the "
                "noise tells it."
            )
        source = source.replace(gain=1.0)
    if not finite.size or finite.mean() <= 0:
        raise SBDError("There are no electrons in the image; check the data, gain and offset.")
    return source


def refuse_unless_poisson(image: Any) -> None:
    """Refuse whole numbers of which nobody told the gain and whose noise is not that of electrons.

    Parameters
    ----------
    image
        As ``counted`` takes it, which refuses other values.

    Raises
    ------
    SBDError
        If they are such; a gain that is told, 1 as well, is believed.
    """
    source = as_micrograph(image)
    if source.gain is not None:
        return
    counted(source)
    one = Micrograph(_values(frame_of(source, reference_number(source))), source.pixel_size)
    first = _values(without_outliers(one).data)
    found = noise_model(first, gain=1.0)
    hanging = whiteness(mean_filled(first), source.pixel_size_yx)
    if hanging.white and isinstance(found, Counted):
        return
    # single pixels of correlated noise may have the variance of electrons by chance
    words = found.evidence.rstrip(".") if hanging.white else f"{hanging}".capitalize()
    raise SBDError(
        f"{words}: these whole numbers are no electrons that could be dealt out; give gain and "
        "offset, or take several frames."
    )


def in_electrons(image: Any) -> bool:
    """Whether values are electrons, or a gain is known that makes them such.

    Parameters
    ----------
    image
        As ``counted`` takes it.
    """
    try:
        refuse_unless_poisson(image)
    except SBDError:
        return False
    return True


def pair(
    noisy: Any, denoised: Any, gain: float | None = None, offset: float | None = None
) -> tuple[Micrograph, Micrograph]:
    """A noisy and a denoised image that belong together, both with their gain.

    Parameters
    ----------
    noisy, denoised
        Micrographs or arrays of one shape, in the same units unless micrographs say otherwise.
        Outliers of the noisy one become NaN.
    gain, offset
        Of the noisy image, as ``counted`` takes them; of the denoised one as well where that has no
        gain, or the calibration that the noisy one brings along and that they overrule.

    Raises
    ------
    SBDError
        If they differ in shape, unit or scale, or the noisy one holds no counts.
    """
    model = as_micrograph(denoised)
    data = without_outliers(counted(noisy, gain, offset), model)
    check_same_pixels(data, model)
    own = as_micrograph(noisy)
    if model.gain is None or (model.gain, model.offset) == (own.gain, own.offset):
        model = model.replace(gain=data.gain, offset=data.offset)
    number = reference_number(data)
    means = [np.nanmean(_electrons(m, frame_of(m, number))) for m in (data, model)]
    ratio = means[1] / means[0]
    if not 1 / _SAME_SCALE < ratio < _SAME_SCALE:
        raise SBDError(
            f"The denoised image has a mean of {means[1]:.4g} electrons per pixel and the noisy "
            f"one {means[0]:.4g}: they are not in the same units, or not the same image."
        )
    return data, model


def check_same_pixels(data: Micrograph, model: Micrograph) -> None:
    """Refuse a noisy and a denoised image that are not of the same frames and pixels.

    Raises
    ------
    SBDError
        If their shapes differ.
    """
    if data.is_movie != model.is_movie:
        kinds = {True: "a movie", False: "a single image"}
        raise SBDError(
            f"The noisy data are {kinds[data.is_movie]}, shape {data.shape}, and the denoised are "
            f"{kinds[model.is_movie]}, shape {model.shape}; give matching frames."
        )
    if data.shape != model.shape:
        raise SBDError(
            f"The noisy image has shape {data.shape} and the denoised one {model.shape}; "
            "they must be of the same pixels."
        )


def frames(source: Micrograph) -> Iterator[np.ndarray]:
    """Each frame (Y, X) in electrons per pixel, float64, NaN where there are no data.

    Without a gain, the values themselves.
    """
    for frame in source.data if source.is_movie else source.data[None]:
        yield _electrons(source, frame)


def deal(counts: np.ndarray, hands: int, rng: np.random.Generator) -> np.ndarray:
    """Deal each electron to one of several hands at random: multinomial thinning.

    Parameters
    ----------
    counts
        Electrons, any shape, NaN where there are no data.
    hands
        How many.
    rng
        Source of chance.

    Returns
    -------
    (hands, ...) float64 counts that sum to ``counts``. If those are Poisson of expectation x, the
    hands are independent and Poisson of expectation x / hands.

    Raises
    ------
    SBDError
        If the values are no whole numbers from 0 up.
    """
    held = np.isfinite(counts)
    if not noise.can_be_dealt(counts):
        raise SBDError(
            "Electrons can be dealt out only where each was counted; these values, less the offset "
            "and over the gain, are no whole numbers from 0 up. Take several frames instead."
        )
    left = np.round(np.where(held, counts, 0))
    result = []
    for others in range(hands - 1, 0, -1):
        result.append(noise.thin(left, 1 / (others + 1), rng))
        left = left - result[-1]
    return np.where(held, np.stack([*result, left]), np.nan)


def denoised_by(denoiser: Callable[[np.ndarray], Any], counts: np.ndarray) -> np.ndarray:
    """Apply a user's denoiser to counts, float32, and check what comes back.

    Raises
    ------
    SBDError
        If it is not of the same shape, or not finite where the counts are.
    """
    made = denoiser(counts.astype(np.float32))
    made = _electrons(made, made.data) if isinstance(made, Micrograph) else made
    result = np.asarray(made, dtype=np.float64)
    if result.shape != counts.shape:
        raise SBDError(
            f"The denoiser made shape {result.shape} of an image of shape {counts.shape}; "
            "it must return the same pixels."
        )
    if not np.isfinite(result[np.isfinite(counts)]).all():
        raise SBDError("The denoiser returned values that are not finite.")
    return result


def warn_unless_poisson(counts: np.ndarray, block: int) -> None:
    """Warn where the noise of sums over blocks is not that of Poisson counts.

    Parameters
    ----------
    counts
        (Y, X) electrons per pixel.
    block
        Pixels along a side of the blocks; over several pixels a camera's MTF hardly matters. As
        many blocks remain as tell the noise.
    """
    block = max(1, min(block, min(counts.shape) // _BLOCKS))
    found = noise_model(sampling.bin_counts(counts, (block, block)), gain=1.0)
    if not isinstance(found, Counted):
        warn(
            f"{found.evidence.rstrip('.')}: the gain is wrong, or the image was filtered, "
            "interpolated or rescaled. What follows is unreliable."
        )


def _electrons(source: Micrograph, frame: Any) -> np.ndarray:
    return (_values(frame) - source.offset) / (1.0 if source.gain is None else source.gain)


def _values(frame: Any) -> np.ndarray:
    values = np.asarray(unmasked(frame)).astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)
