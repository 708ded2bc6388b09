"""Frames of a movie denoised with the counts of their neighbours.

For frame t, the counts n_s of each neighbour s, brought to the place of t, are added as

    w n_s + (1 - w) (f_t + u (n_s - f_s)),

with f the frames denoised on their own and w, u the weights of ``stillness``. Neighbours of
another brightness are brought to that of t first, and count for as much as they have electrons.
Where the scene is still (w = 1) these are plain counts, and the sum is an exposure of all frames.
Where it has changed (w = 0), the neighbour is corrected by the change that the single frames show,
which leaves of it only what the network did not explain; where it is another scene (u = 0),
nothing. So the noise of the sum is much the same everywhere, as the network was trained for.
``docs/multiframe.md`` says where the result is worse than f_t.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import sampling
from ..denoising.denoiser import Denoiser
from ..denoising.settings import NEIGHBOURS
from ..errors import BlankImage, SBDError
from ..micrograph.frames import mean_filled
from .change_detection import Stillness
from .register import moved
from .track import Look, Track

_EVERY = 16  # frames after which the expected difference is learned again
_FEW = 2  # noisy images, from which what is learned soon is forgotten
_CLEAR = 2.0  # standard errors that a shift must exceed for a neighbour to be moved
_FLICKER = 2.5  # standard errors by which the brightness of frames must differ
_LIT = 0.3  # of the mean brightness, below which a place says little of that of the frame


def fused_frames(
    frames: Iterable[Any],
    worker: Denoiser,
    neighbours: int = NEIGHBOURS,
    *,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
    memory: Mapping[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None] | None = None,
    looked: Callable[[int, np.ndarray | None], None] = lambda number, left_out: None,
) -> Iterator[np.ndarray]:
    """Denoise frames with the help of their neighbours, in order, in bounded memory.

    At most ``2 neighbours + 1`` frames are held. The first result comes after as many are read.

    Parameters
    ----------
    frames
        (Y, X) each, in file units.
    worker
        Made for the movie.
    neighbours
        Frames on each side; at the ends of the movie the window stays as long and reaches further
        to the other side.
    seed
        Of the noise from which the expected difference of still frames is learned.
    should_stop
        Asked before every pass of the network.
    memory
        With which to go on: ``frames`` then begin with number ``memory["first"]``, and the results
        ``neighbours`` later, as they would have been.
    keep
        Takes such a memory every 16 frames, when all results before its own were taken.
    looked
        Called with the number of each frame that is not blank, when it was looked at, and the
        pixels (Y, X) that were left out; None without any.

    Yields
    ------
    (Y, X) float32 expected values in file units, one for each frame. Blank frames as they are.

    Raises
    ------
    SBDError
        If the number of neighbours makes no sense.
    Cancelled
        If ``should_stop`` said so.
    """
    if neighbours != int(neighbours) or neighbours < 1:
        raise SBDError(f"The neighbours are a whole number from 1 up, not {neighbours}.")
    fusion = _Fusion(worker, seed, should_stop)
    begun = 0 if memory is None else int(memory["first"])
    if memory is not None:
        fusion.go_on(memory)
    paths: dict[int, dict[str, Any]] = {}  # of the scene, before some frames of the window
    window: deque[Look | np.ndarray] = deque(maxlen=2 * neighbours + 1)
    for t, frame in enumerate(frames, begun):
        if keep is not None and t % _EVERY == 0:
            paths[t] = fusion.track.tracker.memory
        seen = fusion.look(frame)
        if isinstance(seen, Look):
            looked(t, seen.left_out)
        window.append(seen)
        first = t - 2 * neighbours
        if first >= begun:
            path = paths.pop(first, None)
            if first > begun and path is not None and keep is not None:
                keep({"first": first, "path": path, **fusion.memory})
            for i in range(0 if first == 0 else neighbours, neighbours + 1):
                yield fusion.fuse(window, i)
    held = len(window)
    for i in range(neighbours + 1 if held > 2 * neighbours else 0, held):
        yield fusion.fuse(window, i)


def fused_versions(
    frames: Sequence[np.ndarray],
    place: int,
    versions: Sequence[np.ndarray],
    worker: Denoiser,
    seed: int = 0,
) -> list[np.ndarray]:
    """A frame denoised with the help of others, as it is and in other versions.

    Parameters
    ----------
    frames
        (Y, X) each, in file units: the window.
    place
        Of the frame in the window.
    versions
        (Y, X) of this frame, the first of which says where the scene is.
    worker, seed
        As ``fused_frames`` takes them.

    Returns
    -------
    (Y, X) expected values in file units, one for each version.
    """
    fusion = _Fusion(worker, seed, lambda: False)
    shown = [versions[0] if i == place else frame for i, frame in enumerate(frames)]
    window = deque(fusion.look(frame) for frame in shown)
    if place:
        fusion.fuse(window, 0)  # from which the expected difference is learned, as in a movie
    found = [fusion.fuse(window, place)]
    for version in versions[1:]:
        window[place] = fusion.again(window[place], version)
        found.append(fusion.fuse(window, place))
    return found


class _Fusion:
    """What goes along with the window."""

    def __init__(self, worker: Denoiser, seed: int, should_stop: Callable[[], bool]) -> None:
        self.track = Track(worker, should_stop=should_stop)
        self._block, self._stop = worker.block, should_stop
        self._final = worker.on_blocks(worker.quality)
        self._offset = worker.source.offset * worker.block[0] * worker.block[1]
        self._stillness = Stillness(self.track.inner, self._offset, seed)
        self._age = -1  # frames fused

    @property
    def memory(self) -> dict[str, Any]:
        """What it has learned of the frames that were fused."""
        return {"age": self._age, "stillness": self._stillness.memory}

    def go_on(self, memory: Mapping[str, Any]) -> None:
        """Take up what was learned of frames, and of the scene's path up to the window."""
        self._age, self._stillness.memory = memory["age"], memory["stillness"]
        self.track.tracker.memory = memory["path"]

    def look(self, frame: Any) -> Look | np.ndarray:
        """A frame at the working sampling; as it is if blank."""
        try:
            return self.track.look(frame)
        except BlankImage:
            return np.asarray(frame, np.float32)

    def again(self, seen: Look | np.ndarray, frame: np.ndarray) -> Look | np.ndarray:
        """Another version of a frame that was looked at, at the same place."""
        if not isinstance(seen, Look):
            return np.asarray(frame, np.float32)
        counts = sampling.bin_counts(frame, self._block)
        clean = self.track.inner(counts, should_stop=self._stop)
        return replace(seen, values=frame, counts=counts, clean=clean)

    def fuse(self, window: deque[Look | np.ndarray], i: int) -> np.ndarray:
        """The result (Y, X) for one frame of the window."""
        here = window[i]
        if not isinstance(here, Look):
            return here
        others = [w for k, w in enumerate(window) if k != i and isinstance(w, Look)]
        if not others:
            return self._spread(self._estimate(here.counts, 1), here)
        self._age += 1
        if self._age == 0:  # there is nothing better yet to learn from than the frame on its own
            self._stillness.learn(here.clean, here.level, draws=_FEW)
            better = self._fused(here, others)
            self._stillness.learn(better, here.level, forget=True)
        blocks = self._fused(here, others)
        if self._age and self._age % _EVERY == 0:
            self._stillness.learn(blocks, here.level)
        return self._spread(blocks, here)

    def _fused(self, here: Look, others: list[Look]) -> np.ndarray:
        """(h, w) block sums expected in a frame, with the help of others."""
        total, count = here.counts.copy(), 1.0
        for other in others:
            counts, clean = _placed(other, here, self._block)
            bright = 1.0
            if self.track.inner.lit is not None:
                bright = _brightness(here, other, clean, self._offset)
            counts, clean = (
                x if bright == 1 else (x - self._offset) / bright + self._offset
                for x in (counts, clean)
            )
            w, u = self._stillness.weights(here.clean, clean, here.level, other.level / bright)
            none = np.isnan(counts) | np.isnan(clean)
            n, f = (np.where(none, here.clean, x) for x in (counts, clean))
            # each counts as much as it has electrons, so that the sum is an exposure of all
            total += bright * (w * n + (1 - w) * (here.clean + u * (n - f)))
            count += bright
        return self._estimate(total, count)

    def _estimate(self, total: np.ndarray, count: float) -> np.ndarray:
        # of one frame, so that the offset is that of one
        result: np.ndarray = self._final(total / count, should_stop=self._stop)
        return result

    def _spread(self, blocks: np.ndarray, here: Look) -> np.ndarray:
        """Block sums spread over the pixels of a frame."""
        empty = np.isnan(blocks)
        fine = sampling.upsample(mean_filled(blocks), self._block, here.values.shape)
        if empty.any():
            hole = empty.repeat(self._block[0], 0).repeat(self._block[1], 1)
            fine[hole[: fine.shape[0], : fine.shape[1]]] = np.nan
        return fine


