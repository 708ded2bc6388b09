"""Steps of a recipe done once more."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SBDError
from ..micrograph import Micrograph
from .names import frames_slice
from .stacks import check_estimated, recorded_drift, series_denoised
from .steps import (
    Agreement,
    Columns,
    Denoise,
    Drifting,
    Network,
    Origin,
    SeriesDenoise,
    Simulation,
    Step,
    Tuning,
)

if TYPE_CHECKING:
    from ..gaintuning import Tuned
    from ..networks import ModelCard
    from ..series.stack import Series


class Follower:
    """Does steps one after the other.

    Parameters
    ----------
    raw
        What the first step begins with; None for a simulation.
    exact
        Whether the image is the recipe's own, so that calibration and gains are those of the
        recipe. On another image its own calibration goes first, and gains that were tuned on the
        recipe's image are tuned anew.
    find
        Gives the path of another file that a step needs.
    progress, should_stop
        As in ``denoise``.

    Attributes
    ----------
    remarks
        What was not as the recipe says, in words.
    """

    def __init__(
        self,
        raw: Micrograph | Series | None,
        exact: bool,
        find: Callable[[Origin], Path],
        progress: Callable[[float, float], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.raw: Any = raw
        self.newest: Any = raw
        self.remarks: list[str] = []
        self._exact, self._find = exact, find
        self._tools: dict[str, Any] = {"progress": progress, "should_stop": should_stop}

    def do(self, step: Step) -> Any:
        """Do one step; its result is what the next one begins with."""
        settings = step.settings
        if isinstance(settings, Simulation):
            self.raw = self.newest = simulated(settings)
            return self.newest
        image = self.newest
        if image is None:
            raise SBDError("The recipe does not say what it began with; give the image.")
        if isinstance(settings, SeriesDenoise):
            self.newest = self._series(settings, image)
            return self.newest
        if not isinstance(image, Micrograph):
            raise SBDError(f"{step.operation} needs an image or movie, and this is a series.")
        if isinstance(settings, Drifting):
            self.raw = self.newest = self._still(settings, image)
            return self.newest
        if isinstance(settings, Denoise):
            self.newest = self._denoise(settings, image)
            return self.newest
        if isinstance(settings, Columns):
            return self._columns(settings, image)
        assert isinstance(settings, Agreement)
        from .. import agreement

        given = settings.model_dump(include={"pixel_size", "gain", "offset"})
        return agreement(self._counts(settings.noisy, image), image, **given)

    def _denoise(self, s: Denoise, image: Micrograph) -> Any:
        from ..denoise import denoise

        if isinstance(s.frames, str):
            image = self.raw = image.replace(data=image.data[frames_slice(s.frames, image.shape)])
        if self._exact and s.shape and image.shape != s.shape:
            raise SBDError(
                f"The recipe is of an image of shape {s.shape}, and {image.name or 'this one'} has "
                f"shape {image.shape}: it is another image, or only a part was denoised."
            )
        if self._exact and s.unreadable_frames:
            image = image.replace(data=image.data[readable(s)])
        options = options_for(s, image, self._exact)
        calibration = {k: options.pop(k) for k in ("pixel_size", "gain", "offset")}
        image = image.replace(**calibration)
        where = {"model": options["model"], "device": self._device(s.device), **self._tools}
        if s.neighbours is not None:
            from ..movie import denoise_movie

            result = denoise_movie(image, neighbours=s.neighbours, **{**options, **where})
            self._compare_choices(s, result)
            return result
        tuned = tuned_for(s, image, self._exact, **where)
        result = denoise(image, gain_tuning=tuned or False, **{**options, **where})
        self._compare_choices(s, result)
        return result

    def _still(self, s: Drifting, movie: Micrograph) -> Any:
        from ..movie import correct_drift, estimate_drift

        drift = recorded_drift(s)
        if not self._exact:
            check_estimated(s)
            assert s.estimated is not None
            options = s.estimated.model_dump(include={"jitter", "largest_step"})
            size = {"pixel_size": s.estimated.pixel_size, "gain": None, "offset": movie.offset}
            movie = movie.replace(pixel_size=_own_first(size, movie)["pixel_size"])
            options |= {"model": _name_of(s.estimated), "device": self._device(s.estimated.device)}
            drift = estimate_drift(movie, **options, **self._tools)
        return correct_drift(movie, drift, s.interpolate, s.edges)

    def _series(self, s: SeriesDenoise, stack: Micrograph | Series) -> Any:
        where = {"device": self._device(s.device), **self._tools}
        return series_denoised(s, stack, self._exact, self._find, **where)

    def _device(self, name: str) -> str:
        from ..networks.hardware import resolve_device

        try:
            resolve_device(name)
        except SBDError:
            there = str(resolve_device("auto"))
            self.remarks.append(f"The recipe's device {name} is not there; computed on {there}.")
            return there
        return name

    def _compare_choices(self, s: Denoise, result: Micrograph) -> None:
        from . import history

        now = history(result.metadata)[-1]["settings"]
        if self._exact and tuple(now["block"]) != s.block:
            self.remarks.append(f"{s.block} pixels were summed then, {tuple(now['block'])} now.")
        if self._exact and s.precision not in (None, now["precision"]):
            self.remarks.append(f"Computed in {s.precision} then, in {now['precision']} now.")

    def _columns(self, s: Columns, image: Micrograph) -> Any:
        from ..columns import find_columns

        settings = s.model_dump(include={"polarity", "sensitivity", "spacing", "alpha", "halves"})
        if self._exact:
            settings |= {"pixel_size": s.pixel_size, "gain": s.gain}
            settings |= {} if s.gain is None else {"offset": s.offset}
        noisy = None if s.noisy is False else self._counts(s.noisy, image)
        return find_columns(noisy, image, **settings, **self._tools)

    def _counts(self, noisy: Origin | None, image: Micrograph) -> Micrograph:
        """The raw image that a result is judged by."""
        from ..io import read

        if self._exact and noisy is not None and Path(noisy.path) != (self.raw and self.raw.source):
            return read(self._find(noisy))
        if self.raw is None or self.raw is image:
            raise SBDError("The recipe needs the raw image as well, which was only in memory.")
        return self.raw


def readable(s: Denoise) -> list[int]:
    """Frames of a movie's result that the source could be read for."""
    lost = set(s.unreadable_frames or ())
    return [i for i in range((s.shape or (1,))[0]) if i not in lost]


