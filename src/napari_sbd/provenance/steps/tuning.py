"""The gains of a step ``denoise``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ...denoising.settings import Plain, Seed, TuningRequest
from ...errors import SBDError
from ...repeat import same_gains
from .commands import options
from .script import Expression, Script, call

if TYPE_CHECKING:
    from .text import Text

_REQUEST = TuningRequest()
_DEFAULTS = _REQUEST.model_dump()
_LOSSES = {
    "thinning": "the prediction of counts that were put aside by binomial thinning",
    "sure": "Stein's unbiased risk estimate",
    "blind-spot": "the prediction of masked pixels from their neighbours",
    "resampling": "the recovery of the estimate from newly drawn noise",
}


class Request(Plain):
    """How ``gain_tune`` was called, and on what."""

    loss: str = _REQUEST.loss
    steps: Annotated[int, Field(ge=0)] = _REQUEST.steps
    frames: str | int = _REQUEST.frames


class Tuning(Plain):
    """The gains of a denoising: the gains themselves, and how they were found."""

    gains_sha256: str
    loss: str
    tune: Literal["gains", "all"]
    seed: Seed
    steps: int
    kept: bool
    reason: str
    on_this_image: bool = False
    tuned_on: list[int] | None = None
    requested: Request | None = None
    file: str | None = None
    gains: str | None = None

    def python(self, script: Script, given: dict[str, Any]) -> dict[str, Any]:
        """Arguments of ``denoise``; ``given`` are those that ``gain_tune`` takes, too."""
        if self.file is not None:
            return {"gain_tuning": self.file}
        if self.on_this_image and self.requested:
            asked = {**self.requested.model_dump(), "tune": self.tune}
            if asked == _DEFAULTS:
                return {"gain_tuning": True, "seed": self.seed}
            device = given.pop("device")
            arguments = {**given, **asked, "device": device, "seed": self.seed}
            code = call("sbd.gain_tune", (script.newest,), arguments, {**_DEFAULTS, "seed": 0})
        elif self.gains is not None:
            script.imports.add("from napari_sbd.gaintuning.tuned import from_text")
            code = f"from_text({self.gains!r})"
        else:
            raise SBDError("The gains are too many for the recipe to hold; save them with save().")
        script.lines.append(f"tuned = {code}")
        return {"gain_tuning": Expression("tuned")}

    def command(self) -> list[str]:
        """Options of ``denoise``."""
        if self.file is not None:
            return ["--gains", self.file]
        if not (self.on_this_image and self.requested):
            raise SBDError(
                "The gains were tuned on another image, which no command can repeat; copy the "
                "recipe as Python, or use napari-sbd rerun."
            )
        names = {"loss": "loss", "tune": "tune", "frames": "tune-frames", "steps": "tune-steps"}
        asked = {**self.requested.model_dump(), "tune": self.tune}
        given = {flag: asked[name] for name, flag in names.items()}
        usual = {flag: _DEFAULTS[name] for name, flag in names.items()}
        return ["--gain-tuning", *options({**given, "seed": self.seed}, {**usual, "seed": 0})]

    def settings(self, exact: bool) -> dict[str, Any]:
        """Settings with the gains of the recipe, or with how they are found on another image."""
        tuned = None
        if exact or not self.on_this_image:
            tuned = same_gains(self.gains, self.file, self.on_this_image, self.gains_sha256)
        if tuned is not None:
            return {"gain_tuning": tuned}
        asked = self.requested.model_dump() if self.requested else {}
        return {"gain_tuning": TuningRequest(**asked, tune=self.tune), "seed": self.seed}

    def cite(self, text: Text) -> None:
        """What was tuned to which image, how, and whether it helped."""
        what = "One gain per channel" if self.tune == "gains" else "All weights"
        image = "this image" if self.on_this_image else "another image"
        method = f"GainTuning {text.named('gaintuning')}"
        thinned = f" {text.named('thinning')}" if self.loss == "thinning" else ""
        if not self.kept:
            fate = "Held-out counts were not predicted better, so the untuned network was used."
        else:
            fate = "Held-out counts were predicted better than by the untuned network."
        text.say(
            f"{what} of the network {'was' if self.tune == 'gains' else 'were'} tuned to {image} "
            f"({method}) by {_LOSSES.get(self.loss, self.loss)}{thinned}, "
            f"seed {self.seed}. {fate}"
        )
