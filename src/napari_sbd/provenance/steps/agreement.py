"""The step ``agreement``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .commands import Commands, options
from .operation import Operation
from .plain import Origin, PixelSize, Positive
from .script import Script, call

if TYPE_CHECKING:
    from .follower import Follower
    from .text import Text


class Agreement(Operation):
    """Settings of ``agreement`` of two files."""

    operation = "agreement"

    noisy: Origin | None
    pixel_size: PixelSize = None
    gain: Positive | None = None
    offset: float | None = None
    region: str | None = None

    def python(self, script: Script) -> None:
        """Judged, and the verdict printed."""
        given = self._given()
        names = [script.counts(self.noisy), script.newest]
        script.lines.append(f"judged = {call('sbd.agreement', names, given, dict.fromkeys(given))}")
        script.ending = "print(judged.verdict())"

    def command(self, commands: Commands) -> list[str]:
        """``agreement``."""
        given = self._given()
        words = ["agreement", commands.counts(self.noisy), commands.newest]
        target = commands.target("_agreement.png", commands.raw)
        return [*words, "-o", target, *options(given, dict.fromkeys(given))]

    def do(self, follower: Follower) -> Any:
        """Judge the newest image."""
        from ... import agreement

        return agreement(follower.counts(self.noisy), follower.newest, **self._given())

    def cite(self, text: Text) -> None:
        """The test."""
        text.say(
            f"The agreement of the denoised image with the raw counts was tested with "
            f"{text.program} at a false discovery rate of 5 % {text.named('fdr')}."
        )

    def _given(self) -> dict[str, Any]:
        return self.model_dump(include={"pixel_size", "gain", "offset", "region"})
