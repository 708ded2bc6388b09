"""The step ``denoise_series``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...errors import SBDError
from .commands import Commands
from .names import is_series_file
from .operation import Operation
from .plain import Origin
from .script import Script, call

if TYPE_CHECKING:
    from ...series.model import SeriesModel
    from .follower import Follower
    from .text import Text


class SeriesDenoise(Operation):
    """Settings of ``denoise_series``; the path is None for a model that was only in memory, the
    mask False where there was none, None where it was in memory."""

    operation = "denoise_series"
    takes_series = True

    model: str
    model_sha256: str
    model_path: str | None
    device: str
    mask: Origin | Literal[False] | None

    def python(self, script: Script) -> None:
        """Denoised and written."""
        arguments: dict[str, Any] = {"model": self._file(), "device": self.device}
        if mask := self._mask():
            arguments["mask"] = mask.path
        script.assign("denoised", call("sbd.denoise_series", (script.newest,), arguments, {}))
        script.save("_denoised")

    def command(self, commands: Commands) -> list[str]:
        """``series denoise``."""
        source = commands.newest
        target = commands.target("_denoised." + ("nii.gz" if is_series_file(source) else "ome.tif"))
        mask = self._mask()
        masked = ["--mask", mask.path] if mask else []
        given = ["--model", self._file(), *masked, "--device", self.device]
        return ["series", "denoise", source, "-o", target, *given]

    def do(self, follower: Follower) -> Any:
        """Denoise the newest stack."""
        from ...files import file_checksum
        from ...series import denoise_series

        options = {"device": follower.device(self.device), **follower.tools}
        mask = self._mask()
        if mask is not None:
            if not follower.exact:
                raise SBDError(
                    "The recipe's mask belongs to its own stack; denoise the other one with "
                    "denoise_series and a mask of its own."
                )
            path = follower.find(mask)
            if mask.sha256 is not None and file_checksum(path) != mask.sha256:
                raise SBDError(f"The mask {path} is not that of the recipe (SHA-256 differs).")
            options["mask"] = path
        follower.newest = denoise_series(follower.newest, self._trained(), **options)
        follower.compare(self)
        return follower.newest

    def cite(self, text: Text) -> None:
        """The network, and where its weights come from."""
        known = ", ".join([*text.versions, f"on {self.device}"])
        digest = f" (SHA-256 {self.model_sha256[:12]})" if self.model_sha256 else ""
        where = "" if self.mask is False else ", within a mask,"
        text.say(
            f"The stack was denoised along its first axis{where} with {text.program} ({known}) by "
            f"a neural network that was trained on a low-noise acquisition (after "
            f"{text.named('series')}); the network was {self.model!r}{digest}."
        )

    def _file(self) -> str:
        """The path of the model."""
        if self.model_path is None:
            raise SBDError(
                f"The model {self.model!r} was only in memory, so the result cannot be repeated; "
                "save the model with save() and give denoise_series its path."
            )
        return self.model_path

    def _mask(self) -> Origin | None:
        """The file of the mask; None where there was no mask."""
        if self.mask is None:
            raise SBDError(
                "The mask was only in memory, so the result cannot be repeated; give "
                "denoise_series the path of a mask file."
            )
        return self.mask or None

    def _trained(self) -> SeriesModel:
        from ...series import load_series_model

        path = Path(self._file())
        if not path.is_file():
            raise SBDError(
                f"The model {path} is not there any more, so the result cannot be repeated; put "
                "it back."
            )
        trained = load_series_model(path)
        if trained.card.sha256 != self.model_sha256:
            raise SBDError(
                f"The model {path} is another one than that of the recipe (SHA-256 "
                f"{self.model_sha256[:12]}...); the result cannot be repeated with it."
            )
        return trained
