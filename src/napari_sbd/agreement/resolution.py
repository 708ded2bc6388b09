"""How far the images denoised from two halves of the electrons agree.

The electrons are dealt to two halves, which are independent, and each is denoised. What both
images show alike comes from the sample; what one of them shows alone comes from its noise or from
the denoiser. The Fourier ring correlation (van Heel, Ultramicroscopy 21 (1987) 95) says so for
each spatial frequency, the local correlation for each place. What a denoiser makes of any data
alike it cannot show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import as_micrograph, mean_filled
from ..noise import counts as electrons
from ..noise.as_denoised import corrected_as
from ..region import limited
from ..units import plain
from .pairs import paired
from .ring_correlation import local_correlation, ring_correlation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Verdict = Literal["agree", "partly", "disagree"]

_FIXED = 0.143  # Rosenthal and Henderson, J. Mol. Biol. 333 (2003) 721
LIMITED = "the finest period that was looked at"
_ALIKE, _APART = 0.75, 0.4  # correlation from which halves agree, below which they disagree


@dataclass(frozen=True, eq=False)
class SplitHalf:
    """Agreement of the images denoised from two halves of the data.

    Parameters
    ----------
    frequency
        (R,) spatial frequency of the rings [1/px; where pixels are not square, of their mean size].
    frc
        (R,) Fourier ring correlation of the halves.
    half_bit
        (R,) the half-bit criterion for rings of these sizes (van Heel and Schatz, J. Struct. Biol.
        151 (2005) 250).
    chance
        (R,) what noise alone does not reach in such rings.
    map
        (Y, X) float32, correlation of the halves' fine structure around each pixel, -1 to 1; about
        0 where they show nothing in common, also in vacuum.
    correlation
        The same over the whole image.
    pixel_size_nm
        Of a pixel, the geometric mean where it is not square; None where unknown.
    halves
        (2, Y, X) float32 the two images, at the scale of the whole.
    seed
        Of the halves.

    Examples
    --------
    >>> halves = sbd.split_half_resolution(noisy, denoised)
    >>> halves.verdict()
    'agree'
    >>> kept = halves.noted_in(denoised)  # written, cited and repeated with the image
    >>> "two halves" in sbd.cite(kept)
    True
    >>> list(halves.table())
    ['frequency', 'period_px', 'period_nm', 'frc', 'half_bit', 'chance']
    """

    frequency: np.ndarray = field(repr=False)
    frc: np.ndarray = field(repr=False)
    half_bit: np.ndarray = field(repr=False)
    chance: np.ndarray = field(repr=False)
    map: np.ndarray = field(repr=False)
    correlation: float
    pixel_size_nm: float | None
    halves: np.ndarray = field(repr=False)
    seed: int = 0

    def facts(self, **how: Any) -> dict[str, Any]:
        """What a recipe holds, as plain values; see ``provenance.halves.Halves``.

        Parameters
        ----------
        **how
            ``frame``, ``part`` and ``tuned_anew``, where they are not the defaults.
        """
        finest = self.resolution_px
        return {
            "verdict": self.verdict(),
            "correlation": round(self.correlation, 4),
            "resolution_px": round(finest, 4) if np.isfinite(finest) else None,
            "seed": self.seed,
            **({"limited": True} if self.limited else {}),
            **how,
        }

    def noted_in(self, denoised: Micrograph, frame: int | None = None) -> Micrograph:
        """The denoised image with this in its recipe, where ``cite`` and ``rerun`` find it.

        Parameters
        ----------
        denoised
            The image or movie that was compared, made by ``denoise``.
        frame
            Of a movie, the one that was compared.

        Raises
        ------
        SBDError
            If it carries no recipe.
        """
        from ..recipe import with_halves

        return with_halves(denoised, self.facts(**({} if frame is None else {"frame": frame})))

    @property
    def resolution_px(self) -> float:
        """Finest period that both halves show alike [px]: the last ring above all criteria.

        The last and not the first crossing counts, since a crystal has power on few rings and
        nothing in between. Infinite where no ring passes.
        """
        passed = self._passed
        return float(1 / self.frequency[passed].max()) if passed.any() else float("inf")

    @property
    def limited(self) -> bool:
        """Whether the finest ring that is looked at passes: finer periods may agree as well."""
        return bool(len(self.frc) and self._passed[-1])

    @property
    def _passed(self) -> np.ndarray:
        """(R,) rings above all criteria."""
        result: np.ndarray = (self.frc > _FIXED) & (self.frc > self.half_bit)
        return result & (self.frc > self.chance)

    @property
    def resolution_nm(self) -> float | None:
        """``resolution_px`` in nm; None where the pixel size is unknown."""
        return None if self.pixel_size_nm is None else self.resolution_px * self.pixel_size_nm

    def table(self) -> pd.DataFrame:
        """One row for each ring: frequency [1/px], period [px, nm], frc, half_bit, chance."""
        import pandas as pd

        columns = {"frequency": self.frequency, "period_px": 1 / self.frequency}
        if self.pixel_size_nm is not None:
            columns["period_nm"] = self.pixel_size_nm / self.frequency
        columns |= {"frc": self.frc, "half_bit": self.half_bit, "chance": self.chance}
        return pd.DataFrame(columns)

    def figure(self) -> Figure:
        """The map, and the curve with its criteria."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4.5), layout="constrained")
        place, curve = figure.subplots(1, 2)
        shown = place.imshow(self.map, cmap="viridis", vmin=0, vmax=1)
        figure.colorbar(shown, label="correlation of the halves", extend="min")
        place.set(xlabel="x [px]", ylabel="y [px]")
        size, unit = self.pixel_size_nm or 1.0, "px" if self.pixel_size_nm is None else "nm"
        frequency = self.frequency / size
        curve.plot(frequency, self.frc, label="halves")
        curve.plot(frequency, self.half_bit, "--", label="half bit")
        curve.axhline(_FIXED, color="grey", lw=1, label=f"{_FIXED}")
        curve.set(xlabel=f"spatial frequency [1/{unit}]", ylabel="Fourier ring correlation")
        curve.set_ylim(-0.3, 1.05)
        curve.legend()
        figure.suptitle(str(self), fontsize="small")
        return figure

    def verdict(self) -> Verdict:
        """In one word: do the halves agree, partly, or disagree?"""
        return verdict_of(self.correlation)

    def __str__(self) -> str:
        """In a sentence."""
        size = f"{self.resolution_px:.1f} px"
        if self.resolution_nm is not None:
            size = f"{plain(self.resolution_nm)} nm"
        size += f", {LIMITED}" if self.limited else ""
        finest = f"down to {size}" if np.isfinite(self.resolution_px) else "no period beyond chance"
        return (
            f"The images made from two halves of the data {_WORDS[self.verdict()]} "
            f"(correlation {self.correlation:.2f}, {finest})."
        )


