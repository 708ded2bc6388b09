"""Why the result of a model may be wrong, as far as the image tells."""

from __future__ import annotations

import math

import numpy as np

from ..io.detector_name import contrast_told
from ..micrograph import Micrograph
from ..micrograph.frames import mean_filled
from ..networks import ModelCard
from ..networks.choice import Modality
from ..networks.reflections import lost_reflection, strongest_frequency
from ..noise import level as noise
from ..noise.camera import Camera
from ..noise.line_offsets import line_offsets
from ..noise.spectrum_estimate import is_blurred
from ..noise.whitening import NoiseSpectrum
from ..noise.wrapped import find_wrapped
from ..recipe import is_result
from ..spacings import doubt_crystal, doubt_pixel_size
from ..units import plain

_CLEAN = 60  # contrast over noise, beyond which hardly any of it is removed
_CLEAN_UNSURE = 12  # the same where noise was made white, beyond which a network may add more
_MUCH = 0.05  # of a result's contrast, from which what was put back is told
_SET_OFF = 0.25  # of the noise, from which lines that are set off against each other are told
_SMALL = 64  # working pixels, below which the noise of an image may be too little to measure
_SHARED = 1.5  # times the noise of sums of independent pixels; 423 small images of counts: 1.32
_HELD = 32  # pixels along the sides of the smallest image
_BELOW, _ABOVE = 2.0, 4.0  # times the least and the largest dose of training that are let pass


def doubts(
    card: ModelCard,
    source: Micrograph,
    block: tuple[int, int],
    dose: float | None,
    frame: np.ndarray | None,
    modality: Modality = "auto",
) -> list[str]:
    """Sentences that say why a result may be wrong: the image is outside what a model was trained
    on, of the other contrast, contradicts its pixel size, or was denoised before.

    Parameters
    ----------
    card
        Of the model.
    source, block
        The image, and the pixels summed along y and x.
    dose
        Mean electrons per pixel; None where it is unknown.
    frame
        (Y, X) the first that is not blank; None where there is none.
    modality
        What the user knows; where that is open, the file may name its scanning detector.
    """
    if is_result(source.metadata):
        said = ["This image is already a result of napari-sbd; denoise the raw one."]
    else:
        said = []
    said += _contradiction(card, source, modality)
    found = []
    sizes = [p * b for p, b in zip(source.pixel_size_yx or (), block, strict=False)]
    if odd := [size for size in sizes if not card.knows_pixel(size)]:
        low, high = card.working_pixel_nm
        found.append((f"{plain(odd[0])} nm", f"{low:g} to {high:g} nm"))
    low, high = card.dose_range
    held = None if dose is None else dose * block[0] * block[1]
    if held is not None and held > 0 and not low / _BELOW <= held <= high * _ABOVE:
        found.append((f"{held:.3g} electrons", f"{low:g} to {high:g} electrons"))
    said += [
        f"The image has {this} per working pixel; model {card.name!r} was trained at {trained}, so "
        "its result may be wrong."
        for this, trained in found
    ]
    if frame is not None and source.pixel_size_yx is not None:
        doubt = doubt_pixel_size(frame, source.pixel_size_yx)
        said += [doubt] if doubt else []
        foreign = card.spacings_nm and doubt_crystal(frame, source.pixel_size_yx, card.spacings_nm)
        if foreign:
            said.append(
                f"Model {card.name!r} is a specialist and draws what it knows. {foreign}: use a "
                "general model here."
            )
    return said


def _contradiction(card: ModelCard, source: Micrograph, modality: Modality) -> list[str]:
    """A sentence where a model was trained on the other contrast than the image has."""
    named = contrast_told(source.metadata)
    if modality != "auto":
        kind, why = modality, "as you said"
    elif named is not None:
        kind, why = named[0], f"as the detector {named[1]} in the file tells"
    else:
        return []
    if not card.tells_contrast or card.is_dark_field == (kind == "dark field"):
        return []
    other = "dark field" if card.is_dark_field else "phase contrast"
    return [
        f"The image is {kind}, {why}, and model {card.name!r} was trained on {other}: its result "
        "may be wrong. Choose another model, or leave that to 'auto'."
    ]


def doubt_extremes(camera: Camera) -> list[str]:
    """A sentence where a camera left outliers in."""
    if not camera.facts.get("extremes_left"):
        return []
    return [
        "Extreme values stand out in so many places of the image that they cannot be told from it, "
        "and were left in: there and around them the result may be wrong. Give the camera's dark "
        "and gain reference, or take them out before."
    ]


def doubt_wrapped(frame: np.ndarray) -> list[str]:
    """A sentence where values of a frame (Y, X) ran over the end of their range."""
    found = find_wrapped(frame)
    if found is None:
        return []
    what, change = "below zero and were written without a sign", "take it off them"
    if found.by < 0:
        what, change = "too large for numbers with a sign", "add it to them"
    return [
        f"{found.share:.1%} of the values are wrong by {abs(found.by):,}: they were {what}, so the "
        f"result is wrong there and around them. Read them as the other kind of whole numbers, or "
        f"{change}, and denoise the image again."
    ]


def doubt_gaps(frame: np.ndarray) -> list[str]:
    """A sentence where a frame (Y, X) is little but pixels without data."""
    held = int(np.isfinite(frame).sum())
    if held >= _HELD**2:
        return []
    return [
        f"Only {held:,} of the {frame.size:,} pixels hold data, fewer than in {_HELD} x {_HELD} "
        "pixels: what the result shows there may be the model's own."
    ]


