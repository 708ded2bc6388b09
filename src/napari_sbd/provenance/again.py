"""The denoiser that made an image, made again from the recipe that the image carries."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..micrograph import Micrograph, PixelSize
from . import history
from .replay_steps import gains_of, model_of, tuned_for
from .steps import Denoise, steps

if TYPE_CHECKING:
    from ..gaintuning import Tuned

Denoiser = Callable[[np.ndarray], np.ndarray]


def made_by_network(result: Micrograph) -> bool:
    """Whether the last thing that was done to an image was to denoise it by a network."""
    chain = history(result.metadata)
    return bool(chain) and chain[-1].get("operation") == "denoise"


def denoiser_of(result: Micrograph, *, anew: bool = True) -> Denoiser:
    """The denoiser that a result's recipe tells of: model, quality, sampling and tuning.

    Parameters
    ----------
    result
        With ``made_by_network``.
    anew
        Whether gains that were tuned on the image are tuned on each image again, as independent
        data ask for; otherwise those of the recipe are applied.

    Returns
    -------
    A function from electrons, (Y, X) or (T, Y, X), to their estimate in the same unit.

    Raises
    ------
    SBDError
        If the model or its gains are not here, or the recipe is none.
    """
    s = steps({"history": history(result.metadata)})[-1].settings
    if not isinstance(s, Denoise):
        raise SBDError("The image was not made by denoising; its recipe ends with another step.")
    model = str(model_of(s).path)

    def denoiser(values: np.ndarray) -> np.ndarray:
        image = Micrograph(np.asarray(values, np.float32), _size(s, result), gain=1.0)
        with warnings.catch_warnings():  # they were said when the image was made
            warnings.simplefilter("ignore")
            return np.asarray(_denoised(s, model, image, anew))

    return denoiser


def _denoised(s: Denoise, model: str, image: Micrograph, anew: bool) -> Any:
    from ..denoise import denoise

    options: dict[str, Any] = {"model": model, "device": _device(s.device)}
    if s.neighbours is not None:
        from ..movie import denoise_movie

        return denoise_movie(
            image, neighbours=s.neighbours, quality=s.quality, seed=s.seed, **options
        ).data
    tuned: Tuned | None = None
    if s.gain_tuning is not None and anew:
        tuned = tuned_for(s, image, False, **options)
    elif s.gain_tuning is not None:
        tuned = gains_of(s.gain_tuning)
    return denoise(
        image, gain_tuning=tuned or False, quality=s.quality, seed=s.seed, **options
    ).data


def _size(s: Denoise, result: Micrograph) -> PixelSize:
    """That of the image; where it is unknown, one that leads to the sampling of the recipe."""
    if s.pixel_size is not None:
        return s.pixel_size
    y, x = s.block
    return result.pixel_size or (sampling.WORKING_PIXEL / y, sampling.WORKING_PIXEL / x)


def _device(name: str) -> str:
    from ..networks.hardware import resolve_device

    try:
        return str(resolve_device(name))
    except SBDError:
        return "auto"
