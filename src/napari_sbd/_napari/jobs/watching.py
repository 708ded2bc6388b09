"""A watch under way: what came last, made ready to be shown; knows no Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...measure.spectrum import box_spectrum
from ...units import number_of
from ...watch import Seen, Summary, watch
from ...watch.running import Running, RunningMean

_SIDE = 512  # pixels of the middle, whose spectrum is drawn
_REACH = 8.0  # 1/nm that are drawn
_PERCENTILES = 20, 99.9


@dataclass(frozen=True, eq=False)
class Shown:
    """What is to be seen after a frame.

    Parameters
    ----------
    running
        Its numbers, the frame and the mean.
    spectrum
        (h, w) 0 to 1, logarithm of the power of the mean's middle, zero frequency in the middle.
    reach
        Frequency at its edges [1/unit].
    """

    running: Running
    spectrum: np.ndarray
    reach: float


@dataclass
class Watching:
    """Follows a folder or file in a background thread, and keeps what came last.

    Parameters
    ----------
    source, output
        As ``watch`` takes them.
    frames
        Of the mean.
    settings
        Of ``watch``: how to denoise, and ``skip``.

    Attributes
    ----------
    newest
        Of the last frame that shows something.
    seen, skipped
        How many frames came through, and how many were left out for newer ones.
    waiting, delay_s
        After the last one.
    words
        What was said, newest last.
    """

    source: str
    output: str | None
    frames: int
    settings: dict[str, Any]
    newest: Shown | None = None
    seen: int = 0
    skipped: int = 0
    waiting: int = 0
    delay_s: float = 0.0
    words: list[str] = field(default_factory=list)

    def __call__(
        self, progress: Callable[[float, float], None], should_stop: Callable[[], bool]
    ) -> Summary:
        """Watch until it is to stop."""
        self._running = RunningMean(self.frames)
        return watch(
            self.source,
            self.output,
            on_frame=self._take,
            say=self.words.append,
            should_stop=should_stop,
            **self.settings,
        )

    @property
    def state(self) -> str:
        """How it goes, in words."""
        if not self.seen:
            return self.words[-1] if self.words else "Waiting for the first frame"
        more = {"skipped": self.skipped, "waiting": self.waiting}
        others = "".join(f", {n} {what}" for what, n in more.items() if n)
        return f"{number_of(self.seen, 'frame')}, the last after {self.delay_s:.2g} s{others}"

    def _take(self, seen: Seen) -> None:
        if seen.fate == "skipped":
            self.skipped += 1
            return
        self.seen, self.waiting, self.delay_s = self.seen + 1, seen.waiting, seen.delay_s
        if seen.reason:
            self.words.append(f"{seen.arrival.path.name} [{seen.arrival.index}]: {seen.reason}")
        running = self._running(seen)
        if running is not None:
            self.newest = Shown(running, *_spectrum(running))


def _spectrum(running: Running) -> tuple[np.ndarray, float]:
    """Of the middle of the mean, and the frequency at its edges."""
    starts = [max(0, (n - _SIDE) // 2) for n in running.average.shape]
    box = (starts[0], starts[0] + _SIDE), (starts[1], starts[1] + _SIDE)
    found = box_spectrum(running.average, running.raw.pixel_size_yx, box)
    reach = float(min(-found.fy[0], -found.fx[0]))
    if found.unit == "nm":
        reach = min(reach, _REACH)
    power = found.power[np.abs(found.fy) <= reach][:, np.abs(found.fx) <= reach]
    logs = np.log(power + 1e-12 * power.max() + 1e-300)
    low, high = np.percentile(logs, _PERCENTILES)
    return np.clip((logs - low) / (high - low or 1.0), 0, 1), reach
