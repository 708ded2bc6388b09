"""One denoising under way: frame after frame, those that are looked at first; knows no Qt."""

from __future__ import annotations

import time
from collections.abc import Generator
from threading import Event
from typing import Any

import numpy as np

from ...denoising.denoiser import Denoiser
from ...errors import Cancelled, SBDError, in_words
from ...micrograph import Micrograph
from ...provenance import origin_of
from ..forms.preferences import obey_limits
from ..layers.micrographs import contrast_limits


class Run:
    """The work of a background thread on one image or movie.

    Parameters
    ----------
    source
        What to denoise.
    model, quality, device
        As in ``denoise``.
    frame
        The frame that is looked at.

    Attributes
    ----------
    settings
        Model, quality and device.
    result
        float32, NaN in frames not yet denoised; None until work begins.
    finished
        Numbers of the frames denoised.
    limits
        Contrast limits that show the signal of the first finished frame.
    left_out
        Frames that hold no image, with the sentence that says why.
    """

    def __init__(
        self,
        source: Micrograph,
        *,
        model: str = "auto",
        quality: str = "fast",
        device: str = "auto",
        frame: int = 0,
    ) -> None:
        self.source = source
        self.result: np.ndarray | None = None
        self.finished: list[int] = []
        self.left_out: dict[int, str] = {}
        self.limits = 0.0, 1.0
        self.seconds = 0.0
        self.settings: dict[str, Any] = {"model": model, "quality": quality, "device": device}
        self._count = source.shape[0] if source.is_movie else 1
        self._share = 0.0
        self._todo = set(range(self._count))
        self._begun: float | None = None
        self._denoiser: Denoiser | None = None
        self._stop = Event()
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
        """Whether ``cancel`` was called."""
        return self._stop.is_set()

    def work(self) -> Generator[int, None, None]:
        """Denoise in a background thread; yields the number of each frame that is done.

        Raises
        ------
        SBDError
            If the input cannot be used or the computation fails, never RuntimeError, which Qt
            generator workers swallow.
        """
        try:
            with in_words():
                yield from self._frames()
        except Cancelled:
            return

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return (len(self.finished) + len(self.left_out) + self._share) / self._count

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
        assert self._denoiser is not None
        what = "" if self._count == 1 else f" {frames}"
        text = f"Denoised{what} in {self.seconds:.2g} s on {self._denoiser.device}."
        return " ".join([text, *(f"Frame {i}: {why}" for i, why in self.left_out.items())])

    @property
    def metadata(self) -> dict[str, Any]:
        """The source's metadata with the recipe of the result."""
        assert self._denoiser is not None
        whole = len(self.finished) == self._count
        partial = {} if whole else {"frames": sorted(self.finished)}
        # a long movie's file takes long to read: once, in the background, at the end
        return self._denoiser.annotate(self.source, not self._todo, seed=0, **partial).metadata

    def _frames(self) -> Generator[int, None, None]:
        obey_limits()
        self.result = np.full(self.source.shape, np.nan, np.float32)
        frames = self.result if self.source.is_movie else self.result[None]
        self._denoiser = Denoiser(self.source, **self.settings)
        self._begun = time.monotonic()
        todo = self._todo
        while todo and not self.cancelled:
            i = min(todo, key=lambda k: (abs(k - self._frame), k < self._frame))
            data = np.asanyarray(self.source.data[i] if self.source.is_movie else self.source.data)
            todo.remove(i)
            try:
                frames[i] = self._denoiser(data, self._tick, self._stop.is_set)
            except Cancelled:
                raise
            except SBDError as error:
                if len(self.left_out) + 1 == self._count:
                    raise
                self.left_out[i] = str(error)
                continue
            finally:
                self._share = 0.0
            if not self.finished:
                self.limits = contrast_limits(np.asarray(data), self._denoiser.block)
            self.finished.append(i)
            self.seconds = time.monotonic() - self._begun
            if not todo:
                origin_of(self.source)
            yield i

    def _tick(self, share: float) -> None:
        self._share = share


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
