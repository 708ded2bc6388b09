"""One file of a batch, in whichever process it is done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from os.path import abspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..denoising.settings import Repeated, Settings
from ..errors import Cancelled, SBDError, in_words, listening, reason_of
from ..micrograph.frames import as_micrograph, frame_range
from .looked_at import Facts, facts
from .plan import Item

if TYPE_CHECKING:
    from ..micrograph import Micrograph
    from ..provenance.steps.denoise import Denoise
    from ..provenance.steps.tuning import Tuning

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How the files of a batch are denoised.

    Parameters
    ----------
    settings
        As in ``denoise``; gains are tuned on each file, or are the path of saved ones.
    recipe
        Of a result, in place of all but the device.
    chosen
        Of how to read each file, as ``io.choices`` gives it; nothing leaves that to the recipe.
    judge, report
        What else to make of each result, as ``looked_at.facts`` takes it.
    """

    settings: Settings = field(default_factory=Settings)
    recipe: Any = None
    chosen: dict[str, int] = field(default_factory=dict)
    judge: bool = False
    report: bool = False

    def check(self) -> None:
        """Refuse what no file could be denoised with.

        Raises
        ------
        SBDError
            With a sentence that says why.
        """
        from ..networks import find_model

        if self.recipe is not None:
            if self.settings != Settings(device=self.settings.device):
                raise SBDError("A recipe brings its own settings; leave the other options out.")
            self.from_recipe()
        find_model(self.settings.model)
        if isinstance(self.settings.gain_tuning, Path):
            _gains(self.settings.gain_tuning)

    def from_recipe(self) -> Denoise | None:
        """Settings of the recipe's last denoising; None without a recipe."""
        if self.recipe is None:
            return None
        from ..provenance.steps import since_the_source, steps
        from ..provenance.steps.denoise import Denoise

        *before, last = [s.settings for s in since_the_source(steps(self.recipe))]
        if not isinstance(last, Denoise):
            raise SBDError("The last step of the recipe is no denoising; give a denoised result.")
        if any(not s.begins for s in before):
            raise SBDError(
                "The recipe does more than denoise each file, which a batch cannot do; follow it "
                "with replay.apply."
            )
        return last

    @property
    def reading(self) -> dict[str, int]:
        """Keywords of ``read`` for each file."""
        if self.recipe is None or self.chosen:
            return self.chosen
        from ..provenance.steps import since_the_source, steps

        origin = since_the_source(steps(self.recipe))[0].source
        return origin.reading if origin else {}

    def on(self, image: Micrograph) -> Settings:
        """The settings for the image of a file."""
        recipe = self.from_recipe()
        if recipe is None:
            return self.settings
        return recipe.settings_for(image, exact=False, device=self.settings.device)


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
    facts
        What is known of the result.
    """

    source: Path
    target: Path
    status: Literal["done", "skipped", "failed"]
    seconds: float
    reason: str = ""
    facts: Facts = field(default_factory=Facts)


def process(task: Task, should_stop: Callable[[], bool] | None = None) -> Outcome:
    """Denoise one file; whatever goes wrong becomes the reason of a failure.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    """
    begun = time.perf_counter()
    source, target = task.item.source, task.item.target
    facts = Facts()
    with listening() as notes:
        try:
            (status, facts), reason = _result(task, should_stop), ""
        except Cancelled:
            raise
        except SBDError as error:
            status, reason = "failed", str(error)
        except Exception as error:  # noqa: BLE001 (thousands of other files are waiting)
            status, reason = "failed", f"unexpected {type(error).__name__}: {error}"
    seconds = time.perf_counter() - begun
    return Outcome(source, target, status, seconds, " ".join([reason, *notes]).strip(), facts)


def _result(
    task: Task, should_stop: Callable[[], bool] | None
) -> tuple[Literal["done", "skipped", "failed"], Facts]:
    from ..io import read

    source, target = task.item.source, task.item.target
    if task.threads is not None:
        import torch

        torch.set_num_threads(task.threads)
    with in_words():
        image = read(source, **task.options.reading)
        if _is_there(target) and task.resume and is_finished(task, image):
            status: Literal["done", "skipped"] = "skipped"
        else:
            status = "done"
            _leave_others(target, source)
            target.parent.mkdir(parents=True, exist_ok=True)
            _denoise(task, image, should_stop)
        _logger.debug("%s: %s", source, status)
        settings = task.options.on(image)
        raw = as_micrograph(image, **settings.calibration)
        first = 0
        if settings.frames is not None:
            numbers = frame_range(settings.frames, raw)
            first = numbers.start
            raw = raw.replace(data=raw.data[numbers.start : numbers.stop])
        judge, report = task.options.judge, task.options.report
        return status, facts(raw, read(target), target, judge, report, first)


def _is_there(target: Path) -> bool:
    try:
        return target.exists()
    except OSError as error:  # a name that is too long
        raise SBDError(f"{target} cannot be written: {reason_of(error)}.") from error


def _leave_others(target: Path, source: Path) -> None:
    """Refuse to replace the result of another file, by its path and content."""
    from ..files import file_checksum
    from ..provenance import read_recipe
    from ..provenance.steps import since_the_source, steps

    if not target.exists():
        return
    try:
        origin = since_the_source(steps(read_recipe(target)))[0].source
    except SBDError:
        return
    if origin is None or origin.sha256 in (None, file_checksum(source)):
        return
    if Path(origin.path).resolve() != source.resolve():
        raise SBDError(
            f"{target} is the result of another file, {origin.path}, and stays; choose another "
            "output folder."
        )


def _denoise(task: Task, image: Micrograph, should_stop: Callable[[], bool] | None) -> None:
    from ..streaming.file import denoise_into

    settings = task.options.on(image)
    denoise_into(image, task.item.target, settings, task.resume, should_stop=should_stop)


def is_finished(task: Task, image: Micrograph) -> bool:
    """Whether the result on disk is complete and what the task would make.

    Its recipe must name the same source by checksum, this version, and the same settings.
    """
    from importlib.metadata import version

    from ..files import file_checksum
    from ..provenance import read_recipe
    from ..provenance.steps import steps
    from ..provenance.steps.denoise import Denoise

    try:
        last = steps(read_recipe(task.item.target))[-1]
    except SBDError:
        return False
    s, origin = last.settings, last.source
    if not isinstance(s, Denoise) or isinstance(s.frames, list) or origin is None:
        return False
    with listening():
        wanted = task.options.on(image)
    calibrated = as_micrograph(image, **wanted.calibration)
    return (
        origin.sha256 == file_checksum(task.item.source)
        and origin.reading == task.options.reading
        and last.versions.get("napari-sbd") == version("napari-sbd")
        and _same_model(wanted, s)
        and _same_choices(wanted, s)
        and _same_references(wanted, s)
        and all(getattr(calibrated, name) == getattr(s, name) for name in wanted.calibration)
        and _key(s.gain_tuning) == _wanted_key(wanted)
    )


def _same_choices(wanted: Settings, s: Denoise) -> bool:
    """Whether settings are the same; the seed matters only where it is used."""
    names = {*Repeated.model_fields, "frames"} - ({"seed"} if not wanted.neighbours else set())
    asked, then = (
        {**{n: getattr(one, n) for n in names}, **{n: abspath(p) for n, p in one.files().items()}}
        for one in (wanted, s)
    )
    return asked == then


def _same_references(wanted: Settings, s: Denoise) -> bool:
    """Whether references and the noise spectrum are the files that they were."""
    from ..files import file_checksum

    known = [(path, getattr(s, f"{name}_sha256")) for name, path in wanted.files().items()]
    return all(then in (None, file_checksum(Path(path))) for path, then in known)


def _same_model(wanted: Settings, s: Denoise) -> bool:
    from ..networks import find_model

    try:
        card = s.card()
    except SBDError:
        return False
    if wanted.model == "auto":
        kind = "dark field" if card.is_dark_field else "phase contrast"
        told = ("as asked", f"it is {kind}") if wanted.modality == "auto" else ("as asked",)
        return wanted.modality in ("auto", kind) and s.model_choice not in told
    return find_model(wanted.model).sha256 == card.sha256


def _key(tuning: Tuning | None) -> Any:
    """What tells one way of tuning from another."""
    if tuning is None:
        return None
    if tuning.on_this_image and tuning.file is None:
        return tuning.tune, tuning.seed, tuning.requested
    return tuning.gains_sha256


def _wanted_key(wanted: Settings) -> Any:
    from ..provenance.steps.tuning import Request

    if request := wanted.tuning:
        found = Request(**request.model_dump(exclude={"tune"}))
        return request.tune, wanted.seed, found
    asked = wanted.gain_tuning
    if asked is False:
        return None
    return _gains(asked) if isinstance(asked, Path) else asked.sha256


def _gains(path: Path) -> str:
    from ..gaintuning import Tuned

    return Tuned.load(path).sha256
