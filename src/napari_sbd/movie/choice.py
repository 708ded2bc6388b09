"""How much a movie network and the rules of ``fusion`` suit a movie: what predicts held-out values.

Of a few frames, where they have most contrast, a version with noise added is shown to both, and an
independent one is held out (``windows.Windows.split``). The rules see the block sums of the frames
around it as they are. The errors of the two differ, so a mean of both can be better than either.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from .. import sampling
from ..denoising.denoiser import Denoiser
from ..micrograph.frames import mean_filled
from ..networks.choice import liveliest
from .fusion import fused_versions
from .standstill import change
from .windows import Windows, clarity

_logger = logging.getLogger(__name__)

_CLEAR = 1.0  # standard errors by which another way must be better than a simpler one
_CHANGED = 1.6  # standard errors, from which a scene may change; one still movie of twenty has more
_LOOKS = 2  # frames that decide, spread over the movie
_SIDE = 96  # working pixels along a side of the part of them that is looked at
_DIGITS = 2  # of the share
_ALL = 0.95  # share, from which rules are not worth their time
_TILE = 8  # working pixels, within which errors hang together


@dataclass(frozen=True)
class Way:
    """How a movie is denoised, and why.

    Parameters
    ----------
    share
        Of the movie network in the result, 0 to 1; the rest is by the rules.
    reason
        In words.
    """

    share: float
    reason: str


def choose_way(
    windows: Windows, worker: Denoiser, count: int, neighbours: int, seed: int = 0
) -> Way:
    """Choose between the rules, a movie network and a mean of both.

    The share w of the network n beside the rules r is that which predicts the held-out values h
    best by least squares, ``sum (n - r) (h - r) / sum (n - r)^2``.

    Parameters
    ----------
    windows
        Of the movie.
    worker
        With a movie network.
    count
        Frames of the movie.
    neighbours
        Frames on each side that the rules take.
    seed
        Of the rules.
    """
    if worker.camera.noise is not None:
        return Way(1.0, "the movie network; rules and network were not compared, since the "
                        "noise is correlated")  # fmt: skip
    looked: list[tuple[int, tuple[slice, slice], Windows, range]] = []
    for number in np.linspace(0, count - 1, 2 * _LOOKS + 1).astype(int)[1::2].tolist():
        seen = windows.seen(number)
        if seen is None:
            continue
        part = liveliest(mean_filled(seen.sums()), worker.block, _SIDE, seen.values.shape)
        looked.append((number, part, windows.on_part(part), _window(number, count, neighbours)))
    changes = [change(near, number, window) for number, _, near, window in looked]
    if sum(changes) < _CHANGED * np.sqrt(len(looked)):
        return Way(0.0, "rules; frames differ by noise and drift alone")
    looks: list[np.ndarray] = []  # (2, 2, H, W): of two pairs, network less rules, held out less
    for number, part, near, window in looked:
        around = near.window(number)
        if around is None:
            continue
        shown, held = (np.array(s) for s in zip(*near.split(number), strict=True))
        ruled = _ruled(near, worker.on_part(part), number, shown, window, seed)
        made = np.array([near.estimate(number, version, around) for version in shown])
        looks.append(np.stack([made - ruled, held - ruled], 1))
    if not looks:
        return Way(0.0, "rules; no frame has others of the same scene beside it")
    return _weighed(looks)


def _window(number: int, count: int, neighbours: int) -> range:
    """Numbers of the frames that the rules take for one."""
    first = max(0, min(number - neighbours, count - 2 * neighbours - 1))
    return range(first, min(count, first + 2 * neighbours + 1))


def _weighed(looks: list[np.ndarray]) -> Way:
    """The way that predicts held-out values best, rules where that is not clear.

    The share is the least-squares one less its standard error, since rules are the safe side: what
    they gain is known, and frames that do not decide may lose.
    """
    sums = np.concatenate([_tiles(look) for look in looks], 1)  # of d d, d h and their tiles
    square, along = sums.sum(1)
    best = along / (square or 1.0)
    error = float(np.sqrt(((sums[1] - best * sums[0]) ** 2).sum())) / (square or 1.0)
    share = round(float(np.clip(best - error, 0, 1)), _DIGITS)
    errors = [_gain(look, share) for look in looks]
    z = float(np.sum([clarity(e) for e in errors]) / np.sqrt(len(looks)))
    _logger.debug("share of the movie network %s, better by %.1f standard errors", share, z)
    if not share or z <= _CLEAR:
        return Way(0.0, "rules; the movie network adds nothing clear to what they predict")
    words = f"held-out electrons better than rules, by {z:.1f} standard errors"
    if share >= _ALL:
        return Way(1.0, f"the movie network predicts {words}")
    return Way(share, f"{share:.0%} of the movie network with the rest by rules predict {words}")


def _tiles(look: np.ndarray) -> np.ndarray:
    """(2, tiles) sums of d d and d h over tiles within which errors hang together."""
    difference, held = look[:, 0], look[:, 1]
    products = (difference**2).sum(0), (difference * held).sum(0)
    return np.array([sampling.bin_counts(p, (_TILE, _TILE)).ravel() for p in products])


def _gain(look: np.ndarray, share: float) -> np.ndarray:
    """(H, W) by how much squared errors are smaller with a share of the network."""
    difference, held = look[:, 0], look[:, 1]
    result: np.ndarray = (held**2 - (held - share * difference) ** 2).mean(0)
    return result


def _ruled(
    windows: Windows,
    worker: Denoiser,
    number: int,
    shown: np.ndarray,
    window: range,
    seed: int,
) -> np.ndarray:
    """Versions (N, H, W) of a frame's working image about zero as the rules denoise them."""
    working = windows.working(number)
    here = windows.seen(number)
    frames: list[np.ndarray] = []
    place, dark = 0, worker.camera.dark - worker.source.offset  # frames have the offset of a pixel
    for t in window:
        seen = windows.seen(t)
        if seen is None or (here is not None and t != number and seen.repeats(here)):
            continue
        place = len(frames) if t == number else place
        frames.append(mean_filled(seen.sums()) - dark)
    versions = [working.restored(version + working.image.mean()) - dark for version in shown]
    fused = fused_versions(frames, place, versions, worker.on_blocks(), seed)
    ready = [working.like(version + dark) for version in fused]
    return np.array([version - version.mean() for version in ready])