def verdict_of(correlation: float) -> Verdict:
    """In one word, what a correlation of halves says."""
    if correlation >= _ALIKE:
        return "agree"
    return "partly" if correlation >= _APART else "disagree"


_WORDS = {"agree": "agree", "partly": "agree partly", "disagree": "disagree"}


def split_half_resolution(
    noisy: Any,
    denoised: Any = None,
    *,
    denoiser: Callable[[np.ndarray], np.ndarray] | None = None,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    seed: int = 0,
) -> SplitHalf:
    """Denoise two halves of the data apart, and say how far the two images agree.

    Parameters
    ----------
    noisy
        A micrograph or array (Y, X). Electrons are dealt out one by one; data that are no counts
        are split by noise of their own variance.
    denoised
        What was made of it: its recipe says by which denoiser. Frames of a movie are looked at one
        by one.
    denoiser
        Instead, a function from an array in electrons to its estimate.
    pixel_size, gain, offset
        nm; file units per electron, and at zero electrons; by default the micrograph's own.
    seed
        Of the halves.

    Returns
    -------
    SplitHalf
        ``.frc``, ``.resolution_nm``, ``.map``, ``.verdict()``.

    Raises
    ------
    SBDError
        If the denoiser is not known, the images do not belong together, or it is a movie.

    Examples
    --------
    >>> halves = sbd.split_half_resolution(noisy, denoised)
    >>> print(halves)
    The images made from two halves of the data agree ...
    """
    if denoised is None and denoiser is None:
        raise SBDError("Give the denoised image, whose recipe tells the denoiser, or the denoiser.")
    made_here = denoised is None
    if made_here:
        denoised = _estimate(as_micrograph(noisy, None, gain, offset), denoiser)
    noisy, gain, offset = corrected_as(noisy, denoised, gain, offset)
    noisy, denoised, limits = limited(noisy, denoised)
    pair = paired(noisy, denoised, pixel_size, gain, offset, order_known=made_here)
    if pair.data.is_movie:
        raise SBDError("Halves are compared for one image; take one frame of the movie.")
    judged, block, shape = pair.evidence(denoiser, seed), pair.block, pair.data.shape
    size = pair.model.pixel_size_yx
    if judged.trials is None:
        raise SBDError(
            "The denoised image does not say which denoiser made it; denoise the raw image again, "
            "or give the denoiser."
        )
    halves = [mean_filled(e) for e in judged.estimates]
    coarse = [sampling.bin_counts(e, block) / (block[0] * block[1]) for e in halves]
    mean = None if size is None else float(np.sqrt(size[0] * size[1]))
    step: tuple[float, float] = block  # of rings that are round in the specimen
    if size is not None and mean and size[0] != size[1]:
        step = block[0] * size[0] / mean, block[1] * size[1] / mean
    frequency, frc, half_bit, chance = ring_correlation(coarse[0], coarse[1], step)
    local, whole = local_correlation(coarse[0], coarse[1])
    fine = local.repeat(block[0], 0).repeat(block[1], 1)[: shape[0], : shape[1]]
    fine, both = fine.astype(np.float32), np.stack(halves).astype(np.float32)
    return SplitHalf(
        frequency=frequency,
        frc=frc,
        half_bit=half_bit,
        chance=chance,
        map=fine if limits is None else limits.whole(fine),
        correlation=whole,
        pixel_size_nm=mean,
        halves=both if limits is None else limits.whole(both),
        seed=seed,
    )


def _estimate(noisy: Micrograph, denoiser: Any) -> Micrograph:
    """The denoised image in the units of the noisy one."""
    values = next(electrons.frames(noisy))
    gain = 1.0 if noisy.gain is None else noisy.gain
    made = electrons.denoised_by(denoiser, values) * gain + noisy.offset
    return noisy.replace(data=made, metadata={})
