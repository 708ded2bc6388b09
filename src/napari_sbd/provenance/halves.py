"""What a recipe says of two halves of the data, held against itself and against a repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..agreement.resolution import SplitHalf, split_half_resolution, verdict_of
from ..micrograph import Micrograph
from ..repeat import denoiser_of

if TYPE_CHECKING:
    from .steps import Halves

_CORRELATION, _PERIOD = 0.01, 0.05  # absolute, relative: devices and precisions differ by less


def repeated(s: Halves, raw: Micrograph, made: Micrograph) -> SplitHalf:
    """Compare halves once more.

    Parameters
    ----------
    s
        What the recipe says.
    raw, made
        The raw image or movie, and what was made of it.

    Raises
    ------
    SBDError
        As ``split_half_resolution``.
    """
    if s.frame is not None:
        raw, made = (m.replace(data=np.asarray(m.data[s.frame])) for m in (raw, made))
    size: dict[str, Any] = {"pixel_size": made.pixel_size, "seed": s.seed}
    if made.gain is not None:
        size |= {"gain": made.gain, "offset": made.offset}
    if s.part is None and s.tuned_anew:
        return split_half_resolution(raw, made, **size)
    if s.part is not None:
        top, bottom, left, right = s.part
        raw = raw.replace(data=np.asarray(raw.data[top:bottom, left:right]))
    return split_half_resolution(raw, denoiser=denoiser_of(made, anew=s.tuned_anew), **size)


def within(s: Halves) -> list[str]:
    """Where it contradicts itself, in words."""
    if s.verdict == verdict_of(s.correlation):
        return []
    return [f"Its verdict on halves is {s.verdict!r}, and their correlation {s.correlation:g}."]


def unlike(s: Halves, found: SplitHalf) -> list[str]:
    """Where the repetition found something else, in words."""
    result = []
    if abs(found.correlation - s.correlation) > _CORRELATION:
        result.append(
            f"Its correlation of halves is {s.correlation:g}, and the repetition gives "
            f"{found.correlation:.2f}."
        )
    then = np.inf if s.resolution_px is None else s.resolution_px
    if not np.isclose(then, found.resolution_px, rtol=_PERIOD):
        result.append(
            f"Its resolution of halves is {then:g} px, and the repetition gives "
            f"{found.resolution_px:.3g} px."
        )
    return result
