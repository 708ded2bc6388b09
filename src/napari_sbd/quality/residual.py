"""Is what a denoiser removed white noise?"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..agreement.evidence import local_variance
from ..agreement.pairs import paired
from ..errors import SBDError, by_name, listening
from ..micrograph import PixelSize
from ..micrograph.frames import as_micrograph
from ..noise import counts as electrons
from ..noise.as_denoised import corrected_as
from ..noise.covariance import covariance_of
from ..units import number_of
from .strength import strength_of

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

_FALSE_DISCOVERIES = 0.05
_SEEN = 0.01  # of the slow noise power; of less the smooth spectrum does not tell exactly
_BANDS = 5e-3  # of the frequencies, from which bands are told of
_BANDED = (
    " Whole bands of frequencies stand out: lines of the scan or of the camera, or noise that "
    "hangs together."
)
_CLEAR = 30.0  # times its band, a peak that is no part of one
_AROUND = 16  # frequencies to each side, that make a band
_FAINT = 0.1  # of the mean variance, the least that is divided by
_SLOW = 4  # periods in the image, below which a peak is uneven brightness and no lattice
_ELECTRONS = 0.8, 1.25  # power of noise that passes for that of electrons


@dataclass(frozen=True, eq=False)
class Residual:
    """The spectrum of what was removed.

    Parameters
    ----------
    spectrum
        (h, w) power of the residual at the working sampling, zero frequency in the middle; 1 is the
        mean of white noise of electrons, and each value is then exponentially distributed.
    frequency_y, frequency_x
        (h,), (w,) frequencies [1/nm, or 1/px where the pixel size is unknown].
    unit
        ``"1/nm"`` or ``"1/px"``.
    peaks
        One row for each significant peak at 5 % false discoveries: frequency_y, frequency_x,
        period [nm or px], power, q.
    sure
        Whether peaks are none of noise, which may be correlated over too many pixels to tell.
    counts
        Whether the noise is that of electron counts; else powers are in units of what the image
        has, and how strong it should be is not known.
    banded
        Share of the frequencies that stand out, but in bands: lines of a scan or of a camera.
    strength, strength_low, strength_high
        Power over that of electron counts, where a camera damps it least, and what it is within at
        99.5 %, as the number of independent frequencies has it; 1 without counts.
    even
        Whether slow and fast noise are alike, as white noise has them.
    whitened
        Whether the noise is not white, and the power was divided by its smooth spectrum.

    Examples
    --------
    >>> found = sbd.residual_check(noisy, phantom.clean)
    >>> isinstance(found, sbd.Residual), found.unit
    (True, '1/nm')
    """

    spectrum: np.ndarray = field(repr=False)
    frequency_y: np.ndarray = field(repr=False)
    frequency_x: np.ndarray = field(repr=False)
    unit: str
    peaks: pd.DataFrame
    sure: bool = True
    counts: bool = True
    banded: float = 0.0
    strength: float = 1.0
    strength_low: float = 1.0
    strength_high: float = 1.0
    even: bool = True
    whitened: bool = False

    @property
    def power(self) -> float:
        """Mean power of the spectrum without the significant peaks' help: 1 for white noise of
        electrons, and for other noise if its spectrum was divided out."""
        return float(np.median(self.spectrum) / np.log(2))

    @property
    def autocorrelation(self) -> np.ndarray:
        """(h, w) correlation with itself, shifted by up to half the image, no shift in the middle.

        By Wiener and Khinchin the transform of the spectrum. White noise has 1 in the middle and
        elsewhere 0, with a standard deviation of ``(h w) ** -0.5`` where all pixels hold data.
        """
        power = np.fft.ifftshift(self.spectrum)
        shifted = np.fft.fftshift(np.fft.ifft2(power).real)
        result: np.ndarray = shifted / max(float(shifted.max()), 1e-30)
        return result

    def verdict(self) -> str:
        """The result in a sentence or two."""
        return self._peaks_told() + (_BANDED if self.banded > _BANDS else "")

    def _peaks_told(self) -> str:
        bands = self.banded > _BANDS
        none = "No lattice peak was removed."
        if not bands and (self.even or self.whitened):
            none = "The residual is like white noise: no lattice peak was removed."
        count = len(self.peaks)
        if count:
            period = self.peaks["period"].iloc[0]
            unit = self.unit.removeprefix("1/")
            text = (
                f"The residual has {number_of(count, 'lattice peak' if self.sure else 'peak')}, "
                f"the strongest at a period of {period:.3g} {unit}"
            )
            if self.sure:
                return f"{text}: the denoiser {'may have ' if bands else ''}removed signal."
            return (
                f"{text}, but the noise is correlated over so many pixels that they may be noise; "
                "let halves of the data judge the image instead."
            )
        if not self.counts:
            return (
                f"{none} How strong the noise should be is not known, since these values are no "
                "electrons."
            )
        least, most = _ELECTRONS
        why = ""
        if self.strength_low > most:
            why = "the gain is wrong, or there is other noise, as of the read-out"
        elif self.strength_high < least and self.even:
            why = "the gain is wrong, or the denoised image follows the noise"
        elif self.strength_high < least:
            why = (
                "the denoised image follows slow noise where a point spread damps the fast one, or "
                "the gain is wrong"
            )
        if why:
            return (
                f"The residual has no lattice peak, but {self.strength:.2g} times the power of "
                f"electron counts: {why}."
            )
        return none


@by_name("pixel_size")
def residual_check(
    noisy: Any,
    denoised: Any,
    *,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
) -> Residual:
    """Look for lattice peaks in what a denoiser removed.

    The residual, over the square root of the expectation, is summed to the working sampling. The
    power of white noise is exponentially distributed, so each value has a p-value; those are
    adjusted for their number after Benjamini and Hochberg. Pixels without data are left out, and
    the power is that of the others. Where the noise of pixels is correlated, the power is divided
    by the smooth spectrum that most tiles of the residual show, so that it is 1 as well. A peak
    also stands out of its own row and column of the spectrum: bands of strong frequencies are lines
    of a scan or of a camera. Whether the noise is as strong as that of electrons is asked where a
    point spread damps it least, and within what the number of independent frequencies allows.
    Values that are no electrons, as ``agreement`` decides it, are taken in units of the noise that
    they have.

    Parameters
    ----------
    noisy, denoised
        Micrographs or arrays (Y, X) of one shape and unit.
    pixel_size
        nm, one number or (y, x); by default the micrograph's own.
    gain, offset
        Of the noisy image, as ``agreement`` takes them.

    Raises
    ------
    SBDError
        If the images do not fit each other, or are movies.

    Examples
    --------
    >>> blurred = denoised.replace(data=np.full_like(denoised.data, denoised.data.mean()))
    >>> sbd.residual_check(noisy, blurred).verdict()
    'The residual has ... lattice peaks, ...: the denoiser removed signal.'
    """
    import pandas as pd
    from scipy.stats import false_discovery_control

    noisy, gain, offset = corrected_as(noisy, denoised, gain, offset)
    for image in (noisy, denoised):
        if as_micrograph(image).is_movie:
            raise SBDError("The residual check looks at single images; give one frame.")
    with listening():  # of values that are no electrons the verdict tells
        pair = paired(noisy, denoised, pixel_size, gain, offset)
    data, model = pair.data, pair.model
    values, expected = (next(electrons.frames(m)) for m in (data, model))
    size = data.pixel_size_yx
    block = tuple(max(1, min(b, n // 8)) for b, n in zip(pair.block, values.shape, strict=True))
    _logger.debug("residual summed over blocks of %s pixels", block)
    holds = np.isfinite(values) & np.isfinite(expected)
    variance = expected if pair.counts else local_variance(values, expected, max(block))
    least = _FAINT * float(np.mean(variance[holds]))
    y, x, spread, area = (
        _sums(np.where(holds, i, 0), block) for i in (values, expected, variance, 1)
    )
    held = area > 0
    residual = np.zeros(held.shape)
    residual[held] = (y - x)[held] / np.sqrt(np.maximum(spread, least * area)[held])
    residual[held] -= residual[held].mean()
    power = np.abs(np.fft.fft2(residual)) ** 2 / held.sum()
    electrons_power = power.copy()
    seen = np.ones(power.shape, bool)
    noise = covariance_of(data, values, expected, np.maximum(variance, least), block)
    if noise is not None:
        wy, wx = (np.fft.fftfreq(n) for n in power.shape)
        usual = noise.noise.power(wy[:, None], wx)
        seen = usual > _SEEN
        power[seen] /= usual[seen] * noise.level
    steps = [b * p for b, p in zip(block, size or (1.0, 1.0), strict=True)]
    fy, fx = (np.fft.fftfreq(n, d) for n, d in zip(power.shape, steps, strict=True))
    # every power but a few comes twice
    half = (fx > 0)[None] | ((fx == 0)[None] & (fy > 0)[:, None])
    slow = np.hypot(*np.meshgrid(fy * steps[0], fx * steps[1], indexing="ij"))
    judged = half & seen & (slow > _SLOW / min(power.shape))
    strength = strength_of(electrons_power[judged], slow[judged], float(held.mean()))
    # a peak stands out of all others, and of the band in which it lies
    level = float(np.median(power[judged])) / np.log(2)
    over = power[judged] / np.maximum(level, _band(power)[judged])
    q = false_discovery_control(np.exp(-over))
    of_all = false_discovery_control(np.exp(-power[judged] / level))
    banded = float(((of_all < _FALSE_DISCOVERIES) & (q >= _FALSE_DISCOVERIES)).mean())
    if over.max(initial=0) > _CLEAR:
        banded = 0.0  # what runs out of a strong peak along its row and column
    rows, columns = (i[judged][q < _FALSE_DISCOVERIES] for i in np.indices(power.shape))
    peaks = pd.DataFrame(
        {
            "frequency_y": fy[rows],
            "frequency_x": fx[columns],
            "period": 1 / np.hypot(fy[rows], fx[columns]),
            "power": power[rows, columns],
            "q": q[q < _FALSE_DISCOVERIES],
        }
    ).sort_values("power", ascending=False, ignore_index=True)
    shift = np.fft.fftshift
    unit = "1/px" if size is None else "1/nm"
    spectrum = shift(power).astype(np.float32)
    known = bool(seen.all())
    found = (strength.value, strength.low, strength.high) if pair.counts else (1.0, 1.0, 1.0)
    white = strength.even, noise is not None
    return Residual(
        spectrum, shift(fy), shift(fx), unit, peaks, known, pair.counts, banded, *found, *white
    )


def _band(power: np.ndarray) -> np.ndarray:
    """The usual power along the row, the column and in the neighbourhood of each frequency."""
    from scipy.ndimage import median_filter

    height, width = (min(2 * _AROUND + 1, n) for n in power.shape)
    around = ((height, 1), (1, width), (height // 2 + 1, width // 2 + 1))
    bands = [median_filter(power, size, mode="wrap") for size in around]
    result: np.ndarray = np.max(bands, axis=0) / np.log(2)
    return result


def _sums(image: np.ndarray, block: tuple[int, ...]) -> np.ndarray:
    """Over blocks, of what they hold: not scaled up, so that the noise stays that of counts."""
    for axis, step in enumerate(block):
        image = np.add.reduceat(image, np.arange(0, image.shape[axis], step), axis)
    return image
