"""What a search for columns begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..agreement.evidence import Evidence, evidence
from ..agreement.pairs import is_denoised
from ..errors import SBDError, warn
from ..micrograph import Micrograph, PixelSize, unmasked
from ..micrograph.frames import as_micrograph, frame_told, lit_frames
from ..noise import counts as electrons
from ..noise.as_denoised import corrected_as
from ..region import Limits, limited

if TYPE_CHECKING:
    from ..agreement.pairs import Pair

_SQUARE = 1.05  # ratio of the sides of a pixel, up to which intensities are right to 0.3 %


@dataclass(frozen=True, eq=False)
class Images:
    """What columns are looked for in, and what judges them.

    Parameters
    ----------
    model
        The denoised image or movie.
    pair
        The same with the noisy one, in one unit; None where there is no noisy one.
    limits
        The part of the image in which columns count; None for all.
    """

    model: Micrograph
    pair: Pair | None
    limits: Limits | None = None

    @property
    def count(self) -> int:
        """Number of frames; 1 for an image."""
        return len(self.model.data) if self.model.is_movie else 1

    def blank(self) -> list[int]:
        """Numbers of the frames of a movie that are blank, without beam, or cannot be read."""
        if not self.model.is_movie:
            return []
        lit = lit_frames(self.model if self.pair is None else self.pair.data)
        return sorted(set(range(self.count)) - set(lit))

    @property
    def unseen(self) -> bool:
        """Whether nothing shows what a denoiser got wrong: there is its image alone."""
        return self.pair is None and is_denoised(self.model)

    def warn_if_unseen(self) -> None:
        """Warn that there will be no errors."""
        if self.unseen:
            warn(
                "The errors of columns are left empty, because a denoised image does not show what "
                "is wrong in it; give the noisy image that it was made from as well."
            )

    def frame(self, t: int) -> Images:
        """One frame, in memory."""
        model = self.model.data[t] if self.model.is_movie else self.model.data
        values = np.asarray(unmasked(model), np.float64)
        pair = None if self.pair is None else self.pair.frame(t)
        return Images(self.model.replace(data=values), pair, self.limits)

    def evidence(self, halves: bool) -> Evidence | None:
        """What judges a single image; None where its noise is unknown."""
        if self.pair is not None:
            return self.pair.evidence(None if halves else False)
        if self.model.gain is None:
            return None
        return evidence(self.model, self.model, False, block=1)

    def values(self, evidence: Evidence | None) -> tuple[np.ndarray, Any, Any]:
        """Denoised and noisy values in one unit, and the variance of noise that is not counts'."""
        if self.pair is None or evidence is None:
            return np.asarray(self.model.data), None, None
        return evidence.expected, evidence.noisy, None if evidence.counts else evidence.variance


def inputs(
    noisy: Any,
    denoised: Any,
    pixel_size: PixelSize | None,
    gain: float | None,
    offset: float | None,
    region: Any = None,
) -> Images:
    """The images as ``find_columns`` takes them.

    Raises
    ------
    SBDError
        If they do not belong together, one stands in the place of the other, or their pixels are
        not square.
    """
    noisy, denoised = _in_order(noisy, denoised)
    noisy, gain, offset = corrected_as(noisy, denoised, gain, offset)
    noisy, denoised, limits = limited(noisy, denoised, region)
    if noisy is None:
        model, pair = as_micrograph(denoised, pixel_size), None
        if model.gain is not None:
            electrons.counted(model)  # refuses a gain and an offset that leave no electrons
    else:
        from ..agreement.pairs import paired

        pair = paired(noisy, denoised, pixel_size, gain, offset)
        model = pair.model
    refuse_unless_square(model)
    return Images(model, pair, limits)


def refuse_unless_square(image: Micrograph) -> None:
    """Refuse an image whose columns cannot be fitted, before work is done on it.

    Raises
    ------
    SBDError
        If its pixels are not square.
    """
    height, width = image.pixel_size_yx or (1.0, 1.0)
    if not 1 / _SQUARE < height / width < _SQUARE:
        raise SBDError(
            f"The pixels measure {height:.4g} x {width:.4g} nm, and columns are fitted as circles "
            "on square pixels; sum or resample pixels until they are square."
        )


def recipe_of(images: Images, settings: dict[str, Any]) -> dict[str, Any]:
    """What repeats the search, with the steps ``before`` it that made the denoised image."""
    from ..recipe import history, origin_of, recipe

    model = images.model
    counts: dict[str, Any] = {"noisy": False}
    if images.pair is not None:
        data = images.pair.data
        raw = data.replace(metadata={})
        counts = {"noisy": origin_of(raw), "gain": data.gain, "offset": data.offset}
        counts |= frame_told(data, "noisy_frame")
    counts |= frame_told(model)
    origin = origin_of(model)
    entry = recipe("find_columns", origin, **settings, pixel_size=model.pixel_size, **counts)
    return {**entry, "before": [] if origin else history(model.metadata)}


def _in_order(noisy: Any, denoised: Any) -> tuple[Any, Any]:
    """Both images, refused or exchanged where one stands in the place of the other."""
    if denoised is None:
        if noisy is None:
            raise SBDError("There is no image; give the noisy image and the denoised one.")
        _say_order("find_columns(None, image) where there are no counts")
        return None, noisy
    if noisy is None:
        return noisy, denoised
    if is_denoised(noisy) and not is_denoised(denoised):
        _say_order("find_columns(noisy, denoised)")
        return denoised, noisy
    return noisy, denoised


def _say_order(call: str) -> None:
    warn(f"The noisy image comes first and the denoised one second; write {call}.", FutureWarning)
