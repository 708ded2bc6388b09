"""Tune a network on one frame or several of them together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from .. import sampling
from ..denoising.denoiser import Denoiser
from ..errors import BlankImage, Cancelled, SBDError
from ..micrograph import Micrograph
from ..micrograph.frames import finite_or_nan
from ..noise.level import usual_level
from ..units import number_of, with_error
from . import layer, noises
from .adapt import Outcome, adapt
from .judge import Frame, Judge
from .report import Report

_FIELD = 512  # working pixels along a side of the part of a frame that is looked at
_JUDGED = 4  # frames of a movie that are judged on, when it is tuned on all
_FAR = 30.0  # variances of the noise, beyond which what was put aside does not judge
_TAKEN_FOR = {noises.Counted: "counted electrons", noises.Gaussian: "white Gaussian noise"}


def stack_of(source: Micrograph) -> Any:
    """The frames (T, Y, X) of a movie; an image is one of a single frame."""
    return source.data if source.is_movie else source.data[None]


def tuned_on(
    worker: Denoiser,
    group: list[int],
    *,
    loss: str,
    tune: layer.Tune,
    steps: int,
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
    on_step: Callable[[int, float], None],
    should_stop: Callable[[], bool],
) -> tuple[dict[str, np.ndarray], Report]:
    """Tune on some frames together: the changes, half precision, and the report.

    Parameters
    ----------
    worker
        Made ready for the micrograph.
    group
        Numbers of its frames.
    loss, tune, steps
        As in ``gain_tune``, checked.
    rng
        Draws what is put aside.
    progress
        Called with (done, total) in steps.
    on_step
        Called with a step and its score.
    should_stop
        Asked before every step; True ends the tuning with what was found.
    """

    def untuned(reason: str) -> tuple[dict[str, np.ndarray], Report]:
        nothing = {n: np.zeros(c.numel(), np.float16) for n, c in places.items()}
        return nothing, Report(loss, tune, "unknown", reason)

    places = layer.over(worker.network, tune)[1]
    source, parts = worker.source, []
    noise: noises.Noise | None = None
    for frame in (_unless_blank(stack_of(source)[i]) for i in group):
        if frame is None:
            continue
        sums, valid = _working(worker.camera.cleaned(frame)[0], worker.block)
        if (prepared := worker.camera.working(sums)).is_plain:
            offset = source.offset * worker.block[0] * worker.block[1]
            image, noise = noises.recognise(sums, source.gain, offset, loss)
        else:
            image, noise = _made_white(prepared.image, loss)
        if noise is None:
            return untuned(
                "The noise is neither that of counted electrons nor independent from pixel to "
                "pixel, so nothing could be put aside to judge by; the untuned network is kept."
            )
        image = np.where(valid, image, noise.draw(np.full_like(image, image.mean()), rng))
        parts.append(Frame(image.astype(np.float32), valid, noise, rng))
    if noise is None:
        return untuned("The frame is blank; it stays as it is.")
    if loss == "auto":
        loss = "thinning" if isinstance(noise, noises.Counted) else "sure"
    judged = [parts[i] for i in np.unique(np.linspace(0, len(parts) - 1, _JUDGED).astype(int))]
    error = 0.0
    with suppress(Cancelled):  # as where it is cancelled before the first step
        asked = Judge(judged, "stop", worker.network, worker.device, should_stop)
        error = float(asked.untuned.mean())
    if error > _FAR:
        return untuned(
            f"What was put aside lies {error:,.0f} variances of the noise from the prediction, so "
            "the noise is not what it seems, as that of a strongly filtered image, and nothing "
            "tells which network is better; the untuned network is kept."
        )
    outcome = adapt(
        worker.network,
        parts,
        judged,
        loss=loss,
        tune=tune,
        steps=steps,
        rng=rng,
        device=worker.device,
        progress=progress,
        on_step=on_step,
        should_stop=should_stop,
    )
    verdict = outcome.verdict
    report = Report(
        loss,
        tune,
        _TAKEN_FOR[type(noise)],
        _reason(outcome),
        kept=verdict is not None and verdict.clear,
        cancelled=outcome.cancelled,
        curve=tuple(outcome.curve),
        steps=outcome.steps,
        best_step=outcome.best_step,
        seconds=outcome.seconds,
        **(vars(verdict) if verdict else {}),
    )
    changes = outcome.changes
    return {n: changes[n].flatten().half().cpu().numpy() for n in places}, report


def _unless_blank(frame: Any) -> np.ndarray | None:
    try:
        return finite_or_nan(frame)
    except BlankImage:
        return None


def _made_white(image: np.ndarray, loss: str) -> tuple[np.ndarray, noises.Noise]:
    """An image whose noise was made white and even, in units of this noise."""
    if loss == "thinning":
        raise SBDError(
            "The loss 'thinning' needs counted electrons, and the noise of this camera is "
            "correlated or its light uneven; choose the loss sure or blind-spot."
        )
    # most frequencies tell, for a filter may have left nothing in the corners of the spectrum
    return image / (usual_level(image) or 1.0), noises.Gaussian(1.0)


def _reason(outcome: Outcome) -> str:
    stopped = f"Stopped after {number_of(outcome.steps, 'step')}: " if outcome.cancelled else ""
    verdict = outcome.verdict
    if verdict is None:
        return f"{stopped}no step predicted what was put aside better; the untuned network is kept."
    found = with_error(verdict.gain, verdict.gain_error)
    if verdict.clear:
        return f"{stopped}the tuned network predicts what was put aside better, by {found}."
    return (
        f"{stopped}the tuned network does not clearly predict what was put aside better ({found}); "
        "the untuned one is kept."
    )


def _working(frame: np.ndarray, block: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Block sums of the middle of a frame, finite, and where they rest on all their pixels."""
    window = []
    for n, b in zip(frame.shape, block, strict=True):
        side = min(n // b, _FIELD)
        start = (n // b - side) // 2 * b
        window.append(slice(start, start + side * b))
    part = frame[tuple(window)]
    held = sampling.bin_counts(np.isfinite(part).astype(np.float32), block)
    valid = held == block[0] * block[1]
    sums = sampling.bin_counts(np.where(np.isfinite(part), part, np.nan), block)
    if not valid.any():
        raise SBDError("Every block of pixels has some without data; the image cannot be tuned on.")
    return np.where(valid, sums, sums[valid].mean()), valid
