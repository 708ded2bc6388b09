"""Results made once more from their recipe, and recipes on other images."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError, in_words
from ..micrograph import Micrograph
from ..micrograph.foreign import ours
from ..recipe import KEY
from . import read_recipe
from .tables import is_table, not_in_both, numbers, unlike_tables
from .written import as_command, as_python

if TYPE_CHECKING:
    from ..series.stack import Series
    from .steps import Step
    from .steps.follower import Follower

_logger = logging.getLogger(__name__)

__all__ = ["Replay", "apply", "as_command", "as_python", "rerun"]

Progress = Callable[[float, float], None]


@dataclass(frozen=True, eq=False)
class Replay:
    """A result made once more.

    Parameters
    ----------
    result
        Micrograph, table of columns or Agreement.
    identical
        Whether it is the stored result, value for value, by a recipe that says what was done; None
        where nothing was stored.
    largest_difference
        Of any value, in its units; infinite where shapes or missing values differ.
    contrast
        Standard deviation of the stored values, to compare with; None for tables.
    source_intact
        Whether the source file still has its checksum; None where there was none.
    remarks
        What differs from the time of the recipe, in words.
    contradictions
        Where the recipe says something else than the repetition, the result or the models, in
        words. Such a recipe was edited, and what it says is not what was done.
    changed
        Which other files of the recipe (references, raw images) have changed, in words.
    """

    result: Any
    identical: bool | None
    largest_difference: float | None
    contrast: float | None
    source_intact: bool | None
    remarks: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def verdict(self) -> str:
        """The comparison in a sentence or two."""
        if self.identical is None:
            text = "Repeated; there is no stored result of a kind that can be compared."
        elif self.identical:
            text = "The result is identical."
        elif self.largest_difference == 0:
            text = "The values are those of the stored result."
        elif self.largest_difference == np.inf:
            text = "The result DIFFERS: its shape, or where values are missing, is another."
        else:
            text = f"The result differs by {self.largest_difference:.2g} at most"
            if self.contrast:
                text += f", {100 * (self.largest_difference or 0) / self.contrast:.2g} % of its"
                text += " standard deviation"
            text += "."
        said = {True: "The source file is unchanged.", False: "The source file has CHANGED."}
        # other files explain what a repetition gives otherwise
        why = "is not of these files" if self.changed else "was EDITED"
        why = why if self.source_intact is not False else "is not of this source"
        apart = [f"The recipe {why}.", *self.contradictions] if self.contradictions else []
        parts = [*apart, text, said.get(self.source_intact), *self.changed, *self.remarks]  # type: ignore[arg-type]
        return " ".join(part for part in parts if part)


def rerun(
    result: str | os.PathLike[str] | Micrograph | Series,
    source: str | os.PathLike[str] | None = None,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Replay:
    """Repeat a result from its recipe and compare both.

    Nothing is written. Gains that were tuned are those of the recipe.

    Parameters
    ----------
    result
        A result of this package: a file, or a micrograph or series with its recipe.
    source
        The raw file, where it is no longer at the recipe's path nor beside the result.
    progress, should_stop
        As in ``denoise``.

    Raises
    ------
    SBDError
        If there is no recipe, it holds what this version does not know, or source or model are not
        to be found.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> sbd.write(noisy, "noisy.tif")
    >>> sbd.write(sbd.denoise(sbd.read("noisy.tif"), model="hrtem"), "result.tif")
    >>> sbd.rerun("result.tif").verdict()
    'The result is identical. The source file is unchanged.'
    """
    from .sources import found, intact, read_source
    from .steps import since_the_source, steps
    from .steps.follower import Follower

    stored, kept, folder = _opened(result)
    chain = since_the_source(steps(kept))
    origin, raw, path = chain[0].source, None, None
    if not chain[0].settings.begins:
        if source is None and origin is None:
            raise SBDError("The recipe is of an image in memory; give its file as the source.")
        path = Path(source) if source is not None else found(origin, folder)  # type: ignore[arg-type]
        raw = read_source(path, **(origin.reading if origin else {}))
    with in_words():
        find = partial(found, folder=folder)
        follower = Follower(raw, True, find, progress, should_stop)
        for step in chain:
            again = _done(step, follower)
    alike_in = again.columns if is_table(stored) and hasattr(again, "z") else again
    identical, difference, contrast = _compare(stored, alike_in, chain[-1])
    images = [None] * (len(chain) - 1) + [stored]
    wrong = [
        sentence
        for step, image in zip(chain, images, strict=True)
        for sentence in step.settings.contradictions(image)
    ]
    alike, apart = _halves(kept, follower.raw, again)
    if is_table(stored) and is_table(alike_in):
        # where values are others, of another machine say, what follows from them may be so as well
        apart += unlike_tables(stored, alike_in) if identical else []
        alike += not_in_both(stored, alike_in)
    wrong = [*dict.fromkeys([*follower.contradictions, *wrong, *apart])]
    remarks = (*follower.remarks, *alike, *_other_versions(chain[-1]))
    if wrong and identical is not None:
        identical = False
    whole = intact(origin, path)
    changed = tuple(follower.changed)
    return Replay(again, identical, difference, contrast, whole, remarks, tuple(wrong), changed)


def apply(
    recipe: Any,
    image: Micrograph | Series,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Any:
    """Follow a recipe on another image.

    The image's own calibration goes first; what it lacks is taken from the recipe, with a warning.
    Model, quality and seed are the recipe's. Gains that were tuned on the recipe's image are tuned
    anew on this one, and so is drift; gains that came from elsewhere are applied as they are.

    Parameters
    ----------
    recipe
        What stands under ``"napari_sbd"`` in a result's metadata, or one entry of its history.
    image
        The raw image, movie or series.
    progress, should_stop
        As in ``denoise``.

    Returns
    -------
    What the last step gives: a micrograph, a table of columns or an ``Agreement``.

    Raises
    ------
    SBDError
        If the recipe cannot be followed.
    Cancelled
        If ``should_stop`` said so.

    Examples
    --------
    >>> other = sbd.apply(denoised.metadata["napari_sbd"], noisy)
    >>> bool(np.array_equal(other.data, denoised.data))
    True
    """
    from .sources import found
    from .steps import since_the_source, steps
    from .steps.follower import Follower

    chain = [s for s in since_the_source(steps(recipe)) if not s.settings.begins]
    if not chain:
        raise SBDError("The recipe only simulates; there is nothing in it to do with an image.")
    result: Any = image
    with in_words():
        follower = Follower(image, False, partial(found, folder=None), progress, should_stop)
        for step in chain:
            result = _done(step, follower)
    return result


def _halves(kept: Any, raw: Any, again: Any) -> tuple[list[str], list[str]]:
    """What halves of the data show once more, and where the recipe says otherwise."""
    from .halves import halves_of

    said = halves_of(kept)
    if said is None or not (isinstance(raw, Micrograph) and isinstance(again, Micrograph)):
        return [], []
    with in_words():
        found = said.repeated(raw, again)
    apart = [*said.contradictions(), *said.unlike(found)]
    return ([] if apart else [str(found)]), apart


def _done(step: Step, follower: Follower) -> Any:
    """The result of one step more."""
    kind = step.settings
    _logger.debug("step %s: %s", step.operation, kind)
    if not kind.begins:
        if follower.newest is None:
            raise SBDError("The recipe does not say what it began with; give the image.")
        if not (kind.takes_series or isinstance(follower.newest, Micrograph)):
            raise SBDError(f"{step.operation} needs an image or movie, and this is a series.")
    return kind.do(follower)


def _opened(result: Any) -> tuple[Any, Any, Path | None]:
    """The stored values, where there are any to compare with; the recipe; the folder."""
    result = ours(result)
    if hasattr(result, "metadata"):
        return result, result.metadata.get(KEY), None
    from ..columns.export import is_table, read_columns

    path = Path(result).absolute()
    kept = read_recipe(path)
    if is_table(path):
        table = read_columns(path)
        if table.attrs.get("edited"):
            raise SBDError("Columns of this table were placed by hand, which cannot be repeated.")
        return table, kept, path.parent
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            maps = [arrays[name] for name in ("z", "log_likelihood_ratio") if name in arrays]
            return np.stack(maps) if maps else None, kept, path.parent
    from .sources import image_of

    return image_of(path), kept, path.parent


def _compare(stored: Any, again: Any, step: Step) -> tuple[bool | None, float | None, float | None]:
    """Whether identical, the largest difference, and the contrast of what was stored."""
    stored, again = _image(stored), _image(again)
    if hasattr(stored, "metadata") and hasattr(again, "metadata"):
        return _difference(*step.settings.comparable(stored.data, again.data))
    if is_table(stored) and is_table(again):
        return (*_difference(*numbers(stored, again))[:2], None)
    if isinstance(stored, np.ndarray) and hasattr(again, "z"):
        return _difference(stored, np.stack([again.z, again.log_likelihood_ratio])[: len(stored)])
    return None, None, None


def _image(values: Any) -> Any:
    """A series that came from a micrograph as one again, so that both have their offset."""
    if getattr(values, "origin", None) is None:
        return values
    from ..series.stack import to_micrograph

    return to_micrograph(values)


def _difference(then: np.ndarray, now: np.ndarray) -> tuple[bool, float, float | None]:
    if then.shape != now.shape or not np.array_equal(np.isnan(then), np.isnan(now)):
        return False, np.inf, None
    if not np.isfinite(then).any():
        return True, 0.0, None
    largest = float(np.nanmax(np.abs(then.astype(np.float64) - now)))
    return largest == 0, largest, float(np.nanstd(then))


def _other_versions(step: Step) -> list[str]:
    from ..recipe import recipe

    now = recipe(step.operation)["versions"]
    then = step.versions
    changed = [f"{k} {then[k]} then, {v} now" for k, v in now.items() if then.get(k, v) != v]
    return [f"Other versions: {', '.join(changed)}."] if changed else []
