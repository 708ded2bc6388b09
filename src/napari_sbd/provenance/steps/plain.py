"""Values that settings of several kinds of steps have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError

from ...denoising.settings import Plain
from ...errors import SBDError, refusal, warn
from ...micrograph import Micrograph
from ...repeat import same_model

if TYPE_CHECKING:
    from ...networks import ModelCard

Positive = Annotated[float, Field(gt=0)]
PixelSize = Positive | tuple[Positive, Positive] | None


class Origin(Plain):
    """A file: absolute path, SHA-256 where it was known, and how it was read (``io.read``)."""

    path: str
    sha256: str | None = None
    sum_frames: Annotated[int, Field(ge=1)] = 1
    super_resolution: Literal[1, 2, 4] = 1

    @property
    def reading(self) -> dict[str, Any]:
        """Keywords of ``read`` that are not its defaults."""
        return self.model_dump(include={"sum_frames", "super_resolution"}, exclude_defaults=True)

    def cite(self) -> list[str]:
        """Sentences of what was done to the file's frames as it was read."""
        said = []
        if self.sum_frames > 1:
            said.append(
                f"Frames of the file were added, {self.sum_frames} to each that is spoken of here."
            )
        if self.super_resolution > 1:
            said.append(
                f"Electrons were counted in pixels of 1/{self.super_resolution} of the detector's "
                "along each axis."
            )
        return said


class Network(Plain):
    """A network for images; the path is that of a file of one's own."""

    model: str
    model_sha256: str
    model_path: str | None = None

    def card(self) -> ModelCard:
        """That of the model; errors as ``same_model`` raises them."""
        return same_model(self.model, self.model_sha256, self.model_path)

    def found_again(self) -> str:
        """What finds the model again: a path of one's own, or a name."""
        card = self.card()
        return str(card.path) if self.model_path else card.name

    def misnamed(self) -> list[str]:
        """A bundled model is known by its checksum, whatever name stands beside it."""
        from ...networks import models

        names = [card.name for card in models() if card.sha256 == self.model_sha256]
        if not names or self.model in names:
            return []
        return [f"Its model is {self.model!r}, and its checksum is that of {names[0]!r}."]


def not_understood(what: str, error: ValidationError) -> SBDError:
    """The error to raise for a part of a recipe, with the first field that is wrong."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return SBDError(
        f"{what} is not understood ({where}: {refusal(first)}); it was edited, or made by another "
        "version of napari-sbd."
    )


def calibration(pixel_size: Any, gain: float | None, offset: float) -> dict[str, Any]:
    """Pixel size [nm], gain and offset, as far as they are known."""
    known: dict[str, Any] = {}
    if pixel_size is not None:
        known["pixel_size"] = pixel_size
    if gain is not None:
        known["gain"] = gain
    if gain is not None or offset:
        known["offset"] = offset
    return known


def own_first(recipe: dict[str, Any], image: Micrograph) -> dict[str, Any]:
    """Pixel size, gain and offset of an image, and of a recipe what the image lacks.

    Parameters
    ----------
    recipe
        Pixel size, gain and offset.
    image
        Another one than that of the recipe.
    """
    own: dict[str, Any] = {"pixel_size": image.pixel_size, "gain": image.gain}
    taken = {k: recipe[k] for k, v in own.items() if v is None and recipe[k] is not None}
    offset = recipe["offset"] if "gain" in taken else image.offset
    for key, value in taken.items():
        what = key.replace("_", " ")
        told = " x ".join(
            f"{v:.6g}" for v in (value if isinstance(value, tuple | list) else [value])
        )
        warn(f"{image.name or 'The image'} has no {what}; that of the recipe, {told}, is taken.")
    return {**own, **taken, "offset": offset}
