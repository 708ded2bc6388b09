"""One file of a batch, in whichever process it is done."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import Cancelled, SBDError, in_words
from .plan import Item

if TYPE_CHECKING:
    from ..micrograph import Micrograph, PixelSize
    from ..provenance.steps import Denoise, Tuning


@dataclass(frozen=True)
class Options:
    """How the files of a batch are denoised.

    Parameters
    ----------
    model, quality, gain_tuning, pixel_size, gain, offset, device, seed
        As in ``denoise``; ``gain_tuning`` tunes on each file, or is the path of saved gains.
    neighbours
        As in ``denoise_movie``; 0 denoises frames one by one.
    recipe
        Of a result, in place of all but the device.
    """

    model: str = "auto"
    quality: Literal["fast", "best"] = "fast"
    gain_tuning: bool | str | Path = False
    pixel_size: PixelSize | None = None
    gain: float | None = None
    offset: float | None = None
    device: str = "auto"
    seed: int = 0
    neighbours: int = 0
    recipe: Any = None

    def check(self) -> None:
        """Refuse what no file could be denoised with.

        Raises
        ------
        SBDError
            With a sentence that says why.
        """
        from ..micrograph import Micrograph
        from ..networks import find_model

        if self.recipe is not None:
            if self != Options(device=self.device, recipe=self.recipe):
                raise SBDError("A recipe brings its own settings; leave the other options out.")
            self.from_recipe()
        if self.quality not in ("fast", "best"):
            raise SBDError(f"The quality is 'fast' or 'best', not {self.quality!r}.")
        find_model(self.model)
        if self.neighbours != int(self.neighbours) or self.neighbours < 0:
            raise SBDError(f"The neighbours are a whole number from 0 up, not {self.neighbours}.")
        if self.neighbours and self.gain_tuning:
            raise SBDError("Neighbours cannot be combined with gain tuning or saved gains.")
        if not isinstance(self.gain_tuning, bool):
            _gains(self.gain_tuning)
        Micrograph([[0.0]], self.pixel_size, gain=self.gain, offset=self.offset or 0.0)

    def from_recipe(self) -> Denoise | None:
        """Settings of the recipe's last denoising; None without a recipe."""
        if self.recipe is None:
            return None
        from ..provenance.steps import Denoise, Drifting, SeriesDenoise, since_the_source, steps

        *before, last = [s.settings for s in since_the_source(steps(self.recipe))]
        if not isinstance(last, Denoise):
            raise SBDError("The last step of the recipe is no denoising; give a denoised result.")
        if any(isinstance(s, (Drifting, SeriesDenoise)) for s in before):
            raise SBDError(
                "The recipe does more than denoise each file, which a batch cannot do; follow it "
                "with replay.apply."
            )
        return last


