"""The loop of a watch: the newest frame first, those that had to wait when there is time."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..denoising.settings import Settings, takes_settings
from ..errors import Cancelled, SBDError
from ..io import choices
from ..micrograph import Micrograph
from ..streaming.journal import fingerprint
from .arrivals import Arrival, Arrivals, Overwritten
from .begun import asked
from .camera import Cameras, Refused
from .elsewhere import Helpers
from .recipes import numbered
from .results import Line, Results

_logger = logging.getLogger(__name__)

_POLL = 0.05  # s between two looks at a source that shows nothing new
_SHARE = 4.0  # times as long as a look took passes until the next, as of drives that are slow
_AGAIN = 1.0  # s until something that failed for reasons outside is tried again


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame that came through.

    Parameters
    ----------
    arrival
        Where it came from.
    raw, result
        (Y, X) each; the result of an unreadable frame is None, and so is its raw image.
    fate
        denoised, blank, unreadable or skipped.
    delay_s
        From the moment when the frame was there [s].
    waiting
        Frames that are there and not denoised yet.
    reason
        Why it was not denoised.
    number
        How many frames had come before it.
    """

    arrival: Arrival
    raw: Micrograph | None
    result: Micrograph | None
    fate: str
    delay_s: float
    waiting: int
    reason: str = ""
    number: int = 0


@dataclass
class Summary:
    """What a watch came to.

    Parameters
    ----------
    fates
        How many frames were denoised, blank, unreadable, skipped.
    waiting
        Frames that were left when it ended, or that the settings did not fit; the next watch of the
        same folders takes them up.
    """

    fates: Counter[str] = field(default_factory=Counter)
    waiting: int = 0


