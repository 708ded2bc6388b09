"""How much a movie network and the rules of ``fusion`` suit a movie: what predicts held-out values.

Of a few frames a version with noise added is shown to both, and an independent one is held out
(``windows.Windows.split``). The rules see the block sums of the frames around it as they are. The
errors of the two differ, so a mean of both can be better than either.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from ..denoising.denoiser import Denoiser
from ..frames import mean_filled
from .fusion import fused_frames
from .windows import Windows, clarity

_logger = logging.getLogger(__name__)

_CLEAR = 1.0  # standard errors by which another way must be better than a simpler one
_LOOKS = 2  # frames that decide, spread over the movie
_DIGITS = 2  # of the share


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
    looks: list[np.ndarray] = []  # (2, 2, H, W): of two pairs, network less rules, held out less
    for number in np.linspace(0, count - 1, 2 * _LOOKS + 1).astype(int)[1::2].tolist():
        around = windows.window(number)
        if around is None:
            continue
        pairs = []
        for shown, held in windows.split(number):
            ruled = _ruled(windows, worker, number, shown, count, neighbours, seed)
            pairs.append((windows.estimate(number, shown, around) - ruled, held - ruled))
        looks.append(np.array(pairs))
    if not looks:
        return Way(0.0, "rules; no frame has others of the same scene beside it")
    return _weighed(looks)


def _weighed(looks: list[np.ndarray]) -> Way:
    """The way that predicts held-out values best, the simpler one where that is not clear."""
    along = sum(float((look[:, 0] * look[:, 1]).sum()) for look in looks)
    square = sum(float((look[:, 0] ** 2).sum()) for look in looks)
    share = round(min(max(along / (square or 1.0), 0.0), 1.0), _DIGITS)

    def better(one: float, other: float) -> float:
        """By how many standard errors a share predicts better than another one."""
        errors = [
            [((look[:, 1] - w * look[:, 0]) ** 2).mean(0) for w in (other, one)] for look in looks
        ]
        return float(np.sum([clarity(a - b) for a, b in errors]) / np.sqrt(len(looks)))

    z = better(share, 0.0)
    _logger.debug("share of the movie network %s, better by %.1f standard errors", share, z)
    if z <= _CLEAR:
        return Way(0.0, "rules; the movie network adds nothing clear to what they predict")
    words = f"held-out electrons better than rules, by {z:.1f} standard errors"
    if better(share, 1.0) <= _CLEAR:
        return Way(1.0, f"the movie network predicts {words}")
    return Way(share, f"{share:.0%} of the movie network with the rest by rules predict {words}")


def _ruled(
    windows: Windows,
    worker: Denoiser,
    number: int,
    shown: np.ndarray,
    count: int,
    neighbours: int,
    seed: int,
) -> np.ndarray:
    """(H, W) a frame's working image about zero by the rules, which are shown a version of it."""
    working = windows.working(number)
    frames: list[np.ndarray] = []
    place, dark = 0, worker.camera.dark - worker.source.offset  # frames have the offset of a pixel
    first = max(0, min(number - neighbours, count - 2 * neighbours - 1))
    for t in range(first, min(count, first + 2 * neighbours + 1)):
        seen = windows.seen(t)
        if seen is None:
            continue
        sums = mean_filled(seen.sums())
        if t == number:
            place = len(frames)
            sums = working.restored(shown + working.image.mean())
        frames.append(sums - dark)
    fused = list(fused_frames(frames, worker.on_blocks(), neighbours, seed=seed))
    ready = working.like(fused[place] + dark)
    result: np.ndarray = ready - ready.mean()
    return result
