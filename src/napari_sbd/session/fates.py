"""What becomes of the frames of a movie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import warn

Fate = Literal["denoised", "outlier-filled", "alone", "blank", "unreadable"]
DONE = "denoised", "outlier-filled", "alone"
"""Fates of the frames that the network has seen."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of the result.

    Parameters
    ----------
    index
        Its number in the result.
    values
        (Y, X) float32 in file units.
    fate
        Denoised, with outliers filled where there were any; with a movie network, frames that it
        would not have helped are denoised alone. Blank frames are left as they are, unreadable ones
        are NaN.
    reason
        Why it was not denoised, or alone.
    raw
        As it was read; None where nothing was.
    left_out
        (Y, X) bool, the outliers; None without any.
    """

    index: int
    values: np.ndarray
    fate: Fate = "denoised"
    reason: str = ""
    raw: np.ndarray | None = None
    left_out: np.ndarray | None = None

    @property
    def is_denoised(self) -> bool:
        """Whether the network has seen it."""
        return self.fate in DONE

    @property
    def filled(self) -> int:
        """How many of its pixels are outliers, which the result fills."""
        return 0 if self.left_out is None else int(self.left_out.sum())


def fate_with(mask: np.ndarray | None) -> Fate:
    """The fate of a frame that the network has seen, with its outliers."""
    return "denoised" if mask is None else "outlier-filled"


def with_fate(fates: Mapping[int, Fate], *wanted: str) -> list[int]:
    """The numbers of the frames that met one of some fates."""
    return sorted(index for index, fate in fates.items() if fate in wanted)


def warn_of(fates: Mapping[int, Fate], reasons: Mapping[int, str], part: bool = False) -> None:
    """Warn of frames of a movie, or of the part that was asked for, that were not denoised."""
    which = " of the result" if part else ""  # whose numbers are not those of the movie
    if blank := with_fate(fates, "blank"):
        warn(f"Frames {blank}{which} are blank or without beam and were left as they are.")
    if lost := with_fate(fates, "unreadable"):
        warn(f"Frames {lost}{which} could not be read and are NaN ({reasons[lost[0]]}).")
