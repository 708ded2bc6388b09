"""Which of the bundled models suits an image: the one that predicts held-out pixels best.

The pixels of every block fall into two halves, as the colours of a chessboard. The noise of the
halves is independent where the detector's neighbours are, so a model that is shown one half and
compared with the other is judged without a clean image (Noise2Noise, Lehtinen et al. 2018). Where
the noise of neighbours is correlated, the halves come from the image that was made white.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

import numpy as np

from .. import sampling
from ..errors import SBDError
from ..micrograph.frames import mean_filled
from ..noise import level as noise
from . import ModelCard, load_network, models
from .reflections import lost_reflection

_logger = logging.getLogger(__name__)

Modality = Literal["auto", "phase contrast", "dark field"]

# Working pixels along a side of the part that is looked at, first a small one, for most images need
# no more, and standard errors below which a model is out. Objects larger than atoms differ more
# within a frame than lattices do, so models of these are looked at in larger parts.
_LOOKS = ((64, 0.5), (112, 0.5))
_LARGER_LOOKS = ((112, 0.0), (224, 0.0))
_CLEAR = 3.0  # standard errors by which a model must beat the default at the last


@dataclass(frozen=True)
class Choice:
    """A model and why it was taken.

    Parameters
    ----------
    card
        The model's card.
    reason
        A few words for the user.
    """

    card: ModelCard
    reason: str


def choose_model(
    frame: np.ndarray,
    block: tuple[int, int],
    pixel_size_yx: tuple[float, float] | None = None,
    device: Any = "auto",
    white: np.ndarray | None = None,
    modality: Modality = "auto",
    sums: np.ndarray | None = None,
) -> Choice:
    """Choose among the bundled models.

    Parameters
    ----------
    frame
        (Y, X) in any linear unit, NaN where there are no data.
    block
        Pixels that will be summed along y and x.
    pixel_size_yx
        nm per pixel; models that were not trained at this working pixel are left out.
    device
        As ``resolve_device`` takes it, for the passes over a small part of the frame, one for each
        model.
    white
        (H, W) the block sums with their noise made white, where that of the pixels is correlated,
        so that half of them say something about the other half.
    modality
        What the user knows: models of the other modality are left out.
    sums
        (H, W) the block sums, where they are known.

    Returns
    -------
    Never a specialist of one crystal, which is for those who know the material: the default model,
    unless another one's error on the held-out half is smaller by more than three
    standard errors of the difference, and it loses no lattice that the default keeps. Where the
    default is of the other modality, or not for pixels of this size, the first model that is takes
    its place.
    """
    first, *others = _candidates(block, pixel_size_yx, modality)
    usual = "for pixels of this size" if first.is_low_magnification else "the general model"
    if not others:
        return Choice(first, usual if modality == "auto" else f"it is {modality}")
    from .hardware import resolve_device

    where = resolve_device(device)
    whole = mean_filled(sampling.bin_counts(frame, block) if sums is None else sums)
    levelled = noise.usual_level
    if white is None and min(block) < 2:
        white, levelled = whole, noise.noise_level
    clarity: dict[str, float] = {}
    larger = any(card.is_low_magnification for card in (first, *others))
    for side, least in _LARGER_LOOKS if larger else _LOOKS:
        if white is None:
            seen, judge = halves(frame[liveliest(whole, block, side, frame.shape)], block)
        else:
            part = white[liveliest(white, (1, 1), side, white.shape)]
            seen, judge = fission(part, levelled(part))
        guess = {first.name: _predict(first, seen, where, lasting=True)}
        guess |= {card.name: _predict(card, seen, where) for card in others}
        errors = {name: (made - judge) ** 2 for name, made in guess.items()}
        clarity = {card.name: _clarity(errors[first.name] - errors[card.name]) for card in others}
        _logger.debug(
            "better than %s at %d pixels [standard errors]: %s", first.name, side, clarity
        )
        others = [card for card in others if clarity[card.name] > least]
        if not others:
            break
    clear = [card for card in others if clarity[card.name] > _CLEAR]
    for card in sorted(clear, key=lambda card: errors[card.name].mean()):
        if lost_reflection(seen, guess[card.name]) and not lost_reflection(seen, guess[first.name]):
            continue
        reason = f"predicts held-out pixels best, by {clarity[card.name]:.1f} standard errors"
        return Choice(card, reason)
    return Choice(first, f"{usual}; no other predicts held-out pixels clearly better")


def _candidates(
    block: tuple[int, int], pixel_size_yx: tuple[float, float] | None, modality: Modality
) -> list[ModelCard]:
    """The models that an image may ask for, the one that needs no reason first."""
    if modality not in get_args(Modality):
        raise SBDError(
            f"The modality is {', '.join(repr(m) for m in get_args(Modality))}, not {modality!r}."
        )
    known = [card for card in models() if card.frames == 1 and not card.spacings_nm]
    known.sort(key=lambda card: card.is_low_magnification)  # what shows atoms comes first
    if modality != "auto":
        wanted = modality == "dark field"
        known = [c for c in known if c.is_low_magnification or c.is_dark_field == wanted]
    if not known:
        raise SBDError(f"No model is trained on {modality}; choose the modality 'auto'.")
    if pixel_size_yx is None:
        return known
    working = [p * b for p, b in zip(pixel_size_yx, block, strict=True)]
    fitting = [card for card in known if all(card.knows_pixel(p) for p in working)]
    if known[0] in fitting or not fitting:
        return [known[0], *(card for card in fitting if card is not known[0])]
    return [*fitting, known[0]]


def _clarity(gain: np.ndarray) -> float:
    """A mean gain over its standard error."""
    return float(gain.mean() / (gain.std() / np.sqrt(gain.size) + 1e-30))


def liveliest(
    sums: np.ndarray, block: tuple[int, int], side: int, shape: tuple[int, ...]
) -> tuple[slice, slice]:
    """Rows and columns of a frame where its block sums have most contrast.

    Parameters
    ----------
    sums
        (H, W), finite.
    block
        Pixels summed along y and x.
    side
        Blocks along a side of the part, fewer where the frame has fewer.
    shape
        (Y, X) of the frame.
    """
    windows = []
    for n, b in zip(shape, block, strict=True):
        long = min(n // b, side)
        starts = np.unique(np.linspace(0, n // b - long, 3).astype(int))
        windows.append([slice(s, s + long) for s in starts])
    rows, columns = max(product(*windows), key=lambda window: sums[window].var())
    y, x = (slice(s.start * b, s.stop * b) for s, b in zip((rows, columns), block, strict=True))
    return y, x


def halves(frame: np.ndarray, block: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two independent estimates of the block sums, about zero."""
    y, x = np.indices(frame.shape)
    white = (y + x) % 2 == 0
    sums = [sampling.bin_counts(np.where(mask, frame, np.nan), block) for mask in (white, ~white)]
    filled = [mean_filled(s) for s in sums]
    return filled[0] - filled[0].mean(), filled[1] - filled[0].mean()


def fission(image: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Two estimates about zero with independent noise, of an image whose noise is white.

    Fresh noise of the same level [standard deviation] is added to one and taken from the other
    (data fission, Leiner et al., arXiv 2112.11079).
    """
    even = image - image.mean()
    fresh = np.random.default_rng(0).normal(0, level, image.shape)
    return even + fresh, even - fresh


def _predict(card: ModelCard, counts: np.ndarray, device: Any, lasting: bool = False) -> np.ndarray:
    """What a model makes of half of the data; ``lasting`` where it will most likely be taken."""
    from . import tiling

    scale = counts.std() or 1.0
    normal = (counts / scale).astype(np.float32)
    return tiling.run(load_network(card, device), normal, device, lasting=lasting) * scale
