"""What a methods paragraph says of the camera: how its image was corrected and prepared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from ...noise.outliers import Outliers
from ...noise.whitening import NoiseSpectrum
from ...units import number_of


def corrected(
    dark: str | None = None, gain_reference: str | None = None, fixed_pattern: bool = False
) -> list[str]:
    """Sentences of references and of a pattern that was taken out.

    Parameters
    ----------
    dark, gain_reference
        Paths of files.
    fixed_pattern
        Whether the movie's own was.
    """
    said = []
    if dark:
        said.append(f"A dark reference ({_name(dark)}) was subtracted.")
    if gain_reference:
        said.append(f"A gain reference ({_name(gain_reference)}) was applied.")
    if fixed_pattern:
        said.append("The fixed pattern that the frames of the movie share was taken out.")
    return said


def prepared(
    seen: Mapping[str, Any] | None,
    filled: Mapping[int, int] | None,
    noise: str,
    sharpen: bool,
    movie: bool,
) -> list[str]:
    """Sentences of what was done for the network with what the camera made.

    Parameters
    ----------
    seen
        ``camera`` of the recipe.
    filled
        Pixels that were left out, by frame.
    noise
        "auto", or the path of a spectrum.
    sharpen
        Whether the result is as sharp as white noise makes it.
    movie
        Whether there is more than one frame.
    """
    seen, said, what = seen or {}, [], "movie" if movie else "image"
    if "noise" in seen:
        spectrum = NoiseSpectrum.from_dict(seen["noise"])
        source = "" if noise == "auto" else f", by the spectrum in {_name(noise)},"
        kept = ", and the result kept as sharp as that made it" if sharpen else ""
        said.append(
            f"The noise of the {what}, {spectrum}, was made white for the network{source}{kept}."
        )
    if "illumination_fall" in seen:
        said.append(
            f"Uneven illumination (a fall of {seen['illumination_fall']:.0%}) was evened out for "
            "the network and restored in the result."
        )
    if filled and movie:
        said.append(
            f"Outliers ({number_of(sum(filled.values()), 'pixel')} in "
            f"{number_of(len(filled), 'frame')}) were left out and filled in the result."
        )
    elif filled:
        kinds = str(Outliers(np.zeros((1, 1), bool), dict(seen.get("outliers", {}))))
        said.append(
            f"Outliers ({kinds.removesuffix(' left out') or sum(filled.values())}) were left out "
            "and filled in the result."
        )
    return said


def _name(path: str) -> str:
    return PurePath(path.replace("\\", "/")).name
