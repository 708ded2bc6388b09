"""What a recipe says of two halves of the data: cited, and held against a repetition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from ..agreement.resolution import LIMITED, SplitHalf, split_half_resolution, verdict_of
from ..denoising.settings import Plain, Seed
from ..micrograph import Micrograph
from ..recipe import HALVES
from ..region import made_in
from ..repeat import denoiser_of
from ..units import plain
from .steps.plain import PixelSize, Positive, not_understood

if TYPE_CHECKING:
    from .steps.text import Text

_CORRELATION, _PERIOD = 0.01, 0.05  # absolute, relative: devices and precisions differ by less
_WORDS = {"agree": "agree", "partly": "agree partly", "disagree": "disagree"}


class Halves(Plain):
    """What ``split_half_resolution`` found for a result; of ``frame``, where it is a movie, and of
    ``part``, rows from and to and columns from and to, where it is large. ``tuned_anew`` says
    whether gains that were tuned on the image were tuned on each half, ``limited`` whether the
    finest period that was looked at is the one that is told."""

    verdict: Literal["agree", "partly", "disagree"]
    correlation: Annotated[float, Field(ge=-1, le=1)]
    resolution_px: Positive | None
    seed: Seed
    limited: bool = False
    tuned_anew: bool = True
    frame: Seed | None = None
    part: tuple[Seed, Seed, Seed, Seed] | None = None

    def contradictions(self) -> list[str]:
        """Where it contradicts itself, in words."""
        if self.verdict == verdict_of(self.correlation):
            return []
        return [
            f"Its verdict on halves is {self.verdict!r}, and their correlation "
            f"{self.correlation:g}."
        ]

    def repeated(self, raw: Micrograph, made: Micrograph) -> SplitHalf:
        """Compare halves once more.

        Parameters
        ----------
        raw, made
            The raw image or movie, and what was made of it.

        Raises
        ------
        SBDError
            As ``split_half_resolution``.
        """
        if self.frame is not None:
            raw, made = (m.replace(data=np.asarray(m.data[self.frame])) for m in (raw, made))
        how: dict[str, Any] = {"pixel_size": made.pixel_size, "seed": self.seed}
        if made.gain is not None:
            how |= {"gain": made.gain, "offset": made.offset}
        if self.part is None and self.tuned_anew:
            return split_half_resolution(raw, made, **how)
        if self.part is not None:
            raw = raw.replace(data=_cut(raw, made, self.part))
        return split_half_resolution(raw, denoiser=denoiser_of(made, anew=self.tuned_anew), **how)

    def unlike(self, found: SplitHalf) -> list[str]:
        """Where a repetition found something else, in words."""
        result = []
        if abs(found.correlation - self.correlation) > _CORRELATION:
            result.append(
                f"Its correlation of halves is {self.correlation:g}, and the repetition gives "
                f"{found.correlation:.2f}."
            )
        then = np.inf if self.resolution_px is None else self.resolution_px
        if not np.isclose(then, found.resolution_px, rtol=_PERIOD):
            result.append(
                f"Its resolution of halves is {then:g} px, and the repetition gives "
                f"{found.resolution_px:.3g} px."
            )
        return result

    def cite(self, text: Text, pixel_size: PixelSize) -> None:
        """What the halves show, of an image of this pixel size [nm]."""
        of = "" if self.frame is None else f" of frame {self.frame}"
        finest = "no period beyond chance"
        if self.resolution_px is not None and pixel_size is None:
            finest = f"down to {self.resolution_px:.1f} px"
        elif self.resolution_px is not None and pixel_size is not None:
            y, x = pixel_size if isinstance(pixel_size, tuple) else (pixel_size, pixel_size)
            size = (y * x) ** 0.5
            finest = f"down to {plain(self.resolution_px * size)} nm"
        finest += f", {LIMITED}" if self.limited else ""
        text.say(
            f"Images{of} that were denoised in the same way from two halves of the data, "
            f"independent of each other, {_WORDS[self.verdict]} (correlation of the fine structure "
            f"{self.correlation:.2f}; Fourier ring correlation "
            f"{text.named('ring', 'frc', 'bit')} significant {finest})."
        )


def _cut(raw: Micrograph, made: Micrograph, part: tuple[int, int, int, int]) -> np.ndarray:
    """A part of an image, without what lies outside the region that was denoised."""
    top, bottom, left, right = part
    region = made_in(made)
    if region is None:
        return np.array(raw.data[top:bottom, left:right])
    limits = region.on(raw.shape)
    y, x = limits.corner
    return np.array(limits.cut(raw.data)[top - y : bottom - y, left - x : right - x])


def halves_of(recipe: Any) -> Halves | None:
    """What a recipe says of halves of the data; None where it says nothing.

    Raises
    ------
    SBDError
        If it is not understood.
    """
    kept = recipe.get(HALVES) if isinstance(recipe, Mapping) else None
    if kept is None:
        return None
    try:
        return Halves.model_validate(kept)
    except ValidationError as error:
        raise not_understood("What the recipe says of halves", error) from None
