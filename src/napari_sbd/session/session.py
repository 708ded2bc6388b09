"""The one loop over the frames of an image or movie."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..denoising.denoiser import Denoiser
from ..denoising.settings import Settings
from ..errors import BlankImage, SBDError, warn
from ..files import file_checksum
from ..micrograph import Micrograph
from ..micrograph.frames import frame_told
from ..noise.fixed_pattern import doubt_fixed_pattern
from ..recipe import origin_of, recipe, with_recipe
from ..region import Region
from .fates import Fate, Frame, fate_with, warn_of, with_fate
from .gains import found_gains, given_gains, noted
from .neighbours import Neighbours
from .source import Source

if TYPE_CHECKING:
    from ..denoising.denoiser import Around

_logger = logging.getLogger(__name__)

_GAINS = "gains.safetensors"
_ALONE = "Those around it do not help to predict it."
Progress = Callable[[float, float], None]
Tick = Callable[[float], None]


class Session:
    """A model made ready for an image or movie, and tuned where that is asked for.

    Parameters
    ----------
    image
        What to denoise.
    settings
        How.
    kept
        A folder in which is kept what was found out about the image and its frames, and from which
        it is then taken.
    progress
        Called with (done, total), in frames; tuning counts as one more.
    should_stop
        Asked before every tile; True raises ``Cancelled``.

    Attributes
    ----------
    settings
        How.
    source
        The frames that were chosen, with the calibration that was told.
    worker
        The model.
    tuned
        Its gains; None without.
    source_state
        Size [bytes] and time of change [ns] of the source's file as it was at first.

    Raises
    ------
    SBDError
        If the input cannot be used, with a sentence that says why.
    Cancelled
        If ``should_stop`` said so while tuning.
    """

    def __init__(
        self,
        image: Micrograph,
        settings: Settings,
        *,
        kept: Path | None = None,
        progress: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.settings = settings
        self._stop = should_stop or (lambda: False)
        self._progress = progress or (lambda done, total: None)
        self._first = int(settings.tuning is not None)
        self._frames = Source(image, settings)
        self.source, self.source_state = self._frames.image, self._frames.state
        self.tuned, which = given_gains(settings)
        drawn = settings.region
        self._part = None if drawn is None else Region.of(drawn).on(self.source.shape)
        self.worker = Denoiser(
            self._cut(self.source),
            modality=settings.modality,
            quality=settings.quality,
            device=settings.device,
            **which,
            **settings.camera,
        )
        self._movie = Neighbours(settings, self._read_part, len(self), kept)
        self.worker, self._windows, self._way = self._movie.seen_by(self.worker)
        if settings.neighbours and self.source.is_movie:
            for sentence in doubt_fixed_pattern(self._cut(self.source)):
                warn(sentence)
        if settings.tuning:
            self.tuned = found_gains(
                self.worker,
                settings,
                kept and kept / _GAINS,
                lambda share: self._progress(share, self._first + len(self)),
                self._stop,
            )
        if self.tuned:
            self.tuned.check(self.worker.card, len(self))
        # gains of the whole movie are laid over the network once, those of frames when needed
        shared = self.tuned is not None and len(self.tuned.reports) == 1
        self._shared = self.worker.with_network(self._tuned_network(0)) if shared else self.worker

    def __len__(self) -> int:
        """How many frames the result has; 1 for a single image."""
        return len(self._frames.numbers)

    def tell(self, done: float) -> None:
        """Tell how many frames are done."""
        self._progress(self._first + done, self._first + len(self))

    def collect(self) -> Micrograph:
        """The whole result in memory, with its recipe; frames that were not denoised are told of.

        Raises
        ------
        SBDError, Cancelled
            As ``frames`` does.
        """
        result = np.empty((len(self), *self.source.shape[-2:]), np.float32)
        fates: dict[int, Fate] = {}
        reasons: dict[int, str] = {}
        filled: dict[int, int] = {}
        for frame in self.frames(tick=lambda index, share: self.tell(index + share)):
            result[frame.index] = frame.values
            fates[frame.index], reasons[frame.index] = frame.fate, frame.reason
            filled[frame.index] = frame.filled
        self.tell(len(self))
        warn_of(fates, reasons, self.settings.frames is not None)
        data = result.reshape(self.source.shape)
        return with_recipe(self.source.replace(data=data), self.entry(fates, filled))

    def frames(
        self, order: Iterable[int] | None = None, tick: Callable[[int, float], None] | None = None
    ) -> Iterator[Frame]:
        """Denoise frames one after the other.

        Parameters
        ----------
        order
            Numbers of frames, asked for one by one; all in their order by default. With the help of
            neighbours there is no other order, but it may begin where the results are not there.
        tick
            Called with the number of a frame and the share of it that is done.

        Raises
        ------
        SBDError
            If the source has vanished or changed, or the computation fails.
        Cancelled
            If ``should_stop`` said so.
        """
        told = tick or (lambda index, share: None)
        if self.in_order:
            numbers = range(len(self)) if order is None else order
            if not isinstance(numbers, range) or numbers != range(numbers.start, len(self)):
                raise SBDError("With neighbours, frames are denoised in their order only.")
            yield from self._with_neighbours(numbers.start, told)
            return
        for index in range(len(self)) if order is None else order:
            yield self.compute(index, self.read(index), partial(told, index))

    def read(self, index: int) -> np.ndarray | str:
        """A frame in file units; of a movie, a sentence that says why it cannot be read.

        Raises
        ------
        SBDError
            If the source as a whole has vanished or changed, or this is a single image.
        """
        return self._frames.read(index)

    def compute(
        self,
        index: int,
        values: np.ndarray | str,
        tick: Tick = lambda share: None,
        should_stop: Callable[[], bool] | None = None,
        part: tuple[slice, slice] | None = None,
    ) -> Frame:
        """Denoise what ``read`` gave, or a part of it; by several threads at a time, if need be."""
        if isinstance(values, str):
            nothing = np.full(self.source.shape[-2:], np.nan, np.float32)
            return Frame(index, nothing, "unreadable", values)
        values = np.asanyarray(values if part else self._cut(values))
        worker = self._shared
        if self.tuned is not None and len(self.tuned.reports) > 1:
            worker = worker.with_network(self._tuned_network(index))
        # of a part of a frame, as live mode shows it, there is no window
        around = self._around(index) if part is None else None
        worker = worker if part is None else worker.on_part(part)
        try:
            seen = self._windows.seen(index) if self._windows and part is None else None
            known = None if seen is None else seen.values
            result, mask = worker.denoised(values, tick, should_stop or self._stop, around, known)
            if self._windows and around is None:
                return self._whole(Frame(index, result, "alone", _ALONE, values, mask), part)
            done = Frame(index, result, fate_with(mask), raw=values, left_out=mask)
            return self._whole(done, part)
        except BlankImage as error:
            if not self.source.is_movie:
                raise
            blank = Frame(index, np.asarray(values, np.float32), "blank", str(error), values)
            return self._whole(blank, part)

    def _read_part(self, index: int) -> np.ndarray | str:
        """What is denoised of a frame, or why it cannot be read."""
        part: np.ndarray | str = self._cut(self.read(index))
        return part

    def _cut(self, values: Any) -> Any:
        """What of a frame or movie is denoised: the rectangle around the region."""
        return values if self._part is None or isinstance(values, str) else self._part.cut(values)

    def _whole(self, frame: Frame, shown: tuple[slice, slice] | None = None) -> Frame:
        """A frame of the region as one of the image; a part that is only shown stays as it is."""
        if self._part is None or shown is not None or frame.values.shape == self._part.shape:
            return frame
        values = self._part.whole(frame.values)
        left_out = frame.left_out
        if left_out is not None:
            left_out = self._part.whole(left_out, False)
        return replace(frame, values=values, left_out=left_out)

    def outlier_mask(self) -> np.ndarray:
        """bool, shape of the source, the pixels that are left out of frames that can be read."""
        mask = np.zeros((len(self), *self.source.shape[-2:]), bool)
        for index in range(len(self)):
            values = self.read(index)
            found = None if isinstance(values, str) else self.worker.left_out(self._cut(values))
            if found is not None:
                mask[index] = found if self._part is None else self._part.whole(found, False)
        return mask.reshape(self.source.shape)

    def entry(
        self,
        fates: Mapping[int, Fate],
        filled: Mapping[int, int] | None = None,
        checksum: bool = True,
    ) -> dict[str, Any]:
        """What the recipe says of this denoising.

        Parameters
        ----------
        fates
            Of the frames that came to an end, by their number.
        filled
            How many outliers they had.
        checksum
            Whether to read the whole file for its checksum, once.
        """
        _logger.debug("fates of frames: %s", Counter(fates.values()).most_common())
        extra: dict[str, Any] = {}
        if self._way is not None:
            extra |= {"movie_choice": self._way.reason, "movie_share": self._way.share}
        extra |= frame_told(self.source)
        if self.settings.frames is not None:
            extra["frames"] = self.settings.frames
        elif len(fates) < len(self):
            extra["frames"] = sorted(fates)
        for fate in ("alone", "blank", "unreadable"):
            if found := with_fate(fates, fate):
                extra[f"{fate}_frames"] = found
        if some := {str(i): n for i, n in sorted((filled or {}).items()) if n}:
            extra["outlier_filled_frames"] = some
        settings = {**self.settings.repeated(), **self.worker.found()}
        settings["shape"] = list(self.source.shape)
        settings["offset"] = self._frames.offset  # what is to be taken off once more
        for name, path in self.settings.files().items():
            settings[name] = str(Path(path).absolute())
            if checksum:
                extra[f"{name}_sha256"] = file_checksum(Path(path))
        return recipe(
            "denoise",
            origin_of(self.source, checksum),
            **settings,
            gain_tuning=noted(self.tuned, self.source, self.settings),
            **extra,
        )

    def _around(self, index: int) -> Around | None:
        """What the movie network sees with a frame; None without, or where it is better alone."""
        if self._windows is None:
            return None
        return self._windows.window(index) if self.in_order else self._windows.around(index)

    @property
    def in_order(self) -> bool:
        """Whether frames must be denoised in their order, since each depends on those before."""
        return self.settings.neighbours > 0 and (self._way is None or self._way.share < 1)

    def _tuned_network(self, index: int) -> Any:
        assert self.tuned is not None
        return self.tuned.over(self.worker.network, index)

    def _with_neighbours(self, first: int, tick: Callable[[int, float], None]) -> Iterator[Frame]:
        share = self._way.share if self._way else 0.0
        for frame in self._movie.fused(self.worker, first, tick, self._stop):
            frame = self._whole(frame)
            if share and frame.is_denoised:
                seen = self.compute(frame.index, self.read(frame.index))
                if seen.fate != "alone":
                    mean = (1 - share) * frame.values + share * seen.values
                    frame = replace(frame, values=mean)
            yield frame
