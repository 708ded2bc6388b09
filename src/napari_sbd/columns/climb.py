"""The way of many columns up their one likelihood, column by column with the latest neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import stop_if_asked
from .one_width import widest
from .overlap import turns
from .scene import Scene
from .systems import each, solve

_SETTLED = 1e-3  # of a width; a column that has less to go rests
_SLOWEST, _LEAP = 0.95, 4  # share of a step that the next one keeps at most; sweeps to a leap
_WIDER = 3.0  # times the start; no column is wider or narrower by more
_STRONGER = 5.0  # times the start; no column is stronger by more


class Climb:
    """Columns that are fitted.

    Parameters
    ----------
    scene
        What they are fitted to.
    start
        (N, 5) as ``GaussianFit.values``.
    free
        (N,) which ones move.
    tie
        Brings values that hang on others in line with these.
    """

    def __init__(
        self,
        scene: Scene,
        start: np.ndarray,
        free: np.ndarray,
        tie: Callable[[np.ndarray], None],
    ) -> None:
        self.values = start.copy()
        self._scene, self._start, self._free, self._tie = scene, start, free, tie
        strength, width = np.abs(start[:, 2]), start[:, 3]
        self._strength, self._width = strength, width
        self._most = np.maximum(np.fmin(_WIDER * width, widest(start[:, :2])), width)
        usual = np.maximum(strength, max(1e-3 * float(strength.max()), 1e-300))
        self._unit = np.column_stack([width, width, usual, width, usual])
        self._turn_of = turns(scene.others)

    def run(self, sweeps: int, enough: Callable[[np.ndarray], bool] | None = None) -> bool:
        """Climb until all rest; False where ``enough``, asked now and then, ended it before."""
        active = self._free.copy()
        last, kept = np.zeros_like(self.values), 0.0
        for sweep in range(sweeps):
            stop_if_asked()
            self._tie(self.values)
            if sweep % _LEAP == 0:
                if enough is not None and enough(self.values):
                    return False
                self._scene.lay_backgrounds(self.values)
                active = self._free & (self.gone < self._scene.radius)
            step = self._sweep(active)
            kept = _kept(step[active], last[active], kept)
            last = step
            # of overlapping columns each step is nearly the one before: all that follow at once
            if sweep % _LEAP == _LEAP - 1:
                far = step * kept / (1 - kept) * self._unit * np.array([0, 0, 1, 1, 1])
                self._take(active, far[active])
                last = np.zeros_like(step)
            moved = np.abs(step)[:, [0, 1, 3]].max(1, initial=0) > _SETTLED * (1 - kept)
            # a column rests once it and its neighbours do
            active = self._free & (moved | np.append(moved, False)[self._scene.others].any(1))
            if not active.any() and sweep >= _LEAP:
                break
        self._scene.lay_backgrounds(self.values)
        return True

    @property
    def gone(self) -> np.ndarray:
        """(N,) how far each is from its start [px]."""
        result: np.ndarray = np.hypot(*(self.values - self._start)[:, :2].T)
        return result

    def is_within(self) -> np.ndarray:
        """(N,) whether width and amplitude lie within their bounds."""
        ratio = self.values[:, 3] / self._width
        result: np.ndarray = (
            (ratio > 1.01 / _WIDER)
            & (ratio < 0.99 * _WIDER)
            & (self.values[:, 2] * self._start[:, 2] > 0)
            & (np.abs(self.values[:, 2]) < 0.99 * _STRONGER * self._strength)
        )
        return result

    def _sweep(self, active: np.ndarray) -> np.ndarray:
        """A step of each of these; (N, 5) how far they went, in widths and amplitudes."""
        previous = self.values.copy()

        def climb(part: np.ndarray) -> None:
            self._take(part, solve(*self._scene.evaluate(self.values, part)))

        for turn in range(int(self._turn_of.max(initial=-1)) + 1):
            each(climb, np.flatnonzero(active & (self._turn_of == turn)))
        result: np.ndarray = (self.values - previous) / self._unit
        return result

    def _take(self, part: np.ndarray, step: np.ndarray) -> None:
        """Take a step, shortened to where the linear model holds."""
        values, width, strength = self.values[part], self._width[part], self._strength[part]
        new = values + step
        limit = 0.5 * width[:, None]
        new[:, :2] = values[:, :2] + np.clip(step[:, :2], -limit, limit)
        limit = _STRONGER * strength
        new[:, 2] = np.clip(new[:, 2], -limit, limit)
        low = np.maximum(0.7 * values[:, 3], width / _WIDER)
        high = np.minimum(1.4 * values[:, 3], self._most[part])
        new[:, 3] = np.clip(new[:, 3], low, high)
        self.values[part] = new


def _kept(step: np.ndarray, last: np.ndarray, kept: float) -> float:
    """The share of its last step that a column usually takes again; as before if none moved."""
    square = (last**2).sum(1)
    going = square > 0
    if not going.any():
        return kept
    share = (step * last).sum(1)[going] / square[going]
    return float(np.clip(np.median(share), 0, _SLOWEST))
