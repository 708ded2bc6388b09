"""What a camera did to a micrograph, undone for the network and done again to its result."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import as_micrograph, readable, reference_frame
from .illumination import Illumination, estimate_illumination
from .level import are_whole
from .spectrum_estimate import estimate_spectrum
from .whitening import NoiseSpectrum, whiten
from .working import Working, filled

if TYPE_CHECKING:
    from .outliers import Outliers

_logger = logging.getLogger(__name__)

_PAIRS = 4  # of neighbouring frames of a movie, whose differences show its noise


@dataclass(frozen=True)
class Camera:
    """How the frames of a micrograph are made ready, found once for all of them.

    Parameters
    ----------
    block
        Pixels summed along y and x.
    noise
        The spectrum of correlated noise; None where it is white, or taken for white.
    measured
        What the image itself shows of it.
    illumination
        Whether uneven light is looked for.
    outliers
        Whether pixels are looked for that say nothing about the specimen.
    fixed
        Those that are the same in all frames of a movie.
    sharpen
        Whether the result is to be corrected for the transfer of the camera.
    dark
        File units of a block at zero electrons.
    seen
        Sentences about what was found in the frame that was looked at.
    """

    block: tuple[int, int]
    noise: NoiseSpectrum | None = None
    measured: NoiseSpectrum | None = None
    illumination: bool = False
    outliers: bool = False
    fixed: Outliers | None = None
    sharpen: bool = False
    dark: float = 0.0
    seen: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def cleaned(self, values: np.ndarray) -> tuple[np.ndarray, Outliers | None]:
        """A frame (Y, X) with NaN for outliers, and these; itself where there are none."""
        from .outliers import with_gaps

        found = self.left_out(values)
        return (with_gaps(values, found.mask), found) if found else (values, None)

    def left_out(self, values: np.ndarray) -> Outliers | None:
        """The outliers of a frame (Y, X), as ``left_out`` tells them; None without any."""
        if not self.outliers:
            return None
        from .left_out import left_out

        return left_out(values, self.fixed)

    def working(self, sums: np.ndarray, seed: int | None = None) -> Working:
        """Block sums (H, W), NaN where there are no data, as the network wants them.

        ``seed`` is that of ``whiten``.
        """
        image, light = filled(sums), None
        if self.illumination:
            light = estimate_illumination(image, self.dark)
        if light is not None:
            image = light.take_off(image)
        if self.noise is not None:
            image = whiten(image, self.noise, seed)
        return Working(image, light, self.noise, self.sharpen)

    def on_blocks(self) -> Camera:
        """The same for images whose pixels are the blocks, without outliers."""
        return replace(self, block=(1, 1), outliers=False, fixed=None)

    def on_part(self, part: tuple[slice, slice]) -> Camera:
        """The same for a part of each frame."""
        if self.fixed is None:
            return self
        return replace(self, fixed=replace(self.fixed, mask=self.fixed.mask[part]))


def look_at(
    source: Micrograph,
    block: tuple[int, int],
    *,
    noise: str | NoiseSpectrum = "auto",
    outliers: bool = True,
    illumination: bool = True,
    sharpen: bool = False,
) -> tuple[Camera, np.ndarray]:
    """Find out what a camera did to a micrograph.

    Parameters
    ----------
    source
        An image or a movie; of a movie, a few frames are read.
    block
        Pixels summed along y and x.
    noise
        ``"auto"`` looks whether it is correlated, ``"white"`` takes it for independent; or a
        spectrum that is known, or the path of its file.
    outliers, illumination
        Whether these are looked for.
    sharpen
        As in ``Camera``.

    Returns
    -------
    The camera, and the frame (Y, X) that was looked at with NaN for outliers.

    Raises
    ------
    SBDError
        If the file of the spectrum cannot be used.
    """
    from .left_out import fixed_outliers
    from .outliers import with_gaps

    first = reference_frame(source)
    camera = Camera(
        block,
        illumination=illumination,
        outliers=outliers,
        fixed=fixed_outliers(source) if outliers else None,
        sharpen=sharpen,
        dark=source.offset * block[0] * block[1],
    )
    found = camera.left_out(first)
    clean = with_gaps(first, found.mask) if found else first
    sums = sampling.bin_counts(clean, block)
    light = estimate_illumination(filled(sums), camera.dark) if illumination else None
    spectrum = _spectrum_of(source, camera, clean, sums, light, noise)
    measured = spectrum
    if noise != "auto":
        measured = _spectrum_of(source, camera, clean, sums, light, "auto")
    seen: list[str] = []
    facts: dict[str, Any] = {}
    if spectrum is not None:
        seen.append(_about(spectrum, sharpen))
        facts["noise"] = spectrum.to_dict()
    if found:
        seen.append(f"{str(found)[0].upper()}{str(found)[1:]}.")
        facts["outliers"] = dict(found.counts)
    if found is not None and found.crowded:
        facts["extremes_left"] = True
    if light is not None:
        course = "Illumination falls"
        if light.is_step:  # of the light or of the specimen
            course = "Brightness is lower behind a straight edge"
        seen.append(f"{course} by {light.fall:.0%}; taken off and put back.")
        facts["illumination_fall"] = round(light.fall, 3)
    _logger.debug("seen of the camera: %s", " ".join(seen) or "nothing but white noise")
    return replace(camera, noise=spectrum, measured=measured, seen=tuple(seen), facts=facts), clean


def estimate_noise_spectrum(
    image: Any,
    *,
    pixel_size: PixelSize | None = None,
    region: np.ndarray | None = None,
) -> NoiseSpectrum:
    """The spectrum of a camera's noise, to be saved and given to ``denoise(noise=PATH)``.

    Parameters
    ----------
    image
        A micrograph or array (Y, X), or (T, Y, X), whose frames are then compared.
    pixel_size
        nm; by default the micrograph's own. Sums over as many pixels are looked at as ``denoise``
        makes, none where it is unknown.
    region
        (Y, X) bool, a part that holds nothing but noise, such as vacuum: all of an image of vacuum.
        By default the noise is told from what else the image holds.

    Raises
    ------
    SBDError
        If the image is too small, or the region leaves nothing.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_sbd as sbd
    >>> from scipy.ndimage import gaussian_filter
    >>> vacuum = gaussian_filter(np.random.default_rng(0).poisson(9.0, (256, 256)) * 20.0, 1.0)
    >>> spectrum = sbd.estimate_noise_spectrum(vacuum)
    >>> 3 < spectrum.correlated_over < 4  # a Gaussian of 1 px is as wide as 2 sqrt(pi) px
    True
    """
    source = as_micrograph(image, pixel_size)
    size = source.pixel_size_yx
    block = (1, 1) if size is None else sampling.choose_bin(size)
    camera = Camera(block, outliers=True)
    images = [] if region is not None else _differences(source, camera)
    clean = None
    if not images:
        clean = camera.cleaned(reference_frame(source))[0]
        if region is not None:
            if np.shape(region) != clean.shape:
                raise SBDError(
                    f"The region has shape {np.shape(region)}, and the image {clean.shape}."
                )
            clean = np.where(region, clean, np.nan)
        images = [sampling.bin_counts(clean, block)]
    pure = region is not None
    found = estimate_spectrum(images, block, fine=clean, pure=pure, force=True)
    if found is None:
        raise SBDError(
            "Too little of the image is there to see its noise; it takes five tiles of 32 x 32 "
            f"sums over {block[0]} x {block[1]} pixels that hold data throughout."
        )
    return found


def _spectrum_of(
    source: Micrograph,
    camera: Camera,
    clean: np.ndarray,
    sums: np.ndarray,
    light: Illumination | None,
    noise: str | NoiseSpectrum,
) -> NoiseSpectrum | None:
    if noise == "white":
        return None
    if isinstance(noise, NoiseSpectrum):
        return noise.on(camera.block)
    if noise != "auto":
        return NoiseSpectrum.load(noise).on(camera.block)
    shot = None
    if source.gain is not None:
        shot = source.gain * (float(np.nanmean(sums)) - camera.dark)
    elif source.offset == 0 and are_whole(sums):
        shot = float(np.nanmean(sums))
    even = light.take_off(sums) + float(np.nanmean(sums)) if light is not None else sums
    images = _differences(source, camera) or [even]
    told = source.gain is not None
    return estimate_spectrum(images, camera.block, fine=clean, shot_noise=shot, told=told)


def _differences(source: Micrograph, camera: Camera) -> list[np.ndarray]:
    """Of neighbouring frames of a movie, scaled to the noise of one; they hold less signal."""
    if not source.is_movie or len(source.data) < 2:
        return []
    pairs = np.unique(np.linspace(0, len(source.data) - 2, _PAIRS).astype(int))
    found = []
    for i in pairs:
        frames = [readable(source, j) for j in (i, i + 1)]
        if any(frame is None for frame in frames):
            continue
        one, other = (
            sampling.bin_counts(camera.cleaned(frame)[0], camera.block)
            for frame in frames
            if frame is not None
        )
        found.append((one - other) / np.sqrt(2))
    return found


def _about(noise: NoiseSpectrum, sharpen: bool) -> str:
    done = "made white for the network"
    if sharpen:
        done += ", and the result kept as sharp as that made it"
    return f"Noise {noise} ({done})."