def _brightness(here: Look, other: Look, clean: np.ndarray, offset: float) -> float:
    """How bright another frame is over this one; 1 where they may well be alike.

    Most places tell, so one that has changed, as a particle that enters the field, does not. The
    offset must be known, or what is taken for brightness is offset in part.
    """
    one, two = here.clean - offset, clean - offset
    lit = np.isfinite(one) & np.isfinite(two) & (one > _LIT * np.nanmean(one))
    if not lit.any():
        return 1.0
    ratio = float(np.median(two[lit] / one[lit]))
    # of the median of normal values that are as good as the counts they come from
    error = np.hypot(here.level, other.level) / float(one[lit].mean()) * np.sqrt(np.pi / 2)
    clear = ratio > 0 and abs(ratio - 1) > _FLICKER * error / np.sqrt(lit.sum())
    return ratio if clear else 1.0


def _placed(other: Look, here: Look, block: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Counts and estimate of another frame on the blocks of this one, NaN where it holds no data.

    It is moved by whole pixels, so that counts stay counts.
    """
    way = other.shift - here.shift
    clear = np.abs(way) > _CLEAR * np.hypot(other.error, here.error)
    whole = np.round(np.where(clear, way, 0)).astype(int)
    if not whole.any():
        return other.counts, other.clean
    counts = np.full(here.counts.shape, np.nan)
    blocks, pixels = [], []
    for s, n, b in zip(whole, here.values.shape, block, strict=True):
        first, last = -(-max(0, -s) // b), min(n, n - s) // b  # blocks that both hold in full
        blocks.append(slice(first, max(first, last)))
        pixels.append(slice(first * b + s, max(first, last) * b + s))
    if all(p.stop > p.start for p in pixels):
        counts[tuple(blocks)] = sampling.bin_counts(other.values[tuple(pixels)], block)
    return counts, moved(other.clean, whole / block)