@takes_settings
def watch(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    glob: str = "*",
    to: str = "ome.tif",
    skip: bool = False,
    preview: bool = False,
    scheduler: str | None = None,
    idle: float | None = None,
    sum_frames: int = 1,
    super_resolution: int = 1,
    on_frame: Callable[[Seen], None] = lambda seen: None,
    say: Callable[[str], None] = lambda sentence: None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> Summary:
    """Denoise frames while a camera writes them.

    The newest frame comes first, so that what is shown is what the microscope sees; frames that a
    faster camera left behind are denoised when there is time, the newest of them first. A frame is
    taken when it lies whole in its file and, where that cannot be told, when the file has not
    changed for 0.2 s; files that another program has locked are left until they are free.

    Parameters
    ----------
    source
        A folder into which files come, each an image or a stack that may grow; or one file. It need
        not exist yet, and may vanish and come back, as network drives do.
    output
        Folder of the results, and of ``watch.csv`` with a line for each frame. A watch that is
        begun again there goes on: nothing is lost, nothing done twice. None writes nothing.
    glob
        Which files of the folder; of ``*`` those that can be read.
    to
        Suffix of the results of single images. Stacks become OME-Zarr stores that grow.
    skip
        Leave frames out that had to wait, and count them.
    preview
        Of frames too large for that, denoise the middle alone, about 5 nm (900 pixels where the
        pixel size is unknown), which two cores do some five times a second. It is what the whole
        frame would give there; the recipe names the region, and the rest is NaN.
    scheduler
        Address of a dask.distributed scheduler, whose workers denoise all frames but the first of
        each camera; they need the same model and reference files. Frames are read, and results
        written, by this process.
    idle
        End when nothing new has come for this many seconds; None goes on until it is stopped.
    sum_frames, super_resolution
        How files are read, as ``read`` takes it: a sum comes when the last of its frames is there.
    on_frame
        Called with each frame that came through.
    say
        Called with sentences: what cannot be read, warnings, drives that vanish.
    should_stop
        Asked often; True ends the watch.
    **settings
        Those of ``Settings``; tuning, neighbours and a choice of frames are not for a watch.

    Raises
    ------
    SBDError
        If the settings cannot be used, the output cannot be written at first, or no scheduler
        answers or it is lost; the next watch then goes on.

    Examples
    --------
    >>> import napari_sbd as sbd
    >>> summary = sbd.watch("camera/", "denoised/", idle=0.0)  # what is there now
    >>> summary.fates["denoised"]
    0
    """
    chosen = Settings.of(**settings)
    if chosen.neighbours or chosen.frames is not None or chosen.tuning:
        raise SBDError(
            "A watch denoises each frame as it comes: leave out neighbours, frames and tuning "
            "(saved gains can be given)."
        )
    if preview and scheduler:
        raise SBDError("A preview is made by this computer; take it without a cluster.")
    place = Path(source).absolute()
    folder = None if output is None else Path(output).absolute()
    if folder and folder.resolve() == place.resolve():
        raise SBDError("The results need another folder than the images.")
    if idle is not None and not idle >= 0:
        raise SBDError(f"A watch ends after 0 seconds or more without anything new, not {idle:g}.")
    read_as = choices(sum_frames, super_resolution)
    cameras = Cameras(chosen, say, should_stop, preview)
    results = (
        closing(Results(folder, to, asked(chosen, preview, read_as)))
        if folder
        else nullcontext(None)
    )
    helpers = closing(Helpers(scheduler, chosen, say)) if scheduler else nullcontext(None)
    with results as kept, helpers as crew:
        arrivals = Arrivals(place, glob, say, kept.takes if kept else None, read_as)
        return _Watch(arrivals, cameras, kept, crew, skip, on_frame, say).run(idle, should_stop)


@dataclass(frozen=True, eq=False)
class _Done:
    """A frame that is not waiting any more, since when it was there, and what came of it."""

    arrival: Arrival
    since: float
    raw: Micrograph | None
    result: Micrograph | None
    fate: str
    reason: str


@dataclass
class _Watch:
    """What a watch needs while it goes on."""

    arrivals: Arrivals
    cameras: Cameras
    results: Results | None
    helpers: Helpers | None
    skip: bool
    on_frame: Callable[[Seen], None]
    say: Callable[[str], None]
    waiting: list[tuple[Arrival, float]] = field(default_factory=list)
    aside: dict[object, list[tuple[Arrival, float]]] = field(default_factory=dict)
    numbers: dict[tuple[str, int, int], int] = field(default_factory=dict)
    count: int = 0
    summary: Summary = field(default_factory=Summary)
    complaint: str = ""

    def run(self, idle: float | None, should_stop: Callable[[], bool]) -> Summary:
        last = next_look = time.monotonic()
        while not should_stop():
            now = time.monotonic()
            looks = now >= next_look
            found = self.arrivals.poll(now) if looks else []
            if looks:
                then = time.monotonic()
                next_look = then + _SHARE * (then - now)
            new = [arrival for arrival in found if not self._is_done(arrival)]
            self.waiting += [(arrival, now) for arrival in new]
            self.numbers.update((a.key, self.count + i) for i, a in enumerate(new))
            self.count += len(new)
            self._take_back()
            if self.waiting and (self.helpers is None or self.helpers.has_room()):
                last = now
                try:
                    self._next()
                except Cancelled:
                    break
            elif self.waiting or self.helpers:
                last = now
                time.sleep(_POLL)
            elif looks and self._is_over(idle, last, now):
                break
            else:
                time.sleep(_POLL)
        self.arrivals.say_left()
        aside = sum(map(len, self.aside.values()))
        self.summary.waiting = len(self.waiting) + len(self.helpers or ()) + aside
        return self.summary

    def _is_over(self, idle: float | None, last: float, now: float) -> bool:
        return idle is not None and now - last >= idle and not self.arrivals.unsettled(now)

    def _take_back(self) -> None:
        """Keep what the helpers have done."""
        for (arrival, since, raw), (result, fate, reason) in (
            self.helpers.finished() if self.helpers is not None else ()
        ):
            self._keep(_Done(arrival, since, raw, result, fate, reason))

    def _is_done(self, arrival: Arrival) -> bool:
        return self.results is not None and arrival.key in self.results.done

    def _next(self) -> None:
        """Take the newest frame; with ``skip`` the others are given up."""
        arrival, since = self.waiting.pop()
        raw = result = None
        try:
            raw = self.arrivals.read(arrival)
            if raw is None:
                self.waiting.insert(0, (arrival, since))
                time.sleep(_POLL)
                return
            raw = raw if arrival.alone else numbered(raw, arrival.index)
            first = self.cameras.first_like(raw)
            if self.helpers is not None and first is not None:
                self.helpers.give((arrival, since, raw), first, raw)
                self._give_up_others()
                return
            if first is None and self.results is not None:
                first = next(filter(self.cameras.is_like(raw), self.results.looked_at()), None)
            result, fate, reason = self.cameras.denoise(raw, first)
        except Cancelled:
            self.waiting.append((arrival, since))
            raise
        except Overwritten as error:
            self._keep(_Done(arrival, since, None, None, "skipped", str(error)))
            return
        except Refused as error:
            self._put_aside(arrival, since, error)
            return
        except OSError as error:
            if arrival.path.exists() or not arrival.path.parent.exists():
                self._try_again(arrival, since, f"{arrival.path} cannot be read: {error.strerror}")
                return
            fate, reason = "unreadable", "its file has vanished"
        except (SBDError, ValueError) as error:
            fate, reason = "unreadable", str(error)
        self._give_up_others()
        self._keep(_Done(arrival, since, raw, result, fate, reason))
        if raw is not None and self.cameras.first_like(raw) is not None:
            self.waiting[:0] = self.aside.pop(self.cameras.kind(raw), [])

    def _give_up_others(self) -> None:
        """With ``skip``, leave out all that wait for their turn."""
        others, self.waiting = (self.waiting, []) if self.skip else ([], self.waiting)
        for k, (other, began) in enumerate(others):
            reason = "a newer frame was there"
            if not self._keep(_Done(other, began, None, None, "skipped", reason)):
                self.waiting += others[k + 1 :]
                break

    def _put_aside(self, arrival: Arrival, since: float, refused: Refused) -> None:
        """Leave a frame to a watch with other settings, or until a model for such is ready."""
        aside = self.aside.setdefault(refused.kind, [])
        if not aside:
            self.say(
                f"{arrival.path.name} cannot be denoised with these settings: "
                f"{str(refused).rstrip('.')}. Such frames are left for a watch with settings that "
                "fit."
            )
        aside.append((arrival, since))

    def _keep(self, done: _Done) -> bool:
        """Write what came of a frame; it waits where that cannot be."""
        try:
            self._came_through(done)
        except SBDError as error:
            self._try_again(done.arrival, done.since, str(error).rstrip("."))
            return False
        return True

    def _try_again(self, arrival: Arrival, since: float, reason: str) -> None:
        """Keep a frame until what stands in its way is gone."""
        self.waiting.append((arrival, since))
        if reason != self.complaint:
            self.say(f"{reason}; trying again.")
        self.complaint = reason
        time.sleep(_AGAIN)

    def _came_through(self, done: _Done) -> None:
        arrival, fate, reason = done.arrival, done.fate, done.reason
        if done.raw is None:
            self.arrivals.pass_over(arrival)
        _logger.debug("frame %s: %s %s", arrival.key, fate, reason)
        path = ""
        if self.results is not None and done.result is not None:
            path = self.results.put(arrival, done.result, fate).name
        delay = time.monotonic() - done.since
        if self.results is not None:
            content = None if done.raw is None else fingerprint(done.raw.data)
            self.results.note(Line(*arrival.key, fate, round(delay, 3), path, reason, content))
        self.complaint = ""
        self.summary.fates[fate] += 1
        number, waiting = self.numbers.pop(arrival.key), len(self.waiting)
        self.on_frame(Seen(arrival, done.raw, done.result, fate, delay, waiting, reason, number))
