"""How an image is denoised: every choice, its default and its check, once."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..errors import SBDError, refusal
from ..networks.choice import Modality

Function = TypeVar("Function", bound=Callable[..., Any])
Quality = Literal["fast", "best"]
PixelSize = float | tuple[float, float]
Seed = Annotated[int, Field(ge=0)]

NEIGHBOURS = 4
"""Frames on each side of a movie's frame that help, where help is asked for."""


class Plain(BaseModel):
    """Data of known names and types, which do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TuningRequest(Plain):
    """How a model is to be tuned to an image, as ``gain_tune`` takes it."""

    loss: str = "auto"
    tune: str = "gains"
    steps: int = 100
    frames: str | int = "reference"


class Repeated(Plain):
    """Settings that a recipe keeps, and a script or command repeats, as they stand."""

    quality: Annotated[Quality, Field(description="fast or best.")] = "fast"
    neighbours: Annotated[
        int, Field(description="Frames on each side of a movie's frame that help to denoise it.")
    ] = 0
    seed: Annotated[Seed, Field(description="Of gain tuning and neighbours.")] = 0
    dark: Annotated[
        str | None, Field(description="Dark image or movie, recorded without beam; subtracted.")
    ] = None
    gain_reference: Annotated[
        str | None, Field(description="Image of even light, by which frames are divided.")
    ] = None
    fixed_pattern: Annotated[
        bool, Field(description="Take out the pattern that all frames of a movie share.")
    ] = False
    outliers: Annotated[
        bool, Field(description="Leave out hot and dead pixels, X-rays, lines, annotations.")
    ] = True
    noise: Annotated[
        str,
        Field(description="auto looks whether noise is correlated, white says no; or a file."),
    ] = "auto"
    illumination: Annotated[bool, Field(description="Even out uneven light.")] = True
    sharpen: Annotated[
        bool, Field(description="Correct the result for the camera's point spread.")
    ] = False
    region: Annotated[
        str | None,
        Field(description="Part of the image, Y0:Y1,X0:X1 or corners 'Y,X Y,X Y,X' [px]."),
    ] = None

    def files(self) -> dict[str, str]:
        """Paths of references and of a noise spectrum, by the names of their settings."""
        asked = {name: getattr(self, name) for name in ("dark", "gain_reference", "noise")}
        return {n: path for n, path in asked.items() if path not in (None, "", "auto", "white")}

    @field_validator("region", mode="before")
    @classmethod
    def _drawn(cls, value: Any) -> str | None:
        from ..region import Region

        return None if isinstance(value, str | None) and not value else str(Region.of(value))

    @field_validator("dark", "gain_reference", "noise", mode="before")
    @classmethod
    def _path(cls, value: Any, about: ValidationInfo) -> Any:
        if not isinstance(value, str | Path | None):
            what, other = "the path of a file", "apply_references takes images and arrays"
            if about.field_name == "noise":
                what, other = "'auto', 'white' or the path of a file", "save the spectrum first"
            raise ValueError(
                f"The setting {about.field_name} is {what}, which a recipe can name, "
                f"not a {type(value).__name__}; {other}."
            )
        return str(value) if isinstance(value, Path) else value

    @field_validator("quality", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value not in ("fast", "best"):
            raise ValueError(f"The quality is 'fast' or 'best', not {value!r}.")
        return value

    @field_validator("neighbours", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> int:
        if value is None:
            return 0
        try:
            count = int(value)
        except (TypeError, ValueError, OverflowError):
            count = -1
        if count != value or count < 0:
            raise ValueError(f"The neighbours are a whole number from 0 up, not {value!r}.")
        return count


class Settings(Repeated):
    """How an image or movie is denoised.

    Parameters
    ----------
    model
        ``"auto"`` takes the bundled model that predicts held-out pixels best
        (``networks.choice``); or a name from ``models()``, or the path of a ``.safetensors`` file.
    modality
        ``"phase contrast"`` or ``"dark field"`` where that is known: then ``model="auto"`` looks
        among the models of that kind only, as it does where the file names a scanning detector.
    quality
        ``"fast"`` is one pass of the network; ``"best"`` averages over the 8 flips and turns of the
        image and over shifted grids of blocks.
    gain_tuning
        True adapts the model to the image first, as ``gain_tune`` does by default, a
        ``TuningRequest`` as that says; what ``gain_tune`` returned, or the path where that was
        saved, is applied as it is.
    neighbours
        Frames on each side of a movie's frame whose counts help to denoise it, as in
        ``denoise_movie``; 0 denoises each frame alone.
    frames
        Of a movie, a range without a step, as a slice or as text (``"3:7"``), or one number; all by
        default.
    seed
        Of gain tuning and neighbours; nothing else is drawn at random.
    dark, gain_reference
        Files of an image or movie recorded without beam, which is subtracted, and of one recorded
        in even light, by which is divided (``apply_references``).
    fixed_pattern
        Whether the pattern that all frames of a movie share is estimated and taken out
        (``estimate_fixed_pattern``), where no gain reference was recorded and the scene moves.
    outliers
        Whether hot and dead pixels, X-rays, lines, annotations and the like are looked for, taken
        as pixels without data, and filled in the result.
    noise
        ``"auto"`` looks whether the noise of neighbours is correlated, as scintillators and
        interpolation make it; where it is, it is made white for the network, and the result is the
        expected image as this camera sees it. ``"white"`` takes it for independent. Or the file of
        a noise spectrum (``estimate_noise_spectrum``).
    illumination
        Whether uneven illumination is looked for, taken off for the network and put back.
    sharpen
        Whether the result is to be corrected for the point spread of a camera with correlated
        noise.
    region
        Part of the image: ``"0:256,100:356"`` (rows, columns, half-open, [px]) or
        ``((0, 256), (100, 356))``; or the corners of a polygon, ``"10,20 80,20 45,90"`` or (N, 2)
        y, x. The rectangle around it is denoised as an image of its own, which also decides model,
        dose and level; pixels outside of it are NaN. ``agreement`` and ``find_columns`` then take
        nothing but the region.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    pixel_size
        nm, one number or (y, x); by default the micrograph's own. Where unknown, the working
        sampling is taken from the lattice in the power spectrum.
    gain, offset
        File units per electron, and at zero electrons; by default the micrograph's own. Of frames
        that are denoised alone they only tell the dose, on which warnings depend; the result does
        not, since the network is scale-equivariant.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: Annotated[
        str,
        Field(description="auto, a bundled model, or a .safetensors file."),
    ] = "auto"
    modality: Annotated[
        Modality,
        Field(description="auto, 'phase contrast' or 'dark field': among which models auto looks."),
    ] = "auto"
    gain_tuning: Any = False
    frames: Annotated[
        str | None, Field(description="START:STOP or one number; all by default.")
    ] = None
    device: Annotated[str, Field(description="auto, cpu, cuda, cuda:N or mps.")] = "auto"
    pixel_size: Annotated[PixelSize | None, Field(description="nm; overrides the file.")] = None
    gain: Annotated[float | None, Field(description="File units per electron.")] = None
    offset: Annotated[float | None, Field(description="File units at zero electrons.")] = None

    @classmethod
    def of(cls, **given: Any) -> Settings:
        """Settings from what a user gave.

        Raises
        ------
        SBDError
            If there is no such setting, or it cannot have that value.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            raise SBDError(_sentence(error)) from None

    @property
    def calibration(self) -> dict[str, Any]:
        """Pixel size, gain and offset, None where the micrograph's own are taken."""
        return {name: getattr(self, name) for name in ("pixel_size", "gain", "offset")}

    @property
    def tuning(self) -> TuningRequest | None:
        """How the model is tuned to the image first; None where it is not."""
        asked = self.gain_tuning
        return (
            (TuningRequest() if asked else None)
            if isinstance(asked, bool)
            else (asked if isinstance(asked, TuningRequest) else None)
        )

    @property
    def camera(self) -> dict[str, Any]:
        """What ``noise.camera.look_at`` is told."""
        return {n: getattr(self, n) for n in ("noise", "outliers", "illumination", "sharpen")}

    def repeated(self) -> dict[str, Any]:
        """What a recipe keeps as it stands."""
        return self.model_dump(include=set(Repeated.model_fields))

    @field_validator("model", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    @field_validator("modality", mode="before")
    @classmethod
    def _kind(cls, value: Any) -> Any:
        known = get_args(Modality)
        if value not in known:
            raise ValueError(f"The modality is {', '.join(map(repr, known))}, not {value!r}.")
        return value

    @field_validator("pixel_size", "gain", "offset", mode="before")
    @classmethod
    def _calibrated(cls, value: Any, info: ValidationInfo) -> Any:
        from ..micrograph import Micrograph

        name = info.field_name or ""
        told = {} if value is None else {name: value}
        return getattr(Micrograph([[0.0]], **told), name) if told else None

    @field_validator("frames", mode="before")
    @classmethod
    def _range(cls, value: Any) -> str | None:
        from ..micrograph.frames import range_text

        return None if value in (None, "") else range_text(value)

    @field_validator("gain_tuning", mode="before")
    @classmethod
    def _tuned_how(cls, value: Any) -> Any:
        if isinstance(value, str | Path):
            return Path(value)
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, TuningRequest) or hasattr(value, "changes"):
            return value
        raise ValueError(
            "The gain tuning is True or False, what gain_tune returned, or the path where that was "
            f"saved, not {value!r}."
        )

    @model_validator(mode="after")
    def _makes_sense(self) -> Settings:
        if self.neighbours and self.gain_tuning is not False:
            raise ValueError("Neighbours cannot be combined with gain tuning or saved gains.")
        return self


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"There is no option {name!r}; there are {', '.join(Settings.model_fields)}."
    if "error" in first.get("ctx", {}):
        return str(first["ctx"]["error"])
    return f"The setting {name} is wrong: {refusal(first)}."


def takes_settings(function: Function) -> Function:
    """Show the fields of ``Settings`` in the signature and the help in place of ``**settings``."""
    own = signature(function).parameters.values()
    named = [p for p in own if p.kind is not Parameter.VAR_KEYWORD]
    first = [p for p in named if p.kind is not Parameter.KEYWORD_ONLY]
    fields = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=f.default, annotation=f.annotation)
        for name, f in Settings.model_fields.items()
        if name not in {p.name for p in named}
    ]
    rest = [p for p in named if p.kind is Parameter.KEYWORD_ONLY]
    function.__signature__ = signature(function).replace(parameters=[*first, *fields, *rest])  # type: ignore[attr-defined]
    explained = (Settings.__doc__ or "").partition("----------\n")[2].rstrip()
    own_doc, mark, after = (function.__doc__ or "").partition("    **settings\n")
    if mark:
        after = after.partition("\n")[2]  # the line that says whose fields they are
        function.__doc__ = f"{own_doc}{explained}\n{after}"
    return function
