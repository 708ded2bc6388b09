"""What a recipe may hold: steps of known kinds, data of known names and types, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ...errors import SBDError
from .agreement import Agreement
from .columns import Columns
from .denoise import Denoise
from .drift import Drifting
from .follow import Follow
from .operation import Operation
from .plain import Origin, not_understood
from .series import SeriesDenoise, SeriesPCA
from .simulation import Simulation

_MOST_STEPS = 100
_KINDS: tuple[type[Operation], ...] = (
    Denoise,
    Drifting,
    SeriesDenoise,
    SeriesPCA,
    Columns,
    Follow,
    Agreement,
    Simulation,
)
KINDS: dict[str, type[Operation]] = {kind.operation: kind for kind in _KINDS}
"""Every kind of step by its name."""


class Step(BaseModel):
    """One step of a history, checked.

    Parameters
    ----------
    operation
        A key of ``KINDS``.
    versions
        Of Python and of the packages that computed.
    source
        The file that the step began with; None where it took the result of the step before.
    settings
        Of the operation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    versions: dict[str, str]
    source: Origin | None = None
    settings: Any


def steps(recipe: Any) -> list[Step]:
    """Check a recipe and return its steps, oldest first.

    Parameters
    ----------
    recipe
        What stands under ``"napari_sbd"`` in a result's metadata (a dict with ``history``), or one
        entry of it, which may hold the entries ``before`` it.

    Raises
    ------
    SBDError
        If it is none, or holds operations or settings that this version does not know.
    """
    if not isinstance(recipe, Mapping):
        raise SBDError("A recipe is a dict; take it from the metadata of a result.")
    if "history" in recipe:
        entries = recipe["history"]
    else:
        before = recipe.get("before", [])
        rest = {key: value for key, value in recipe.items() if key != "before"}
        entries = [*before, rest] if isinstance(before, list) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_STEPS:
        raise SBDError("The recipe has no history of steps; take it from the metadata of a result.")
    return [_step(entry) for entry in entries]


def since_the_source(chain: list[Step]) -> list[Step]:
    """The steps from the last one that began with a file or a simulation."""
    starts = [i for i, s in enumerate(chain) if s.source is not None or s.settings.begins]
    return chain[starts[-1] if starts else 0 :]


def _step(entry: Any) -> Step:
    operation = entry.get("operation") if isinstance(entry, Mapping) else None
    if not isinstance(operation, str) or operation not in KINDS:
        raise SBDError(
            f"The recipe holds a step {operation!r}, which this version of napari-sbd cannot "
            f"repeat; it knows {', '.join(KINDS)}."
        )
    try:
        step = Step.model_validate(dict(entry))
        settings = KINDS[operation].model_validate(step.settings)
        return step.model_copy(update={"settings": settings})
    except ValidationError as error:
        raise not_understood(f"The step {operation!r} of the recipe", error) from None
