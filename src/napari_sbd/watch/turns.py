"""Whose turn it is in a watch: the newest frame, then those that had to wait."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import Cancelled, SBDError
from ..micrograph import Micrograph
from ..streaming.journal import fingerprint
from .arrivals import Arrival, Arrivals, Overwritten
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
class Turns:
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
        """Take turns until nothing new has come for ``idle`` seconds, or it is stopped.

        Raises
        ------
        SBDError
            If the source was never there.
        """
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
                self.arrivals.check_seen()
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
        state = self.arrivals.pass_over(arrival) if done.raw is None else None
        _logger.debug("frame %s: %s %s", arrival.key, fate, reason)
        path = ""
        if self.results is not None and done.result is not None:
            path = self.results.put(arrival, done.result, fate).name
        delay = time.monotonic() - done.since
        if self.results is not None:
            content = None if done.raw is None else fingerprint(done.raw.data)
            said = "" if state is None else f"{state[0]}@{state[1]}"
            line = Line(*arrival.key, fate, round(delay, 3), path, reason, content, said)
            self.results.note(line)
        self.complaint = ""
        self.summary.fates[fate] += 1
        number, waiting = self.numbers.pop(arrival.key), len(self.waiting)
        self.on_frame(Seen(arrival, done.raw, done.result, fate, delay, waiting, reason, number))
