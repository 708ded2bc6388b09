"""Frames of a movie as a movie network sees them: each with those around it.

What a frame's window holds follows from the frames in it alone, so frames can be denoised in any
order, and after an interruption those that are missing. Neighbours are brought to the brightness of
the middle frame, and by whole working pixels to its place where the scene has moved by one or more.
Those that are blank, damaged, beyond the movie's ends or beyond a cut are left out: the network was
trained with such gaps.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np

from .. import sampling
from ..denoising.denoiser import Around, Denoiser
from ..errors import BlankImage, SBDError
from ..micrograph.frames import Level, mean_filled
from ..noise.level import noise_level
from ..noise.working import Working
from .register import register
from .track import JITTER, REACH, lit_values
from .tracker import SMOOTHED, agreement, smooth

Value = TypeVar("Value")

_BRIGHTNESS = 3.0  # times that of the middle frame, beyond which a neighbour is left out
_CUT = 0.5  # agreement of successive frames below which another scene begins
_CLEAR = 3.0  # standard errors by which it must be below
_KEPT = 8  # frames in memory, beside those of a window
_EVERY = 32  # frames for which one of them decides
_ENOUGH = 12_000  # working pixels of the frames that decide
_BETTER = 1.0  # standard errors by which the window must predict better than the frame alone
_HELD_OUT = 0.5  # standard deviation of the noise that is added, over that of the frame


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame made ready.

    Parameters
    ----------
    values
        (Y, X) in file units, NaN for outliers.
    brightness
        Its mean above the offset.
    block, dark
        Pixels summed along y and x, and the file units of a block without electrons.
    """

    values: np.ndarray
    brightness: float
    block: tuple[int, int]
    dark: float
    _sums: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def repeats(self, other: Seen) -> bool:
        """Whether it holds the very values of another, noise and all, which tells nothing new."""
        alike = self.brightness == other.brightness
        return alike and np.array_equal(self.values, other.values, equal_nan=True)

    def sums(self, dy: int = 0, dx: int = 0, brightness: float | None = None) -> np.ndarray:
        """Its block sums (H, W), as they would be at another brightness."""
        if (dy, dx) not in self._sums:
            padded = np.pad(self.values, ((dy, 0), (dx, 0)), constant_values=np.nan)
            self._sums[dy, dx] = sampling.bin_counts(padded, self.block)
        sums = self._sums[dy, dx]
        if brightness is None:
            return sums
        return (sums - self.dark) * (brightness / self.brightness) + self.dark


