"""Steps of a recipe done once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..denoising.settings import Repeated, Settings, TuningRequest
from ..errors import SBDError, warn
from ..frames import frame_range
from ..micrograph import Micrograph
from ..recipe import history
from ..repeat import same_gains, same_model
from .contradictions import with_repetition
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


_SEARCH = {"polarity", "sensitivity", "spacing", "alpha", "halves", "region"}


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
    contradictions
        Where the recipe says something else than was found, in words.
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
        self.contradictions: list[str] = []
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
            if self._exact:
                now = history(self.newest.metadata)[-1]["settings"]
                self.contradictions += with_repetition(settings, now)
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

        given = settings.model_dump(include={"pixel_size", "gain", "offset", "region"})
        return agreement(self._counts(settings.noisy, image), image, **given)

    def _denoise(self, s: Denoise, image: Micrograph) -> Any:
        from ..session import Session

        if isinstance(s.frames, str):
            numbers = frame_range(s.frames, image)
            image = self.raw = image.replace(data=image.data[numbers.start : numbers.stop])
        if self._exact and s.shape and image.shape != s.shape:
            raise SBDError(
                f"The recipe is of an image of shape {s.shape}, and {image.name or 'this one'} has "
                f"shape {image.shape}: it is another image, or only a part was denoised."
            )
        if self._exact and s.unreadable_frames:
            image = image.replace(data=image.data[readable(s)])
        settings = settings_for(s, image, self._exact, self._device(s.device))
        result = Session(image, settings, **self._tools).collect()
        self._compare(s, result)
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

    def _compare(self, s: Denoise, result: Micrograph) -> None:
        if not self._exact:
            return
        now = history(result.metadata)[-1]["settings"]
        self.contradictions += with_repetition(s, now)
        if s.precision not in (None, now["precision"]):
            self.remarks.append(f"Computed in {s.precision} then, in {now['precision']} now.")
        for key in ("pixel_size", "gain"):
            own, said = getattr(self.raw, key), getattr(s, key)
            if None not in (own, said) and own != said:
                what = key.replace("_", " ")
                self.remarks.append(
                    f"The source's own {what} is {own}; that of the recipe, {said}."
                )

    def _columns(self, s: Columns, image: Micrograph) -> Any:
        from ..columns import find_columns

        settings = s.model_dump(include=_SEARCH)
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


def settings_for(s: Denoise, image: Micrograph, exact: bool, device: str) -> Settings:
    """How an image is denoised as a recipe says.

    Parameters
    ----------
    s
        What the recipe says.
    image
        What will be denoised.
    exact
        As in ``Follower``: gains that were tuned on the recipe's image are applied as they are, and
        on another image tuned anew.
    device
        Where.
    """
    calibration = {"pixel_size": s.pixel_size, "gain": s.gain, "offset": s.offset}
    if not exact:
        calibration = _own_first(calibration, image)
    chosen = {name: getattr(s, name) for name in Repeated.model_fields}
    if s.gain_tuning is not None:
        chosen |= _gains_for(s.gain_tuning, exact)
    return Settings.of(**calibration, **chosen, model=_name_of(s), device=device)


def _gains_for(tuning: Tuning, exact: bool) -> dict[str, Any]:
    tuned = None if tuning.on_this_image and not exact else gains_of(tuning)
    if tuned is not None:
        return {"gain_tuning": tuned}
    asked = tuning.requested.model_dump() if tuning.requested else {}
    return {"gain_tuning": TuningRequest(**asked, tune=tuning.tune), "seed": tuning.seed}


def _own_first(recipe: dict[str, Any], image: Micrograph) -> dict[str, Any]:
    own: dict[str, Any] = {"pixel_size": image.pixel_size, "gain": image.gain}
    taken = {k: recipe[k] for k, v in own.items() if v is None and recipe[k] is not None}
    offset = recipe["offset"] if "gain" in taken else image.offset
    for key, value in taken.items():
        what = key.replace("_", " ")
        warn(f"{image.name or 'The image'} has no {what}; that of the recipe, {value}, is taken.")
    return {**own, **taken, "offset": offset}


def _name_of(s: Network) -> str:
    """What finds the recipe's model again: a path of one's own, or a name."""
    card = model_of(s)
    return str(card.path) if s.model_path else card.name


def model_of(s: Network) -> ModelCard:
    """The card of the recipe's model; errors as ``same_model`` raises them."""
    return same_model(s.model, s.model_sha256, s.model_path)


def gains_of(tuning: Tuning) -> Tuned | None:
    """The gains of a recipe; errors as ``same_gains`` raises them."""
    return same_gains(tuning.gains, tuning.file, tuning.on_this_image, tuning.gains_sha256)


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