@dataclass(frozen=True)
class Task:
    """What a worker needs to know; ``threads`` are those of each process, None for all."""

    item: Item
    options: Options
    resume: bool = False
    threads: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a file.

    Parameters
    ----------
    source, target
        The file, and where its result is.
    status
        Skipped files have a result that is right.
    seconds
        Wall time.
    reason
        Why it failed, or what was warned of.
    """

    source: Path
    target: Path
    status: Literal["done", "skipped", "failed"]
    seconds: float
    reason: str = ""


def process(task: Task, should_stop: Callable[[], bool] | None = None) -> Outcome:
    """Denoise one file; whatever goes wrong becomes the reason of a failure.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    """
    begun = time.perf_counter()
    source, target = task.item.source, task.item.target
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        try:
            status, reason = _result(task, should_stop), ""
        except Cancelled:
            raise
        except SBDError as error:
            status, reason = "failed", str(error)
        except Exception as error:  # noqa: BLE001 (thousands of other files are waiting)
            status, reason = "failed", f"unexpected {type(error).__name__}: {error}"
    notes = [str(w.message) for w in warned if issubclass(w.category, UserWarning)]
    seconds = time.perf_counter() - begun
    return Outcome(source, target, status, seconds, " ".join([reason, *notes]).strip())


def _result(
    task: Task, should_stop: Callable[[], bool] | None
) -> Literal["done", "skipped", "failed"]:
    from ..io import read

    source, target = task.item.source, task.item.target
    if task.threads is not None:
        import torch

        torch.set_num_threads(task.threads)
    with in_words():
        image = read(source)
        if task.resume and target.exists() and is_finished(task, image):
            return "skipped"
        target.parent.mkdir(parents=True, exist_ok=True)
        _denoise(task, image, should_stop)
    return "done"


def _denoise(task: Task, image: Micrograph, should_stop: Callable[[], bool] | None) -> None:
    from ..streaming import denoise_file

    arguments = {**arguments_for(task.options, image), "should_stop": should_stop}
    if neighbours := neighbours_for(task.options):
        _denoise_movie(task, image, neighbours, arguments)
        return
    recipe = task.options.from_recipe()
    if recipe is not None:
        from ..provenance.replay_steps import tuned_for

        names = ("pixel_size", "gain", "offset", "model", "device", "should_stop")
        tools = {name: arguments[name] for name in names}
        arguments["gain_tuning"] = tuned_for(recipe, image, False, **tools) or False
    denoise_file(task.item.source, task.item.target, resume=task.resume, **arguments)


def _denoise_movie(
    task: Task, image: Micrograph, neighbours: int, arguments: dict[str, Any]
) -> None:
    from ..frames import as_micrograph
    from ..streaming.neighbours import denoise_movie_into

    arguments.pop("gain_tuning", None)
    movie = as_micrograph(image, *(arguments.pop(k) for k in ("pixel_size", "gain", "offset")))
    denoise_movie_into(movie, task.item.target, neighbours=neighbours, **arguments)


def neighbours_for(options: Options) -> int:
    """Frames on each side that help, 0 for none."""
    recipe = options.from_recipe()
    return (recipe.neighbours or 0) if recipe else options.neighbours


def arguments_for(options: Options, image: Micrograph) -> dict[str, Any]:
    """Arguments of ``denoise`` for the image of a file."""
    recipe = options.from_recipe()
    if recipe is not None:
        from ..provenance.replay_steps import options_for

        return {**options_for(recipe, image), "device": options.device}
    names = ("model", "quality", "gain_tuning", "pixel_size", "gain", "offset", "device", "seed")
    return {name: getattr(options, name) for name in names}


def is_finished(task: Task, image: Micrograph) -> bool:
    """Whether the result on disk is complete and what the task would make.

    Its recipe must name the same source by checksum, this version, and the same settings.
    """
    from importlib.metadata import version

    from ..provenance import file_checksum, read_recipe
    from ..provenance.steps import Denoise, steps

    try:
        last = steps(read_recipe(task.item.target))[-1]
    except SBDError:
        return False
    s, origin = last.settings, last.source
    if not isinstance(s, Denoise) or isinstance(s.frames, list) or origin is None:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = arguments_for(task.options, image)
    expected = task.options.from_recipe()
    tuning = _key(expected.gain_tuning) if expected else _wanted_key(task.options)
    return (
        origin.sha256 == file_checksum(task.item.source)
        and last.versions.get("napari-sbd") == version("napari-sbd")
        and _same_model(wanted["model"], s)
        and s.quality == wanted["quality"]
        and (s.neighbours or 0) == neighbours_for(task.options)
        and (s.neighbours is None or s.seed == wanted["seed"])
        and all(wanted[k] in (None, getattr(s, k)) for k in ("pixel_size", "gain", "offset"))
        and _key(s.gain_tuning) == tuning
    )


def _same_model(wanted: str, s: Denoise) -> bool:
    from ..networks import find_model
    from ..provenance.replay_steps import model_of

    try:
        card = model_of(s)
    except SBDError:
        return False
    return wanted == "auto" or find_model(wanted).sha256 == card.sha256


def _key(tuning: Tuning | None) -> Any:
    """What tells one way of tuning from another."""
    if tuning is None:
        return None
    if tuning.on_this_image:
        return tuning.tune, tuning.seed, tuning.requested
    return tuning.gains_sha256


def _wanted_key(options: Options) -> Any:
    from ..provenance.steps import Request

    if isinstance(options.gain_tuning, bool):
        return ("gains", options.seed, Request()) if options.gain_tuning else None
    return _gains(options.gain_tuning)


def _gains(path: str | Path) -> str:
    from ..gaintuning import Tuned

    return Tuned.load(path).sha256