def options_for(s: Denoise, image: Micrograph, exact: bool = False) -> dict[str, Any]:
    """Arguments of ``denoise`` for an image, all but the device.

    Parameters
    ----------
    s
        What the recipe says.
    image
        What will be denoised.
    exact
        As in ``Follower``.
    """
    calibration = {"pixel_size": s.pixel_size, "gain": s.gain, "offset": s.offset}
    if not exact:
        calibration = _own_first(calibration, image)
    return {**calibration, "model": _name_of(s), "quality": s.quality, "seed": s.seed}


def tuned_for(s: Denoise, image: Micrograph, exact: bool, **options: Any) -> Tuned | None:
    """The gains for an image: those of the recipe, or, where those are another image's, new ones.

    Parameters
    ----------
    s, image, exact
        As in ``options_for``.
    **options
        Of ``gain_tune``: calibration, model, device, progress, should_stop.
    """
    tuning = s.gain_tuning
    if tuning is None:
        return None
    tuned = None if tuning.on_this_image and not exact else gains_of(tuning)
    if tuned is not None or not tuning.on_this_image:
        return tuned
    from ..gaintuning import gain_tune

    request = tuning.requested.model_dump() if tuning.requested else {}
    return gain_tune(image, **request, tune=tuning.tune, seed=tuning.seed, **options)


def _own_first(recipe: dict[str, Any], image: Micrograph) -> dict[str, Any]:
    own: dict[str, Any] = {"pixel_size": image.pixel_size, "gain": image.gain}
    taken = {k: recipe[k] for k, v in own.items() if v is None and recipe[k] is not None}
    offset = recipe["offset"] if "gain" in taken else image.offset
    for key, value in taken.items():
        what = key.replace("_", " ")
        warnings.warn(
            f"{image.name or 'The image'} has no {what}; that of the recipe, {value}, is taken.",
            stacklevel=4,
        )
    return {**own, **taken, "offset": offset}


def _name_of(s: Network) -> str:
    """What finds the recipe's model again: a path of one's own, or a name."""
    card = model_of(s)
    return str(card.path) if s.model_path else card.name


def model_of(s: Network) -> ModelCard:
    """The card of the recipe's model.

    Raises
    ------
    SBDError
        If it is not here, or another model has its name.
    """
    from ..networks import find_model, models

    for card in models():
        if card.sha256 == s.model_sha256:
            return card
    card = find_model(s.model_path or s.model)
    if card.sha256 != s.model_sha256:
        raise SBDError(
            f"The model {card.name!r} is another one than that of the recipe (SHA-256 "
            f"{s.model_sha256[:12]}...); the result cannot be repeated with it."
        )
    return card


def gains_of(tuning: Tuning) -> Tuned | None:
    """The gains of a recipe, from itself or from the file that it names.

    None where they were too many to be kept, but can be found again.

    Raises
    ------
    SBDError
        If they are not to be had any more, or are others.
    """
    from ..gaintuning.text import from_text
    from ..gaintuning.tuned import Tuned

    if tuning.gains is not None:
        tuned = from_text(tuning.gains)
    elif tuning.file is not None:
        tuned = Tuned.load(tuning.file)
    elif tuning.on_this_image:
        return None
    else:
        raise SBDError("The gains were too many for the recipe to hold; they cannot be found.")
    if tuned.sha256 != tuning.gains_sha256:
        raise SBDError("The gains are not those of the recipe (SHA-256 differs); tune again.")
    return tuned


def simulated(s: Simulation) -> Micrograph:
    """The simulated micrograph of a recipe."""
    from ..simulation.detector import Detector
    from ..simulation.optics import Optics
    from ..simulation.phantom import simulate

    arguments = s.model_dump(exclude={"part", "settings", "detector"})
    try:
        phantom = simulate(
            **arguments,
            settings=None if s.settings is None else Optics(**s.settings),
            detector=None if s.detector is None else Detector(**s.detector),
        )
    except TypeError as error:
        raise SBDError(f"The recipe of the simulation is not understood: {error}.") from error
    return phantom.noisy if s.part == "noisy" else phantom.clean
