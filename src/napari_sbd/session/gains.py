"""The gains of a denoising: given, found on its own image, and noted in its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..denoising.denoiser import Denoiser
from ..denoising.settings import Settings
from ..errors import Cancelled
from ..micrograph import Micrograph

if TYPE_CHECKING:
    from ..gaintuning import Tuned


def given_gains(settings: Settings) -> tuple[Tuned | None, dict[str, Any]]:
    """Gains found earlier, and the model that takes them."""
    asked, model = settings.gain_tuning, settings.model
    if asked is False or settings.tuning:
        return None, {"model": model}
    from ..gaintuning.tuned import given

    return given(asked, model)


def found_gains(
    worker: Denoiser,
    settings: Settings,
    kept: Path | None,
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> Tuned:
    """Gains tuned on the worker's own image, or those of a file in which they were kept.

    Parameters
    ----------
    worker, settings
        The model, and how it is tuned.
    kept
        A file in which gains are kept when they are found.
    progress
        Called with the share that is done.
    should_stop
        Asked between steps.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    """
    from ..gaintuning import Tuned
    from ..gaintuning.tune import tune_model

    if kept is not None and kept.exists():
        return Tuned.load(kept)
    assert settings.tuning is not None
    tuned = tune_model(
        worker,
        **settings.tuning.model_dump(),
        seed=settings.seed,
        progress=lambda done, total: progress(done / total),
        should_stop=should_stop,
    )
    if tuned.report.cancelled:
        raise Cancelled("Stopped before the tuning was complete.")
    return Tuned.load(tuned.save(kept)) if kept is not None else tuned


def noted(tuned: Tuned | None, source: Micrograph, settings: Settings) -> dict[str, Any] | None:
    """What a recipe says of gains; None without any."""
    if tuned is None:
        return None
    from ..gaintuning.tune import groups_of

    said = tuned.settings(source)
    asked = settings.gain_tuning
    if settings.tuning:
        said["on_this_image"] = True
    elif isinstance(asked, Path):
        said["file"] = str(asked.absolute())
    frames = (tuned.requested or {}).get("frames")
    if said["on_this_image"] and source.is_movie and frames not in (None, "all", "each"):
        (said["tuned_on"],) = groups_of(source, frames)
    return said