def doubt_noise(
    sums: np.ndarray, white: np.ndarray | None, spectrum: NoiseSpectrum | None
) -> list[str]:
    """A sentence where an image has too little noise for a network.

    Parameters
    ----------
    sums
        (H, W) its block sums, NaN for outliers.
    white, spectrum
        (H, W) these with white noise, and what theirs was; None where that is white.
    """
    contrasts = [mean_filled(sums).std()]
    levels = [_level(sums, white, spectrum)]
    if white is None or spectrum is None:
        most, so = _CLEAN, "little is to be gained by denoising it"
    else:
        most, so = _CLEAN_UNSURE, "the result may be less exact than the image itself"
        # a point spread leaves little of the noise, of which what is made white tells nothing
        contrasts.append(white.std())
        levels.append(noise.usual_level(white))
    if not any(c > most * n for c, n in zip(contrasts, levels, strict=True)):
        return []
    return [
        f"The contrast of the image is over {most} times its noise: it was filtered, or has so "
        f"little noise that {so}."
    ]


def _level(sums: np.ndarray, white: np.ndarray | None, spectrum: NoiseSpectrum | None) -> float:
    """The noise of block sums, as ``doubt_noise`` takes them."""
    if white is None or spectrum is None:
        return noise.noise_level(mean_filled(sums))
    return noise.usual_level(white) * spectrum.deviation


def doubt_lines(
    frame: np.ndarray,
    block: tuple[int, int],
    sums: np.ndarray,
    white: np.ndarray | None,
    spectrum: NoiseSpectrum | None,
) -> list[str]:
    """Sentences where rows or columns are set off against each other so much that it does harm.

    Parameters
    ----------
    frame
        (Y, X), NaN for outliers.
    block
        Pixels summed along y and x.
    sums, white, spectrum
        As in ``doubt_noise``.
    """
    rows, columns = line_offsets(mean_filled(frame))
    if not max(rows, columns):
        return []
    y, x = block
    level = _level(sums, white, spectrum)
    shares = {"rows": rows * x * math.sqrt(y), "columns": columns * y * math.sqrt(x)}
    return [
        f"The {lines} of the image are set off against each other by {share / level:.1f} times its "
        "noise, as by an uneven read-out or a beam that flickers during a scan: the result may "
        "hold streaks and lack what is faint. Take the offsets of the lines off before, with a "
        "dark reference where they are the camera's."
        for lines, share in shares.items()
        if share > _SET_OFF * level > 0
    ]


def doubt_small(
    frame: np.ndarray,
    block: tuple[int, int],
    sums: np.ndarray,
    measured: NoiseSpectrum | None = None,
) -> list[str]:
    """A sentence where an image is too small to tell whether its pixels share their noise.

    Parameters
    ----------
    frame, block, sums
        As in ``doubt_lines``.
    measured
        The noise, as this image alone tells it; None where it was taken for independent for want of
        better.
    """
    if min(sums.shape) >= _SMALL:
        return []
    if measured is not None:
        if is_blurred(frame, block) or is_blurred(sums):
            return []
        return [
            "The image is too small to tell noise that neighbouring pixels share, as behind a "
            "scintillator, from fine detail of the specimen. It was taken for such noise; if it is "
            "detail, the result has lost it, and independent noise would have been right. Give the "
            "gain or the noise spectrum of the detector, or denoise a larger part of the image."
        ]
    independent = noise.noise_level(frame) * math.sqrt(math.prod(block))
    level = noise.noise_level(sums)
    hardly_any = np.nanstd(sums) > _CLEAN * level  # of which the corners may be signal
    if hardly_any or level <= _SHARED * independent:
        return []
    return [
        "Neighbouring pixels share their noise, as behind a scintillator, and the image is too "
        "small to measure it: it was taken for independent, and the result may be worse than a "
        "blur. Denoise a larger part of the image, or give the noise spectrum of the detector."
    ]


def doubt_result(
    card: ModelCard,
    source: Micrograph,
    block: tuple[int, int],
    image: np.ndarray,
    estimate: np.ndarray,
    periods: np.ndarray,
    whole: np.ndarray,
) -> list[str]:
    """Sentences where an estimate lost a lattice, or many periods were put back into it.

    Parameters
    ----------
    card, source, block
        As in ``doubts``.
    image, estimate, periods, whole
        (H, W) block sums, what the model made of them, that with the periods that were put back,
        and with the detail as well.
    """
    said = []
    added = periods - estimate
    if added.std() > _MUCH * periods.std():
        period = _period(strongest_frequency(added), source, block)
        said.append(
            f"A period of {period} stands out of what model {card.name!r} took for noise and was "
            "put back into the result. If the camera made it (interference, a fibre bundle), it is "
            "no structure of the specimen."
        )
    lost = lost_reflection(image, whole)
    if lost is not None:
        said.append(
            f"The image shows a period of {_period(lost, source, block)} that the result of model "
            f"{card.name!r} has lost: detail of that size is missing in it."
        )
    return said


def _period(frequency: tuple[float, float], source: Micrograph, block: tuple[int, int]) -> str:
    """The period of a frequency [cycles per working pixel] in words."""
    sizes = source.pixel_size_yx or (1.0, 1.0)
    steps = [f / (p * b) for f, p, b in zip(frequency, sizes, block, strict=True)]
    return f"{1 / math.hypot(*steps):.2g} {'nm' if source.pixel_size_yx else 'pixels'}"
