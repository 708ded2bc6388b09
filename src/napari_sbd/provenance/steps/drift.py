"""The step ``correct_drift``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ...errors import SBDError
from .camera import corrected
from .commands import Commands, options
from .operation import Operation
from .plain import Network, PixelSize, Positive, own_first
from .script import WRITTEN, Script, call, defaults_of

if TYPE_CHECKING:
    from ...movie import Drift
    from .follower import Follower
    from .text import Text


class Estimated(Network):
    """How ``estimate_drift`` was called; lengths in nm."""

    device: str
    pixel_size: PixelSize
    jitter: Positive
    largest_step: Positive
    dark: str | None = None
    gain_reference: str | None = None
    fixed_pattern: bool = False

    @property
    def camera(self) -> dict[str, Any]:
        """How the movie was corrected first, as far as it was."""
        told = self.model_dump(include={"dark", "gain_reference", "fixed_pattern"})
        return {name: value for name, value in told.items() if value}


class Drifting(Operation):
    """Settings of ``correct_drift``: the shifts y, x [px] of each frame as they were taken out, and
    how they were found, None where nobody knows."""

    operation = "correct_drift"

    interpolate: bool
    edges: Literal["pad", "crop"]
    counts: bool
    shifts: Annotated[list[tuple[float, float]], Field(min_length=1)]
    estimated: Estimated | None

    def python(self, script: Script) -> None:
        """Estimated, taken out and written."""
        from ...movie import correct_drift, estimate_drift

        how, movie = self._how(), script.newest
        arguments = {"model": how.model_path or how.model, "device": how.device}
        arguments |= how.camera
        arguments |= how.model_dump(include={"pixel_size", "jitter", "largest_step"})
        defaults = defaults_of(estimate_drift, WRITTEN)
        script.lines.append(f"drift = {call('sbd.estimate_drift', (movie,), arguments, defaults)}")
        given = {"interpolate": self.interpolate, "edges": self.edges}
        names = movie, "drift"
        script.assign(movie, call("sbd.correct_drift", names, given, defaults_of(correct_drift)))
        script.save("_corrected")

    def command(self, commands: Commands) -> list[str]:
        """``drift``."""
        from ...movie.track import JITTER, REACH

        how, source = self._how(), commands.newest
        commands.raw = commands.target("_corrected.ome.tif")
        flags = {"--interpolate": self.interpolate, "--crop": self.edges == "crop"}
        words = [flag for flag, given in flags.items() if given]
        words += options({"pixel_size": how.pixel_size}, {"pixel_size": None})
        words += options(how.camera, {})
        words += ["--model", how.model_path or how.model]
        lengths = {"jitter": how.jitter, "largest-step": how.largest_step}
        words += options(lengths, {"jitter": JITTER, "largest-step": REACH})
        return ["drift", source, "-o", commands.raw, *words, "--device", how.device]

    def do(self, follower: Follower) -> Any:
        """Take out the recipe's shifts; of another movie, its own."""
        from ...movie import correct_drift, estimate_drift

        movie, drift = follower.newest, self._recorded()
        if not follower.exact:
            how = self._how()
            given = how.model_dump(include={"jitter", "largest_step"})
            size = {"pixel_size": how.pixel_size, "gain": None, "offset": movie.offset}
            movie = movie.replace(pixel_size=own_first(size, movie)["pixel_size"])
            given |= {"model": how.found_again(), "device": follower.device(how.device)}
            given |= how.camera
            drift = estimate_drift(movie, **given, **follower.tools)
        follower.raw = follower.newest = correct_drift(movie, drift, self.interpolate, self.edges)
        return follower.newest

    def cite(self, text: Text) -> None:
        """How it was found and taken out."""
        how = "by cubic splines" if self.interpolate else "by whole pixels"
        found = "The drift of the movie"
        if self.estimated is not None:
            found += (
                f", estimated by registering frames denoised with the network "
                f"{self.estimated.model!r} (SHA-256 {self.estimated.model_sha256[:12]}; "
                f"simulation-based denoising {text.named('sbd', 'vincent')}) on those before them,"
            )
        text.say(f"{found} was taken out {how} with {text.program}.")
        if self.estimated is not None and (first := corrected(**self.estimated.camera)):
            text.say("For the estimate, the movie was corrected first.", *first)

    def contradictions(self, result: Any) -> list[str]:
        """Of the network's name."""
        return self.estimated.misnamed() if self.estimated else []

    def _how(self) -> Estimated:
        """How the drift is found again."""
        if self.estimated is None:
            raise SBDError(
                "The recipe does not say how its drift was found, so it cannot be found again; "
                "napari-sbd rerun repeats the result with the shifts of the recipe."
            )
        return self.estimated

    def _recorded(self) -> Drift:
        from ...movie import Drift

        count = len(self.shifts)
        unknown = np.full(count, np.nan)
        how = self.estimated.model_dump() if self.estimated else None
        return Drift(np.array(self.shifts), np.zeros((count, 2)), unknown, unknown, estimated=how)
