"""Which of the bundled models suits an image: the one that predicts held-out pixels best.

The pixels of every block fall into two halves, as the colours of a chessboard. The noise of the
halves is independent where the detector's neighbours are, so a model that is shown one half and
compared with the other is judged without a clean image (Noise2Noise, Lehtinen et al. 2018). Where
the noise of neighbours is correlated, the halves come from the image that was made white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import sampling
from ..frames import mean_filled
from . import ModelCard, find_model, load_network, models

_SIDE = 112  # working pixels along a side of the part that is looked at
_CLEAR = 1.5  # standard errors by which a model must beat the default


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

    Returns
    -------
    The default model, unless another one's error on the held-out half is smaller by more than 1.5
    standard errors of the difference.
    """
    default = find_model("auto")
    others = [card for card in models() if card.name != default.name]
    if pixel_size_yx is not None:
        working = [p * b for p, b in zip(pixel_size_yx, block, strict=True)]
        others = [card for card in others if all(card.knows_pixel(p) for p in working)]
    if not others:
        return Choice(default, "the general model")
    from .hardware import resolve_device

    where = resolve_device(device)
    if white is None and min(block) < 2:
        white = mean_filled(sampling.bin_counts(frame, block))
    if white is None:
        seen, judge = _halves(_liveliest(frame, block), block)
    else:
        seen, judge = _fission(_liveliest(white, (1, 1)))
    errors = {card.name: (_predict(card, seen, where) - judge) ** 2 for card in (default, *others)}
    best, clearest = default, _CLEAR
    for card in others:
        gain = errors[default.name] - errors[card.name]
        clarity = gain.mean() / (gain.std() / np.sqrt(gain.size) + 1e-30)
        if clarity > _CLEAR and errors[card.name].mean() < errors[best.name].mean():
            best, clearest = card, clarity
    if best is default:
        return Choice(default, "the general model; no other predicts held-out pixels better")
    return Choice(best, f"predicts held-out pixels best, by {clearest:.1f} standard errors")


def _liveliest(frame: np.ndarray, block: tuple[int, int]) -> np.ndarray:
    """The part of a frame with the most contrast, of about ``_SIDE`` blocks along a side."""
    windows = []
    for n, b in zip(frame.shape, block, strict=True):
        side = min(n // b, _SIDE) * b
        starts = np.unique(np.linspace(0, n - side, 3).astype(int) // b * b)
        windows.append([slice(s, s + side) for s in starts])
    parts = [frame[rows, columns] for rows in windows[0] for columns in windows[1]]
    return max(parts, key=lambda part: mean_filled(sampling.bin_counts(part, block)).var())


def _halves(frame: np.ndarray, block: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two independent estimates of the block sums, about zero."""
    y, x = np.indices(frame.shape)
    white = (y + x) % 2 == 0
    sums = [sampling.bin_counts(np.where(mask, frame, np.nan), block) for mask in (white, ~white)]
    filled = [mean_filled(s) for s in sums]
    return filled[0] - filled[0].mean(), filled[1] - filled[0].mean()


def _fission(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two estimates about zero with independent noise, of an image whose noise is white.

    Fresh noise of the same level is added to one and taken from the other (data fission, Leiner et
    al., arXiv 2112.11079).
    """
    from ..noise.level import noise_level

    even = image - image.mean()
    fresh = np.random.default_rng(0).normal(0, noise_level(image), image.shape)
    return even + fresh, even - fresh


def _predict(card: ModelCard, counts: np.ndarray, device: Any) -> np.ndarray:
    from . import tiling

    scale = counts.std() or 1.0
    normal = (counts / scale).astype(np.float32)
    return tiling.run(load_network(card, device), normal, device) * scale
