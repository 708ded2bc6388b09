"""Pixels to sum to the working sampling: from the pixel size, else those that predict best.

Where the pixel size is unknown, the strongest lattice period gives a first guess, which fails for
large unit cells, moire, edges, and images without a lattice. Every candidate is therefore tried on
a part of the image, and judged at its pixels, whatever it sums. Where the noise of pixels is
independent, an eighth of them, drawn at random, are held out and predicted from the others (Batson
and Royer, ICML 2019). Where it is correlated, the others know them, and Stein's estimate of the
error takes the place, with noise of the spectrum that the pixels show (Stein, Ann. Statist. 9
(1981) 1135; Ramani, Blu and Unser, IEEE Trans. Image Process. 17 (2008) 1540).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..micrograph import Micrograph
from ..micrograph.frames import mean_filled, reference_frame
from ..noise.camera import Camera, look_at
from ..noise.level import are_whole, can_be_dealt, noise_level, usual_level
from ..noise.spectrum_estimate import estimate_spectrum
from ..noise.whitening import NoiseSpectrum, colour, whiten
from ..noise.working import filled

if TYPE_CHECKING:
    from ..networks import ModelCard

Network = Callable[[np.ndarray], np.ndarray]
Judge = Callable[[Network], np.ndarray]

_SMALLEST = 32  # pixels along a side of an image
_FALLBACK = 4  # for images that show no lattice and carry no calibration
_CANDIDATES = (1, 2, 3, 4, 6, 8)
_SIDE = 256  # pixels of the part that is looked at
_FEWEST = 16  # working pixels along a side
_HELD_OUT = 1 / 8  # of the pixels
_STEP = 0.3  # standard deviations of the noise that is added
_COUNTED = 1.2  # variance over mean of counted electrons, and its inverse
_MANY = 0.2  # electrons in a pixel, from which small steps tell what a network makes of them
_SKEWNESS = (1 - 4 / 4**3) / (1 + 4 / 4**2) ** 1.5  # of such differences, of one electron each
_LOCAL = 6.0  # pixels, over which the strength of the noise is taken
_RIM = 8  # pixels at the border, where networks err more
_TILE = 16  # pixels, within which errors hang together
_CLEAR = 2.0  # standard errors by which another block must beat that of a lattice
_LIKELY = 1.0  # the same, where no lattice was found
_SURE = 3.0  # the same, from which there is no doubt: noise alone reaches 2.8
_ENOUGH = 1000  # pixels that tell anything


def check_size(source: Micrograph) -> None:
    """Refuse what is too small to be denoised.

    Raises
    ------
    SBDError
        With the size, and the least one.
    """
    height, width = source.shape[-2:]
    if min(height, width) < _SMALLEST:
        raise SBDError(
            f"The image is {height} x {width} pixels; at least {_SMALLEST} x {_SMALLEST} are "
            "needed."
        )


@dataclass(frozen=True)
class Choice:
    """Pixels to sum, and how they were found.

    Parameters
    ----------
    block
        Along y and x.
    seen
        What is said of it; empty where the pixel size tells.
    doubtful
        Whether neither a lattice nor the prediction of pixels tells clearly.
    """

    block: tuple[int, int]
    seen: str = ""
    doubtful: bool = False

    @property
    def doubts(self) -> list[str]:
        """What is to be warned of."""
        if not self.doubtful:
            return []
        y, x = self.block
        return [
            f"The pixel size is unknown; {y} x {x} pixels are summed, and little speaks for it: no "
            "clear lattice, or other sums predict pixels as well. Give the pixel size."
        ]


def choose_block(
    source: Micrograph,
    card: ModelCard,
    device: Any = "auto",
    *,
    noise: str | NoiseSpectrum = "auto",
    outliers: bool = True,
    illumination: bool = True,
    **_: Any,
) -> Choice:
    """Choose the pixels that are summed.

    Parameters
    ----------
    source
        Its pixel size tells; without one, its first lit frame is looked at.
    card
        Of the network that predicts pixels.
    device
        As ``resolve_device`` takes it.
    noise, outliers, illumination
        As ``noise.camera.look_at`` takes them. A spectrum that is given was measured on sums over
        certain pixels, so the same are summed where the pixel size is unknown.

    Raises
    ------
    SBDError
        If the file of the spectrum cannot be used.
    """
    if source.pixel_size_yx is not None:
        return Choice(_fitting(sampling.choose_bin(source.pixel_size_yx), source))
    if noise not in ("auto", "white"):
        told = noise if isinstance(noise, NoiseSpectrum) else NoiseSpectrum.load(noise)
        return Choice(_fitting(told.block, source), f"{_sums(told.block)}, as for the noise given.")
    frame = reference_frame(source)
    lattice = sampling.estimate_bin(mean_filled(frame))
    guess = _fitting(lattice or (_FALLBACK, _FALLBACK), source)
    clean = Camera(guess, outliers=outliers).cleaned(frame)[0]
    still = Micrograph(clean, gain=source.gain, offset=source.offset)
    gains = _gains(still, guess, _network(card, device), str(noise), illumination)
    best = max(gains, key=lambda b: gains[b][0], default=guess)
    clarity = gains[best][1] if gains else 0.0
    if best != guess and clarity > (_CLEAR if lattice else _LIKELY):
        # coarser sums are better where there is little to see, which says nothing of detail
        doubtful = not lattice and (clarity < _SURE or best > guess)
        return Choice(best, f"{_sums(best)}, which predict other pixels best.", doubtful)
    how = "as its lattice suggests" if lattice else "as nothing tells"
    return Choice(guess, f"{_sums(guess)}, {how}.", not lattice or not gains)


def lattice_block(source: Micrograph) -> tuple[int, int]:
    """Pixels to sum for a filter: from the pixel size, else from the lattice in the spectrum."""
    if source.pixel_size_yx is not None:
        return _fitting(sampling.choose_bin(source.pixel_size_yx), source)
    found = sampling.estimate_bin(mean_filled(reference_frame(source)))
    return _fitting(found or (_FALLBACK, _FALLBACK), source)


def _fitting(block: tuple[int, int], source: Micrograph) -> tuple[int, int]:
    y, x = (min(b, n // 8) for b, n in zip(block, source.shape[-2:], strict=True))
    return y, x


def _sums(block: tuple[int, int]) -> str:
    return f"Pixel size unknown: sums over {block[0]} x {block[1]} pixels are denoised"


def _network(card: ModelCard, device: Any) -> Network:
    from ..networks import load_network, tiling
    from ..networks.hardware import resolve_device

    where = resolve_device(device)
    network = load_network(card, where)

    def passed(image: np.ndarray) -> np.ndarray:
        mean, scale = image.mean(), image.std() or 1.0
        normal = ((image - mean) / scale).astype(np.float32)
        result: np.ndarray = tiling.run(network, normal, where, lasting=False) * scale + mean
        return result

    return passed


def _gains(
    still: Micrograph, guess: tuple[int, int], network: Network, noise: str, illumination: bool
) -> dict[tuple[int, int], tuple[float, float]]:
    """How much less blocks err than the guess, and that in standard errors.

    Empty where that cannot be told: small images, and noise of which two judges say two things.
    """
    from ..networks.choice import liveliest

    values = np.asarray(still.data, np.float64)
    least = min(values.shape)
    blocks = {(b, b) for b in _CANDIDATES if least // b >= _FEWEST} | {guess}
    sums = mean_filled(sampling.bin_counts(values, guess))
    part = values[liveliest(sums, guess, max(_SIDE // max(guess), 1), values.shape)]
    if len(blocks) < 2 or np.isfinite(part).sum() < _ENOUGH or not np.nanstd(part) > 0:
        return {}

    def seen(block: tuple[int, int]) -> Camera:
        return look_at(still, block, noise=noise, outliers=False, illumination=illumination)[0]

    def made_by(camera: Camera) -> Network:
        return lambda image: _estimate(camera, image, network)

    cameras = {block: seen(block) for block in sorted(blocks)}
    ways = {block: made_by(camera) for block, camera in cameras.items()}
    correlated = cameras[1, 1].noise
    counted = _are_counts(values, still)
    # read-out noise hides from single pixels that the electrons of near ones are the same, which
    # sums show; texture looks like that as well
    suspects = [] if counted else [b for b, camera in cameras.items() if camera.noise is not None]
    hidden = correlated is None and guess in suspects
    shown = correlated or estimate_spectrum([values], force=True)
    stein = None if shown is None else _stein(part, shown, ways[guess](part))
    if stein is not None and (correlated is not None or (suspects and not hidden)):
        return _compared(stein, ways, guess)
    if hidden and stein is None:
        return {}
    found = _compared(_held_out(part), ways, guess)
    best = max(found, key=lambda b: found[b][0])
    if best == guess or stein is None or counted:
        return found
    # correlation that is lost in read-out noise helps to predict, and Stein's estimate sees it
    gain, clarity = _compared(stein, {b: ways[b] for b in (guess, best)}, guess)[best]
    if hidden:
        # electrons that are shared reach not far, detail gains with each finer sum
        beside = min((b for b in found if b > best), default=guess)
        return found if min(clarity, found[beside][1]) > _CLEAR else {}
    return found if gain > 0 else {guess: (0.0, 0.0)}


def _compared(
    judge: Judge, ways: dict[tuple[int, int], Network], guess: tuple[int, int]
) -> dict[tuple[int, int], tuple[float, float]]:
    errors = {block: judge(way) for block, way in ways.items()}
    return {block: _clarity(errors[guess] - error) for block, error in errors.items()}


def _estimate(camera: Camera, image: np.ndarray, network: Network) -> np.ndarray:
    """What is expected in the pixels (Y, X) of an image, NaN where there are no data."""
    working = camera.working(sampling.bin_counts(image, camera.block), seed=0)
    blocks = working.restored(network(working.image))
    mean = blocks.mean()
    fine = sampling.upsample(blocks - mean, camera.block, (image.shape[0], image.shape[1]))
    result: np.ndarray = fine + mean / (camera.block[0] * camera.block[1])
    return result


def _held_out(part: np.ndarray) -> Judge:
    """Squared errors (Y, X) at pixels that are not shown; NaN at the others."""
    hidden = np.random.default_rng([0, 5]).random(part.shape) < _HELD_OUT
    shown = np.where(hidden, np.nan, part)

    def judge(estimate: Network) -> np.ndarray:
        result: np.ndarray = np.where(hidden, (estimate(shown) - part) ** 2, np.nan)
        return result

    return judge


def _stein(part: np.ndarray, spectrum: NoiseSpectrum, estimate: np.ndarray) -> Judge:
    """Stein's estimates of squared errors (Y, X), less what is the same for all.

    The noise may differ from place to place, as what an estimate removes tells.
    """
    from scipy.ndimage import gaussian_filter

    image = filled(part)
    strength = gaussian_filter((image - estimate) ** 2, _LOCAL)
    level = usual_level(whiten(image, spectrum)) * np.sqrt(strength / (strength.mean() or 1.0))
    noise = colour(level * _fresh(part), spectrum)

    def judge(estimate: Network) -> np.ndarray:
        made = estimate(part)
        change = (estimate(part + _STEP * noise) - made) / _STEP
        result: np.ndarray = (made - part) ** 2 + 2 * noise * change
        return result

    return judge


def _are_counts(values: np.ndarray, still: Micrograph) -> bool:
    """Whether pixels are electrons counted one by one, whose noise is independent for certain."""
    electrons = (values - still.offset) / (still.gain or 1.0)
    if not (are_whole(electrons) or (still.gain is not None and can_be_dealt(electrons))):
        return False
    mean = float(electrons[np.isfinite(electrons)].mean())
    return bool(mean > 0 and 1 / _COUNTED < noise_level(electrons) ** 2 / mean < _COUNTED)


def _fresh(part: np.ndarray) -> np.ndarray:
    """Noise of variance 1 as single electrons make it where they are few in a pixel.

    The step of Stein's estimate then is one whole electron at a few pixels, since a network may
    keep a spike that it would not make of many small ones (Hudson's identity for counts, Ann.
    Statist. 6 (1978) 473).
    """
    rng = np.random.default_rng([0, 6])
    few = _electrons(part)
    if few > _MANY:
        return rng.standard_normal(part.shape)
    share = _STEP**2 * few
    result: np.ndarray = (rng.poisson(share, part.shape) - share) / np.sqrt(share)
    return result


def _electrons(part: np.ndarray) -> float:
    """Electrons per pixel, as the skewness of neighbours' differences tells where they are few."""
    beside = (part[:-2, 1:-1] + part[2:, 1:-1] + part[1:-1, :-2] + part[1:-1, 2:]) / 4
    apart = part[1:-1, 1:-1] - beside
    apart = apart[np.isfinite(apart)]
    apart = apart - apart.mean()
    spread = float((apart**2).mean())
    skewness = float((apart**3).mean()) / (spread**1.5 or 1.0)
    return (_SKEWNESS / max(skewness, 1e-3)) ** 2


def _clarity(gain: np.ndarray) -> tuple[float, float]:
    """A mean gain, and over its standard error."""
    inner = gain[_RIM:-_RIM, _RIM:-_RIM]
    held = np.isfinite(inner)
    sums, counts = (sampling.bin_counts(np.where(held, x, 0), (_TILE, _TILE)) for x in (inner, 1.0))
    mean = float(sums.sum() / max(counts.sum(), 1))
    error = float(np.sqrt(((sums - mean * counts) ** 2).sum()) / max(counts.sum(), 1))
    return mean, mean / (error + 1e-30)
