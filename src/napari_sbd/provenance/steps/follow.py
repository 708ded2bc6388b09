"""The step ``follow_columns``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ...errors import SBDError
from ...units import number_of
from .commands import Commands
from .operation import Operation
from .plain import Positive
from .script import Script, call, defaults_of

if TYPE_CHECKING:
    from .follower import Follower
    from .text import Text


class Follow(Operation):
    """Settings of ``follow_columns``, after ``find_columns``; ``max_step`` [px], None for the
    default."""

    operation = "follow_columns"

    max_step: Positive | None = None
    memory: Annotated[int, Field(ge=0)] = 1
    drift: bool = True

    def python(self, script: Script) -> None:
        """Followed, and the table written."""
        from ...columns import follow_columns

        arguments, defaults = self.model_dump(), defaults_of(follow_columns)
        followed = call("sbd.follow_columns", ("columns",), arguments, defaults)
        script.lines.append(f"tracks = {followed}")
        script.ending = f'sbd.write_columns(tracks, "{script.target("_tracks.csv")}")'

    def command(self, commands: Commands) -> list[str]:
        """``columns`` with one option more."""
        if self != Follow():
            raise SBDError(
                "No command follows columns by a step or a memory of your own; copy the recipe as "
                "Python."
            )
        return [*commands.taken_back(), "--follow"]

    def do(self, follower: Follower) -> Any:
        """Follow those that were found."""
        from ...columns import follow_columns

        if follower.columns is None:
            raise SBDError("The recipe does not say how the columns that it follows were found.")
        return follow_columns(follower.columns, **self.model_dump())

    def cite(self, text: Text) -> None:
        """How far, and over how many frames."""
        step = "0.4 of their spacing"
        if self.max_step is not None:
            step = f"{self.max_step:g} px"
        drift = "after their common movement was taken out, " if self.drift else ""
        text.say(
            f"Columns were followed from frame to frame with {text.program}: one to one, {drift}"
            f"over at most {step}, and over {number_of(self.memory, 'frame')} of absence."
        )
