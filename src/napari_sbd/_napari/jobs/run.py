"""One denoising under way: frame after frame, those that are looked at first; knows no Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from threading import Event
from typing import Any

import numpy as np

from ...denoising.settings import Settings
from ...errors import Cancelled, in_words
from ...micrograph import Micrograph
from ...recipe import origin_of, with_recipe
from ...region import Region
from ...session import DONE, Fate, Session, with_fate
from ..layers.micrographs import contrast_limits
from .preferences import obey_limits


class Run:
    """The work of a background thread on one image or movie.

    Parameters
    ----------
    source
        What to denoise.
    settings
        How.
    frame
        The frame that is looked at.

    Attributes
    ----------
    result
        float32, NaN in frames that have not come to an end; None until work begins.
    fates
        Of the frames that have come to an end, by their number.
    limits
        Contrast limits that show the signal of the first denoised frame.
    """

    def __init__(
        self, source: Micrograph, settings: Settings | None = None, *, frame: int = 0
    ) -> None:
        self.source, self.settings = source, settings or Settings()
        self.result: np.ndarray | None = None
        self.fates: dict[int, Fate] = {}
        self.limits = 0.0, 1.0
        self.seconds = 0.0
        self._reasons: dict[int, str] = {}
        self._left_out: dict[int, np.ndarray] = {}
        self._count = source.shape[0] if source.is_movie else 1
        self._share = 0.0
        self._begun: float | None = None
        self._session: Session | None = None
        self._stop = Event()
        self._progress: Callable[[float, float], None] | None = None
        self._should_stop: Callable[[], bool] | None = None
        self.look_at(frame)

    def same_as(self, other: Run) -> bool:
        """Whether both denoise the same image in the same way."""
        pair = self.source, other.source
        facts = [(m.name, id(m.data), m.pixel_size, m.gain, m.offset) for m in pair]
        return facts[0] == facts[1] and self.settings == other.settings

    def look_at(self, frame: int) -> None:
        """Go on from this frame."""
        self._frame = min(max(frame, 0), self._count - 1)

    def cancel(self) -> None:
        """Stop before the next tile; finished frames stay."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether it was to stop."""
        return self._stop.is_set() or bool(self._should_stop and self._should_stop())

    def work(
        self,
        progress: Callable[[float, float], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Generator[int, None, None]:
        """Denoise in a background thread; yields the number of each frame that is done.

        Parameters
        ----------
        progress
            Called with (done, total), in frames.
        should_stop
            Asked before every tile; True ends the work as ``cancel`` does.

        Raises
        ------
        SBDError
            If the input cannot be used or the computation fails, never RuntimeError, which Qt
            generator workers swallow.
        """
        self._progress, self._should_stop = progress, should_stop
        try:
            with in_words():
                yield from self._frames()
        except Cancelled:
            return

    @property
    def finished(self) -> list[int]:
        """Numbers of the frames denoised."""
        return with_fate(self.fates, *DONE)

    @property
    def left_out(self) -> np.ndarray | None:
        """bool, shape of the source, the pixels that were left out; None without any."""
        if not self._left_out:
            return None
        mask = np.zeros((self._count, *self.source.shape[-2:]), bool)
        for index, pixels in self._left_out.items():
            mask[index].flat[pixels] = True
        return mask.reshape(self.source.shape)

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return (len(self.fates) + self._share) / self._count

    @property
    def progress(self) -> str:
        """How far the work is and how long it will take, in words."""
        if self._begun is None:
            return "Loading the model"
        where = f"{len(self.finished)} of {self._count} frames" if self._count > 1 else ""
        parts = [where, time_left(time.monotonic() - self._begun, self.share)]
        return ", ".join(part for part in parts if part) or "Denoising"

    @property
    def outcome(self) -> str:
        """What has come of it, in words."""
        frames = f"{len(self.finished)} of {self._count} frames"
        if self.cancelled:
            return f"Cancelled; {frames} denoised." if self.finished else "Cancelled."
        assert self._session is not None
        what = "" if self._count == 1 else f" {frames}"
        text = f"Denoised{what} in {self.seconds:.2g} s on {self._session.worker.device}."
        odd = sorted(i for i, fate in self.fates.items() if fate not in DONE)
        seen = self._session.worker.camera.seen
        if self.settings.region and Region.of(self.settings.region).corners:
            text += " Done for the rectangle around the region; what lies inside is measured."
        if alone := len(with_fate(self.fates, "alone")):
            text += f" {alone} alone, for those around them do not help."
        return " ".join([text, *seen, *(f"Frame {i}: {self._reasons[i]}" for i in odd)])

    @property
    def metadata(self) -> dict[str, Any]:
        """The source's metadata with the recipe of the result."""
        assert self._session is not None
        # a long movie's file takes long to read: once, in the background, at the end
        whole = len(self.fates) == self._count
        filled = {index: len(pixels) for index, pixels in self._left_out.items()}
        return with_recipe(self.source, self._session.entry(self.fates, filled, whole)).metadata

    def _frames(self) -> Generator[int, None, None]:
        obey_limits()
        self.result = np.full(self.source.shape, np.nan, np.float32)
        frames = self.result if self.source.is_movie else self.result[None]
        self._session = Session(self.source, self.settings, should_stop=lambda: self.cancelled)
        self._begun = time.monotonic()
        for frame in self._session.frames(self._order(), self._tick):
            frames[frame.index] = frame.values
            if not self.finished and frame.is_denoised and frame.raw is not None:
                self.limits = contrast_limits(frame.raw, self._session.worker.block)
            self.fates[frame.index], self._reasons[frame.index] = frame.fate, frame.reason
            if frame.left_out is not None:
                self._left_out[frame.index] = np.flatnonzero(frame.left_out)
            self.seconds, self._share = time.monotonic() - self._begun, 0.0
            if len(self.fates) == self._count:
                origin_of(self.source)
            yield frame.index

    def _order(self) -> Iterator[int]:
        """The frame that is looked at first, then those next to it."""
        todo = set(range(self._count))
        while todo and not self.cancelled:
            index = min(todo, key=lambda k: (abs(k - self._frame), k < self._frame))
            todo.remove(index)
            yield index

    def _tick(self, _index: int, share: float) -> None:
        self._share = share
        if self._progress:
            self._progress(self.share, 1)


def time_left(elapsed: float, share: float) -> str:
    """How long it will go on, in words; empty before anything is done.

    Parameters
    ----------
    elapsed
        s so far.
    share
        Part that is done, 0 to 1.
    """
    if share <= 0:
        return ""
    seconds = elapsed * (1 - share) / share
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 90 else f"about {seconds / 3600:.1f} h left"
