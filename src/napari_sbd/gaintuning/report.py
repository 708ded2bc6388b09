"""How an adaptation went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Report:
    """How an adaptation went.

    Scores are mean squared errors on electrons that were put aside, over the variance of their
    noise: 1 is a perfect prediction.

    Parameters
    ----------
    loss, tune
        What was minimised, and what was changed.
    noise
        What the noise was taken for, in words.
    untuned, tuned
        Scores of the untuned and of the tuned network; None where it did not come to that.
    untuned_error, tuned_error
        Their standard errors.
    gain, gain_error
        ``untuned - tuned``, and the standard error of this difference.
    curve
        (step, score) while tuning, on a smaller part that was put aside to tell when to stop.
    steps, best_step
        Done, and the one whose gains were judged.
    seconds
        Wall time.
    kept
        Whether the gains are applied.
    cancelled
        Whether tuning was ended early from outside.
    reason
        Why the gains are kept or not, in words.
    """

    loss: str
    tune: str
    noise: str
    reason: str
    kept: bool = False
    cancelled: bool = False
    untuned: float | None = None
    tuned: float | None = None
    untuned_error: float | None = None
    tuned_error: float | None = None
    gain: float | None = None
    gain_error: float | None = None
    curve: tuple[tuple[int, float], ...] = ()
    steps: int = 0
    best_step: int = 0
    seconds: float = 0.0


def together(reports: tuple[Report, ...]) -> Report:
    """One report for frames that were tuned one by one."""
    kept = sum(r.kept for r in reports)
    judged = [r for r in reports if r.gain is not None]

    def mean(name: str) -> float | None:
        return float(np.mean([getattr(r, name) for r in judged])) if judged else None

    def spread(name: str) -> float | None:
        if not judged:
            return None
        return float(np.sqrt(np.sum([getattr(r, name) ** 2 for r in judged])) / len(judged))

    first = reports[0]
    return Report(
        first.loss,
        first.tune,
        first.noise,
        f"The gains are kept for {kept} of {len(reports)} frames.",
        kept > 0,
        any(r.cancelled for r in reports),
        mean("untuned"),
        mean("tuned"),
        spread("untuned_error"),
        spread("tuned_error"),
        mean("gain"),
        spread("gain_error"),
        (),
        sum(r.steps for r in reports),
        max(r.best_step for r in reports),
        sum(r.seconds for r in reports),
    )
