"""A noisy and a denoised image that belong together, with or without a gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import sampling
from ..errors import SBDError, warn
from ..micrograph import Micrograph, PixelSize
from ..micrograph.foreign import ours
from ..micrograph.frames import as_micrograph, mean_filled
from ..noise import counts as electrons
from ..noise import level as noise
from ..noise.covariance import covariance_of
from ..noise.left_out import without_outliers
from ..recipe import block_of, history
from ..units import plain
from .evidence import Evidence, evidence
from .split_halves import Denoiser

_FALLBACK_BLOCK = 4  # pixels, where neither pixel size nor lattice tells
_NOISIER = 2.0  # times the noise of the other: that much a denoised image never has
_SAME_SIZE = 1e-3  # relative; files round pixel sizes
_ROUNDED = 1e-6  # relative; what single precision leaves of a value
_POISSON = 0.75, 1.3  # variance over mean of what passes for counts


@dataclass(frozen=True, eq=False)
class Pair:
    """Noisy and denoised image in one unit.

    Parameters
    ----------
    data, model
        Micrographs of one shape; both with a gain if ``counts``, without one otherwise.
    counts
        Whether the noise is that of electron counts.
    block
        Pixels along y and x at which noise is looked at.
    """

    data: Micrograph
    model: Micrograph
    counts: bool
    block: tuple[int, int]

    def frame(self, t: int) -> Pair:
        """One frame, in memory; an image is its own only frame."""
        return Pair(self.data.frame(t), self.model.frame(t), self.counts, self.block)

    def evidence(self, denoiser: Denoiser | bool | None = None, seed: int = 0) -> Evidence:
        """What judges a single image; see ``agreement.evidence``.

        Raises
        ------
        SBDError
            If both images are the same, and no gain tells the noise.
        """
        if not self.counts and self._same:
            raise SBDError(
                "Noisy and denoised image are the same, so nothing shows the noise; give the raw "
                "one and its result, or the gain."
            )
        return evidence(
            self.data,
            self.model,
            denoiser,
            block=max(self.block),
            counts=self.counts,
            seed=seed,
        )

    @property
    def _same(self) -> bool:
        """Whether nothing was removed but digits."""
        noisy, expected = (np.asarray(m.data, np.float64) for m in (self.data, self.model))
        most = _ROUNDED * np.nanmax(np.abs(noisy), initial=0.0)
        return not (np.abs(noisy - expected) > most).any()


def paired(
    noisy: Any,
    denoised: Any,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    order_known: bool = False,
) -> Pair:
    """Bring two images to one unit: electrons where they are counts, else their own.

    Parameters
    ----------
    noisy, denoised
        Micrographs or arrays of one shape.
    pixel_size
        nm; by default the micrographs' own.
    gain, offset
        Of the noisy image. Without a gain, whole numbers whose noise is that of electron counts
        are taken for such; with other noise a warning says that they are not.
    order_known
        Whether the one was certainly made from the other, so that its noise, which may be more
        where an image has next to none, says nothing of which is which.

    Raises
    ------
    SBDError
        If they differ in shape, unit or scale.
    """
    data, model = as_micrograph(noisy, None, gain, offset), as_micrograph(denoised)
    if pixel_size is None:
        _compare_sizes(data, model)
    size = pixel_size or model.pixel_size or data.pixel_size
    if data.gain is not None:
        data, model = electrons.pair(noisy, denoised, gain, offset)
        counts = True
    else:
        electrons.check_same_pixels(data, model)
        data, counts = without_outliers(data, model), False
    if not order_known:
        check_order(data, model)
    data, model = data.replace(pixel_size=size), model.replace(pixel_size=size)
    block = working_block(model)
    if not counts and _are_whole(data):
        excess = _excess(data, model, block)
        if excess is None:
            data, model = electrons.pair(data, model)
            counts = True
        else:
            warn(
                f"The noise has {_times(excess)} times the variance of electron counts, so these "
                "whole numbers are not taken for electrons, and errors come from the noise of the "
                "image itself; give gain and offset to judge by electrons."
            )
    if not counts:
        data, model = (m.replace(gain=None, offset=0.0) for m in (data, model))
    return Pair(data, model, counts, block)


def check_counted(data: Micrograph, model: Micrograph, block: tuple[int, int]) -> None:
    """Refuse whole numbers of which nobody told the gain and whose noise is not that of electrons.

    Parameters
    ----------
    data, model
        The noisy image, NaN for outliers, and the denoised one.
    block
        Pixels along y and x at which noise is looked at.

    Raises
    ------
    SBDError
        If they are such.
    """
    excess = _excess(data, model, block) if _are_whole(data) else None
    if excess is not None:
        raise SBDError(
            f"The noise has {_times(excess)} times the variance of electron counts, so these "
            "whole numbers are no electrons; give gain and offset, which the Detector tool "
            "estimates where the noise tells it."
        )


def _compare_sizes(data: Micrograph, model: Micrograph) -> None:
    """Warn where both images are calibrated, and each in another way."""
    told, size = data.pixel_size_yx, model.pixel_size_yx
    if told and size and not np.allclose(told, size, rtol=_SAME_SIZE):
        raw, made = (" x ".join(dict.fromkeys(plain(n, 4) for n in one)) for one in (told, size))
        warn(
            f"The pixels of the noisy image measure {raw} nm, those of the denoised one {made} nm, "
            "which is what lengths are told by; give both the right pixel size."
        )


def check_order(noisy: Micrograph, denoised: Micrograph) -> None:
    """Refuse images of one unit that stand in each other's place.

    Raises
    ------
    SBDError
        If the recipe says that the one given as noisy was denoised, or the other has more noise.
    """
    check_raw(noisy)
    if not is_denoised(denoised) and _level(denoised) > _NOISIER * _level(noisy):
        raise SBDError(
            "The image given as denoised has more noise than the noisy one; the noisy image comes "
            "first and the denoised one second."
        )


def check_raw(noisy: Micrograph) -> None:
    """Refuse a denoised image in the place of the noisy one.

    Raises
    ------
    SBDError
        If its recipe says that it was denoised.
    """
    if is_denoised(noisy):
        raise SBDError(
            "The image given as noisy was denoised, as its recipe says; give the raw one. The "
            "noisy image comes first and the denoised one second."
        )


def is_denoised(image: Any) -> bool:
    """Whether the recipe of an image says that a network made it."""
    known = ours(image)
    steps = history(known.metadata) if isinstance(known, Micrograph) else []
    return any(str(step.get("operation")).startswith("denoise") for step in steps)


def _level(image: Micrograph) -> float:
    """Of the noise in the first frame [electrons where the gain is known]."""
    frame = next(electrons.frames(image))
    if min(frame.shape) < 4 or not np.isfinite(frame).any():
        return 0.0
    return noise.noise_level(mean_filled(frame))


def working_block(model: Micrograph) -> tuple[int, int]:
    """Pixels along y and x at which the noise of a denoised image is looked at.

    Those that were summed for the network, where the recipe says; else the pixel size or the
    lattice tells.
    """
    if (block := block_of(model.metadata)) is not None:
        return block
    if model.pixel_size_yx is not None:
        return sampling.choose_bin(model.pixel_size_yx)
    frame = next(electrons.frames(model))
    if not np.isfinite(frame).any():
        return _FALLBACK_BLOCK, _FALLBACK_BLOCK
    return sampling.estimate_bin(mean_filled(frame)) or (_FALLBACK_BLOCK, _FALLBACK_BLOCK)


def _are_whole(data: Micrograph) -> bool:
    first = next(electrons.frames(data))
    return noise.are_whole(first) and bool((first > 0).any())


def _times(factor: float) -> str:
    return f"{factor:.2g}" if factor < 100 else f"{factor:,.0f}"


def _excess(data: Micrograph, model: Micrograph, block: tuple[int, int]) -> float | None:
    """Variance of what was removed over that of electron counts; None where they agree.

    Correlated noise may agree at the sums by chance, so its slow part must as well.
    """
    noisy, clean = (next(electrons.frames(m)) for m in (data, model))
    removed = sampling.bin_counts(noisy - clean, block)
    mean = float(np.nanmean(sampling.bin_counts(noisy, block)))
    ratio = noise.noise_level(mean_filled(removed)) ** 2 / mean
    margin = 4 * 3.6 / np.sqrt(removed.size)  # four standard errors of a variance
    if not _POISSON[0] - margin < ratio < _POISSON[1] + margin:
        return ratio
    variance = np.maximum(clean, max(1e-3 * float(np.nanmean(clean)), 1e-12))
    hanging = covariance_of(data.frame(0), noisy, clean, variance, block)
    return None if hanging is None or hanging.is_poisson else hanging.level