class Windows:
    """The windows of a movie.

    Parameters
    ----------
    worker
        With a movie network.
    read
        Gives a frame by its number, (Y, X) in file units; or a sentence where it cannot be read.
    count
        Frames of the movie.
    """

    def __init__(
        self, worker: Denoiser, read: Callable[[int], np.ndarray | str], count: int
    ) -> None:
        self._worker, self._read, self._count = worker, read, count
        self._half = worker.movie_network.frames // 2
        self._frames: Kept[Seen | None] = Kept(_KEPT + 4 * self._half)
        self._links: Kept[np.ndarray | None] = Kept(16 * _KEPT)
        self._chosen: Kept[bool] = Kept(count)
        sizes = np.array(worker.source.pixel_size_yx or (np.nan, np.nan)) * worker.block
        pixel = sampling.WORKING_PIXEL if np.isnan(sizes).any() else float(sizes.mean())
        self._jitter, self._reach = max(JITTER / pixel, 0.2), max(round(REACH / pixel), 2)

    def on_part(self, part: tuple[slice, slice]) -> Windows:
        """The windows of a part of the frames."""

        def read(number: int) -> np.ndarray | str:
            values = self._read(number)
            return values if isinstance(values, str) else values[part]

        return Windows(self._worker.on_part(part), read, self._count)

    def around(self, number: int) -> Around | None:
        """What the network shall see with a frame; None where it does better alone."""
        if not self._helps(number // _EVERY):
            return None
        return self.window(number)

    def window(self, number: int) -> Around | None:
        """What surrounds a frame; None where nothing does."""
        here = self.seen(number)
        offsets = range(-self._half, self._half + 1)
        others = {k: self._placed(number, k) for k in offsets if k}
        if here is None or all(other is None for other in others.values()):
            return None

        def stack(working: Working, middle: np.ndarray, dy: int, dx: int) -> np.ndarray:
            # where there is nothing, the middle frame stands once more
            result = np.repeat(middle[None], len(offsets), 0)
            for i, k in enumerate(offsets):
                other = others.get(k)
                if other is not None:
                    seen, shift = other
                    image = working.like(seen.sums(dy, dx, here.brightness))
                    image = image - image.mean()
                    to, source = _overlap(shift, middle.shape)
                    result[i][to] = image[source]
            return result

        return stack

    def _placed(self, number: int, step: int) -> tuple[Seen, np.ndarray] | None:
        """A neighbour, and how far the scene has moved there [whole working px]; None without."""
        there = number + step
        if not 0 <= there < self._count:
            return None
        here, seen = self.seen(number), self.seen(there)
        if here is None or seen is None:
            return None
        if not 1 / _BRIGHTNESS < seen.brightness / here.brightness < _BRIGHTNESS:
            return None
        if seen.repeats(here):
            return None
        way = self.way(number, there)
        return None if way is None else (seen, np.round(way).astype(int))

    def way(self, number: int, there: int) -> np.ndarray | None:
        """How far the scene moves from one frame to another, (2,) y, x [working px].

        None where another scene begins between them.
        """
        way = np.zeros(2)
        lit = [t for t in range(min(number, there), max(number, there) + 1) if self.seen(t)]
        for first, second in pairwise(lit):
            link = self._links.get((first, second), partial(self._link, first, second))
            if link is None:
                return None
            way += link
        result: np.ndarray = way * np.sign(there - number)
        return result

    def _link(self, first: int, second: int) -> np.ndarray | None:
        """How far the scene moves between two frames [working px]; None where it is another one."""
        one, two = (self.seen(t) for t in (first, second))
        assert one is not None and two is not None
        working = self.working(first)
        a, b = working.image, working.like(two.sums(brightness=one.brightness))
        a, b = a - a.mean(), b - b.mean()
        levels = noise_level(a), noise_level(b)
        plain, other = smooth(a), smooth(b)
        shift, known = register(
            other, b, float(np.hypot(*levels)), plain, np.zeros(2), self._jitter, self._reach
        )
        if not known.any():
            shift = np.zeros(2)
        to, source = _overlap(np.round(shift).astype(int), a.shape)
        alike, error = agreement(
            other[source],
            plain[to],
            levels[1] ** 2 * SMOOTHED,
            (levels[0] / max(levels[1], 1e-30)) ** 2,
        )
        if np.isnan(alike):  # the contrast is lost in noise, and so is the shift
            return np.zeros(2)
        return None if alike + _CLEAR * error < _CUT else shift

    def _helps(self, part: int) -> bool:
        """Whether frames of a part of the movie are predicted better with those around them.

        Decided by one of them, or by some where they are small: fresh noise e of a share a of its
        own standard deviation is added to its working image y, and ``y - e / a^2`` is then
        independent of ``y + e`` where the noise of y is Gaussian (data fission, Leiner et al.,
        arXiv 2112.11079). Both ways to denoise are shown the former and compared with the latter.
        """
        return self._chosen.get(part, lambda: self._test(part))

    def _test(self, part: int) -> bool:
        numbers = np.arange(part * _EVERY, min((part + 1) * _EVERY, self._count))
        middle = np.abs(numbers - numbers.mean()).argsort(kind="stable")
        found: list[float] = []
        for number in numbers[middle].tolist():
            around = self.window(number)
            if around is None:
                continue
            found.append(self._gain(number, around))
            seen = self.seen(number)
            assert seen is not None
            if len(found) * seen.sums().size > _ENOUGH:
                break
        return bool(float(np.sum(found)) > _BETTER * np.sqrt(len(found)))

    def _gain(self, number: int, around: Around) -> float:
        """How much better the window predicts held-out values, in standard errors."""
        better = []
        for shown, held in self.split(number):
            alone = (self._pass(self._worker.network, shown) - held) ** 2
            better.append(alone - (self.estimate(number, shown, around) - held) ** 2)
        return clarity(np.mean(better, 0))

    def working(self, number: int) -> Working:
        """A frame that is seen, as the network wants it."""
        seen = self.seen(number)
        assert seen is not None
        return self._worker.camera.working(seen.sums())

    def split(self, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs of independent versions of a frame's working image about zero: shown, held out.

        The noise that was added to one pair is taken from the other, so that it hardly matters.
        """
        seen = self.seen(number)
        assert seen is not None
        working = self.working(number)
        y = working.image - working.image.mean()
        fresh = np.random.default_rng([number, 8]).normal(0, noise_level(y), y.shape) * _HELD_OUT
        if working.is_plain and self._worker.lit is not None:
            bright = smooth(mean_filled(seen.sums())) - seen.dark
            # of counts, the variance goes with the mean
            fresh *= np.sqrt(np.clip(bright / max(float(bright.mean()), 1e-300), 0.05, None))
        return [(y + e, y - e / _HELD_OUT**2) for e in (fresh, -fresh)]

    def estimate(self, number: int, shown: np.ndarray, around: Around) -> np.ndarray:
        """(H, W) what the movie network makes of a version of a frame's working image."""
        return self._pass(self._worker.movie_network, around(self.working(number), shown, 0, 0))

    def _pass(self, network: Any, image: np.ndarray) -> np.ndarray:
        scale = image.std() or 1.0
        result: np.ndarray = self._worker.passes(network, (image / scale).astype(np.float32))
        return result * scale

    def seen(self, number: int) -> Seen | None:
        """A frame made ready; None where it is blank or cannot be read."""
        return self._frames.get(number, lambda: self._look(number))

    def _look(self, number: int) -> Seen | None:
        values = self._read(number)
        if isinstance(values, str):
            return None
        try:
            cleaned = self._worker.cleaned(lit_values(values, self._worker))
        except (BlankImage, SBDError):
            return None
        # where the offset does not tell brightness, all frames are of one
        told = self._worker.lit is not None
        brightness = Level.of(cleaned, self._worker.source.offset).mean if told else 1.0
        if brightness <= 0:
            return None
        return Seen(cleaned, brightness, self._worker.block, self._worker.camera.dark)


def clarity(better: np.ndarray) -> float:
    """A mean over its standard error, as neighbouring pixels are alike."""
    blocks = sampling.bin_counts(better, (8, 8))
    blocks = blocks[np.isfinite(blocks)]
    return float(blocks.mean() / (blocks.std() / np.sqrt(blocks.size) + 1e-30))


class Kept(Generic[Value]):
    """The last values that were asked for, each found once, by several threads."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.RLock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, find: Callable[[], Value]) -> Value:
        """The value of a key, found by ``find`` where it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            value = find()
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
            return value


def _overlap(shift: np.ndarray, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Where ``image[x + shift]`` goes, and where it comes from, for whole pixels."""
    to, source = [], []
    for s, n in zip(shift.tolist(), shape, strict=True):
        to.append(slice(max(0, -s), max(0, n - max(0, s))))
        source.append(slice(max(0, s), max(0, n + min(0, s))))
    return tuple(to), tuple(source)
