"""The denoiser that made an image, made again from the recipe that the image carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import sampling
from .denoising.settings import Repeated, Settings, TuningRequest
from .errors import SBDError, unheard
from .micrograph import FRAME, Micrograph, PixelSize
from .noise.as_denoised import CORRECTIONS
from .recipe import history

if TYPE_CHECKING:
    from .gaintuning import Tuned
    from .networks import ModelCard

Denoiser = Callable[[np.ndarray], np.ndarray]

_OLD = {"outliers": False, "noise": "white", "illumination": False}
"""What recipes from before cameras were looked at leave unsaid."""


def made_by_network(result: Micrograph) -> bool:
    """Whether the last thing that was done to an image was to denoise it by a network."""
    chain = history(result.metadata)
    return bool(chain) and chain[-1].get("operation") == "denoise"


def tunes_anew(result: Micrograph) -> bool:
    """Whether ``denoiser_of`` tunes on each image anew, which takes as long as tuning did."""
    settings = [step.get("settings") for step in history(result.metadata)]
    return any(_saw(result, s) for s in settings if isinstance(s, dict))


def _saw(result: Micrograph, settings: dict[str, Any]) -> bool:
    """Whether gains were tuned on what a result shows, whose noise they then know.

    They were not where it is another frame of the movie than those that they were tuned on.
    """
    t = settings.get("gain_tuning")
    if not (isinstance(t, dict) and t.get("on_this_image")):
        return False
    seen, number = t.get("tuned_on"), result.metadata.get(FRAME)
    of_movie = len(settings.get("shape") or ()) == 3
    return seen is None or number is None or not of_movie or number in seen


def denoiser_of(
    result: Micrograph,
    *,
    anew: bool = True,
    device: str | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Denoiser:
    """The denoiser that made a result, for other counts of the same scene, such as half of them.

    Parameters
    ----------
    result
        With ``made_by_network``.
    anew
        Whether gains that were tuned on the image are tuned on each image again, as independent
        data ask for; otherwise those of the recipe are applied, as they are to a frame of a movie
        other than those that they were tuned on.
    device
        As in ``denoise``; by default that of the recipe, where it is here.
    should_stop
        As in ``denoise``.

    Returns
    -------
    A function from electrons, (Y, X) or (T, Y, X), to their estimate in the same unit.

    Raises
    ------
    SBDError
        If the image was not made by ``denoise`` alone, or model or gains are not to be had.
    """
    from .session import Session

    chain = history(result.metadata)
    done = [s for s in chain if str(s.get("operation")).startswith("denoise")]
    if len(done) != 1 or not made_by_network(result):
        raise SBDError("This image was not made by Denoise alone, so halves cannot be treated so.")
    try:
        s = done[0]["settings"]
        kept = {**_OLD, **{k: s[k] for k in Repeated.model_fields if k in s}}
        card = same_model(s["model"], s["model_sha256"], s.get("model_path"))
        size = _size(s)
        tuning = _tuning(s.get("gain_tuning"), anew and _saw(result, s))
        where = _device(device or s["device"])
        if kept.get("noise") == "auto" and not (s.get("camera") or {}).get("noise"):
            kept["noise"] = "white"  # as it was found; half of the data may make another of it
        told = s.get("gain", 1.0) is not None  # what was told nothing of the gain is told nothing
    except (KeyError, TypeError, AttributeError, ValueError):
        raise SBDError("The recipe of the denoised image is not understood.") from None
    # what is denoised again is the part that was denoised, alone, and corrected already
    kept |= dict.fromkeys((*CORRECTIONS, "region"))
    # what the recipe kept when settings were named otherwise is left to its defaults
    settings = Settings.of(
        **{k: v for k, v in kept.items() if v is not None},
        model=str(card.path),
        gain_tuning=tuning,
        device=where,
    )

    def denoiser(values: np.ndarray) -> np.ndarray:
        if settings.neighbours and np.ndim(values) != 3:
            raise SBDError("Neighbouring frames helped each frame, which one cannot repeat.")
        # the noise of a camera without beam is not that of electrons, and lies about zero
        counted = float(np.nanmean(values)) > 0
        image = Micrograph(
            np.asarray(values, np.float32), size, gain=1.0 if counted and told else None
        )
        with unheard():  # what is warned of was said when the image was made
            return np.asarray(Session(image, settings, should_stop=should_stop).collect().data)

    return denoiser


def same_model(name: str, sha256: str, path: str | None) -> ModelCard:
    """The card of a recipe's model.

    Raises
    ------
    SBDError
        If it is not here, or another model has its name.
    """
    from .networks import find_model, models

    for card in models():
        if card.sha256 == sha256:
            return card
    card = find_model(path or name)
    if card.sha256 != sha256:
        raise SBDError(
            f"The model {card.name!r} is another one than that of the recipe (SHA-256 "
            f"{sha256[:12]}...); the result cannot be repeated with it."
        )
    return card


def same_gains(
    gains: str | None, file: str | None, on_this_image: bool, sha256: str
) -> Tuned | None:
    """The gains of a recipe, from itself or from the file that it names.

    None where they were too many to be kept, but can be found again.

    Raises
    ------
    SBDError
        If they are not to be had any more, or are others.
    """
    from .gaintuning.tuned import Tuned, from_text

    if gains is not None:
        tuned = from_text(gains)
    elif file is not None:
        tuned = Tuned.load(file)
    elif on_this_image:
        return None
    else:
        raise SBDError("The gains were too many for the recipe to hold; they cannot be found.")
    if tuned.sha256 != sha256:
        raise SBDError("The gains are not those of the recipe (SHA-256 differs); tune again.")
    return tuned


def _tuning(t: Any, anew: bool) -> Any:
    if t is None:
        return False
    asked = t.get("requested") or {}
    on_this = bool(t.get("on_this_image"))
    if not (anew and on_this):
        args = t.get("gains"), t.get("file"), on_this, t["gains_sha256"]
        if (tuned := same_gains(*args)) is not None:
            return tuned
    # one frame of counts is tuned on itself
    return TuningRequest(**{**asked, "frames": "reference"}, tune=t["tune"])


def _size(s: dict[str, Any]) -> PixelSize:
    """That of the recipe; where it was unknown, one that leads to the same sums."""
    if s.get("pixel_size") is not None:
        size = s["pixel_size"]
        return tuple(size) if isinstance(size, list | tuple) else size
    y, x = s["block"]
    return sampling.WORKING_PIXEL / y, sampling.WORKING_PIXEL / x


def _device(name: str) -> str:
    from .networks.hardware import resolve_device

    try:
        return str(resolve_device(name))
    except SBDError:
        return "auto"
