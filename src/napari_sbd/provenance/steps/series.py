"""The steps ``denoise_series`` and ``pca_series``."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ...errors import SBDError
from ...series.classic import Method
from ...series.noises import Kind
from .commands import Commands, options
from .names import is_series_file
from .operation import Operation
from .plain import Origin, Positive
from .script import Script, call

if TYPE_CHECKING:
    from ...series.model import SeriesModel
    from .follower import Follower
    from .text import Text


_CITED: dict[str, tuple[str, ...]] = {
    "local-pca": ("a principal component analysis of small patches", "mppca", "shrinkage"),
    "dipy-mp-pca": ("MP-PCA, as DIPY has it,", "mppca", "dipy"),
    "dipy-local-pca": ("local PCA, as DIPY has it,", "lpca", "dipy"),
}
"""How a paper calls a method, and its references."""


class _Masked(Operation):
    """What works on a stack; the mask is False if there was none, None if it was in memory."""

    takes_series = True

    mask: Origin | Literal[False] | None

    @abstractmethod
    def words(self) -> dict[str, Any]:
        """Keywords of the function, and options of the command; the mask apart."""

    def python(self, script: Script) -> None:
        """Denoised and written."""
        mask = self._named_mask()
        arguments = {**self.words(), **({"mask": mask.path} if mask else {})}
        script.assign("denoised", call(f"sbd.{self.operation}", (script.newest,), arguments, {}))
        script.save("_denoised")

    def command(self, commands: Commands) -> list[str]:
        """``series denoise``."""
        source = commands.newest
        target = commands.target("_denoised." + ("nii.gz" if is_series_file(source) else "ome.tif"))
        mask = self._named_mask()
        masked = ["--mask", mask.path] if mask else []
        return ["series", "denoise", source, "-o", target, *options(self.words(), {}), *masked]

    def do(self, follower: Follower) -> Any:
        """Denoise the newest stack."""
        given = dict(follower.tools)
        mask = self._named_mask()
        if mask is not None:
            if not follower.exact:
                raise SBDError(
                    "The recipe's mask belongs to its own stack; denoise the other one with "
                    f"{self.operation} and a mask of its own."
                )
            given["mask"] = _same_file(mask, follower)
        follower.newest = self.done(follower, given)
        follower.compare(self)
        return follower.newest

    @abstractmethod
    def done(self, follower: Follower, given: dict[str, Any]) -> Any:
        """The newest stack denoised, with mask and tools that are given."""

    @property
    def within(self) -> str:
        """What a paper says of the mask."""
        return "" if self.mask is False else ", within a mask,"

    def _named_mask(self) -> Origin | None:
        """The file of the mask; None where there was no mask."""
        if self.mask is None:
            raise SBDError(
                "The mask was only in memory, so the result cannot be repeated; give "
                f"{self.operation} the path of a mask file."
            )
        return self.mask or None


class SeriesDenoise(_Masked):
    """Settings of ``denoise_series``; the path is None for a model that was only in memory."""

    operation = "denoise_series"

    model: str
    model_sha256: str
    model_path: str | None
    device: str

    def words(self) -> dict[str, Any]:
        """Model and device."""
        return {"model": self._file(), "device": self.device}

    def done(self, follower: Follower, given: dict[str, Any]) -> Any:
        """By the recipe's model."""
        from ...series import denoise_series

        device = follower.device(self.device)
        return denoise_series(follower.newest, self._trained(), device=device, **given)

    def cite(self, text: Text) -> None:
        """The network, and where its weights come from."""
        known = ", ".join([*text.versions, f"on {self.device}"])
        digest = f" (SHA-256 {self.model_sha256[:12]})" if self.model_sha256 else ""
        text.say(
            f"The stack was denoised along its first axis{self.within} with {text.program} "
            f"({known}) by a neural network that was trained on a low-noise acquisition (after "
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


class SeriesPCA(_Masked):
    """Settings of ``pca_series``; the level of the noise, and whether it was estimated."""

    operation = "pca_series"

    method: Method
    noise: Kind
    coils: Annotated[int, Field(ge=1, le=256)]
    level: Positive
    estimated: bool

    def words(self) -> dict[str, Any]:
        """Method and noise, as it was found."""
        return self.model_dump(include={"method", "noise", "coils", "level"})

    def done(self, follower: Follower, given: dict[str, Any]) -> Any:
        """A level that was estimated is estimated again."""
        from ...series import pca_series

        words = {**self.words(), **({"level": None} if self.estimated else {})}
        return pca_series(follower.newest, **words, **given)

    def cite(self, text: Text) -> None:
        """The method, and the noise."""
        known = ", ".join(text.versions)
        by, *sources = _CITED[self.method]
        found = "estimated from the stack" if self.estimated else "given"
        floor = ", whose floor was taken off" if self.noise in ("rician", "chi") else ""
        text.say(
            f"The stack was denoised along its first axis{self.within} with {text.program} "
            f"({known}) by {by} {text.named(*sources)}; the noise was taken as {self.noise} "
            f"of level {self.level:.4g}, {found}{floor}."
        )


def _same_file(mask: Origin, follower: Follower) -> Path:
    """The path of the recipe's mask, refused if it is another one now."""
    from ...files import file_checksum

    path = follower.find(mask)
    if mask.sha256 is not None and file_checksum(path) != mask.sha256:
        raise SBDError(f"The mask {path} is not that of the recipe (SHA-256 differs).")
    return path
