"""Options of a command made from the fields of ``Settings``."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import typer

from ..denoising.settings import Settings
from ._console import Gain, Offset, PixelSize

Command = TypeVar("Command", bound=Callable[..., Any])

_TYPED: dict[str, Any] = {"pixel_size": PixelSize, "gain": Gain, "offset": Offset}
_KINDS = bool, int, float, Path, str


def with_settings(*without: str) -> Callable[[Command], Command]:
    """Give a command an option for each setting that it does not ask for itself.

    They reach it as ``**settings``.

    Parameters
    ----------
    without
        Names of settings that are not for this command.
    """

    def decorate(command: Command) -> Command:
        whole = signature(command, eval_str=True)
        own = [p for p in whole.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
        names = {*without, *(p.name for p in own)}
        added = [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=_TYPED.get(name)
                or Annotated[kind, typer.Option(help=field.description)],
            )
            for name, field in Settings.model_fields.items()
            if name not in names and (kind := _kind(field.annotation)) is not None
        ]
        command.__signature__ = whole.replace(  # type: ignore[attr-defined]
            parameters=[*(p.replace(kind=Parameter.KEYWORD_ONLY) for p in own), *added]
        )
        return command

    return decorate


def _kind(annotation: Any) -> Any:
    """What an option takes for a field; None for one that no option can give."""
    parts = get_args(annotation) or (annotation,)
    if all(isinstance(part, str) for part in parts):  # a choice of words, which Settings checks
        return str
    found = next((kind for kind in _KINDS if kind in parts), None)
    return found | None if found is not None and type(None) in parts else found
