"""Whether a movie network or the rules of ``fusion`` suit a movie: what predicts held-out values.

Of a few frames a version with noise added is shown to both, and an independent one is held out
(``windows.Windows.split``). The rules see the block sums of the frames around it as they are.
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

_CLEAR = 1.0  # standard errors by which the network must be better
_LOOKS = 2  # frames that decide, spread over the movie


@dataclass(frozen=True)
class Way:
    """How a movie is denoised, and why."""

    by_rules: bool
    reason: str


def choose_way(
    windows: Windows, worker: Denoiser, count: int, neighbours: int, seed: int = 0
) -> Way:
    """Choose between a movie network and the rules.

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
        return Way(False, "the movie network; rules and network were not compared, since the "
                          "noise is correlated")  # fmt: skip
    found = []
    for number in np.linspace(0, count - 1, 2 * _LOOKS + 1).astype(int)[1::2].tolist():
        around = windows.window(number)
        if around is None:
            continue
        better = []
        for shown, held in windows.split(number):
            ruled = _ruled(windows, worker, number, shown, count, neighbours, seed)
            better.append((ruled - held) ** 2 - windows.error(number, shown, held, around))
        found.append(clarity(np.mean(better, 0)))
    _logger.debug("better than rules, by frame [standard errors]: %s", found)
    if not found:
        return Way(True, "rules; no frame has others of the same scene beside it")
    z = float(np.sum(found) / np.sqrt(len(found)))
    if z > _CLEAR:
        said = f"the movie network predicts held-out electrons better, by {z:.1f} standard errors"
        return Way(False, said)
    return Way(True, "rules; the movie network does not predict held-out electrons clearly better")


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
    return ready - ready.mean()
