"""Tune a model to one image or movie."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import sampling
from ..denoising.denoiser import Denoiser
from ..denoising.settings import TuningRequest
from ..errors import BlankImage, Cancelled, SBDError, in_words
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import as_micrograph, finite_or_nan, reference_number
from ..networks import is_bundled
from ..networks.choice import Modality
from ..noise.level import usual_level
from ..units import with_error
from . import layer, noises
from .adapt import Outcome, adapt
from .judge import Frame, Judge
from .losses import LOSSES
from .report import Report
from .tuned import Tuned, fingerprint

_logger = logging.getLogger(__name__)

Frames = Literal["reference", "all", "each"] | int

USUAL = TuningRequest()
_FIELD = 512  # working pixels along a side of the part of a frame that is looked at
_JUDGED = 4  # frames of a movie that are judged on, when it is tuned on all
_FAR = 30.0  # variances of the noise, beyond which what was put aside does not judge
_TAKEN_FOR = {noises.Counted: "counted electrons", noises.Gaussian: "white Gaussian noise"}


def gain_tune(
    image: Micrograph | np.ndarray,
    *,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    model: str | Path = "auto",
    modality: Modality = "auto",
    loss: str = USUAL.loss,
    tune: layer.Tune = "gains",
    steps: int = USUAL.steps,
    frames: Frames = "reference",
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    on_step: Callable[[int, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Tuned:
    """Adapt a trained network to one noisy image (GainTuning, arXiv 2107.12815).

    A share of the electrons is put aside before anything is tuned. Tuning ends where a part of them
    is predicted best, and the gains are kept only if the tuned network predicts the other part
    better than the untuned one, beyond the standard error. Otherwise the result is the untuned
    network, and the report says why.

    Parameters
    ----------
    image
        A micrograph, or an array (Y, X) or (T, Y, X) in any linear unit, at least 32 x 32 pixels.
    pixel_size
        nm, one number or (y, x); by default the micrograph's own.
    gain, offset
        File units per electron, and at zero electrons; by default the micrograph's own. Where the
        gain is unknown, the noise is taken for Gaussian.
    model, modality
        As in ``denoise``.
    loss
        ``"thinning"`` (needs the gain), ``"sure"``, ``"blind-spot"`` or ``"resampling"``, as
        described in ``losses``; ``"auto"`` is thinning for counted electrons, else SURE.
    tune
        ``"gains"``, one factor per channel of every convolution; or ``"all"`` weights, for
        comparison.
    steps
        At most; tuning ends earlier where it no longer helps.
    frames
        Of a movie: ``"reference"`` tunes on the first frame that is not blank, a number on that
        frame, ``"all"`` on all together, each of them giving the same gains for every frame;
        ``"each"`` tunes every frame for itself.
    device
        As in ``denoise``.
    seed
        The same seed on the same device gives the same result.
    progress
        Called with (done, total) steps.
    on_step
        Called with (step, score) now and then, the score being the error on electrons put aside.
    should_stop
        Asked before every step; True ends tuning, and the best so far is judged as always.

    Raises
    ------
    SBDError
        If the input cannot be used, with a sentence that says why.

    Examples
    --------
    >>> tuned = sbd.gain_tune(noisy, model="hrtem", steps=2)
    >>> better = sbd.denoise(noisy, gain_tuning=tuned)
    >>> unchanged = np.array_equal(better.data, denoised.data)
    >>> unchanged == (not tuned.report.kept)
    True
    """
    source = as_micrograph(image, pixel_size, gain, offset)
    with in_words():
        return tune_model(
            Denoiser(source, model=model, modality=modality, device=device),
            loss=loss,
            tune=tune,
            steps=steps,
            frames=frames,
            seed=seed,
            progress=progress,
            on_step=on_step,
            should_stop=should_stop,
        )


def tune_model(
    worker: Denoiser,
    *,
    loss: str = USUAL.loss,
    tune: layer.Tune = "gains",
    steps: int = USUAL.steps,
    frames: Frames = "reference",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    on_step: Callable[[int, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Tuned:
    """Adapt the model that was made ready for a micrograph; arguments as in ``gain_tune``."""
    _check(loss, tune, steps, seed)
    groups = _groups(worker.source, frames)
    total, found = steps * len(groups), []
    for s, group in enumerate(groups):
        found.append(
            _tune(
                worker,
                group,
                loss=loss,
                tune=tune,
                steps=steps,
                rng=np.random.default_rng([seed, s]),
                progress=partial(_tell, progress, s * steps, total),
                on_step=on_step or (lambda step, score: None),
                should_stop=should_stop or (lambda: False),
            )
        )
    _tell(progress, 0, total, total, 0)
    for _, report in found:
        _logger.debug("%s of %s noise: %s", report.loss, report.noise, report.reason)
    card = worker.card
    changes = {name: np.stack([c[name] for c, _ in found]) for name in found[0][0]}
    return Tuned(
        card.name if is_bundled(card) else str(card.path),
        card.sha256,
        tune,
        seed,
        changes,
        tuple(report for _, report in found),
        {
            "loss": loss,
            "steps": steps,
            "frames": frames if isinstance(frames, str) else int(frames),
        },
        fingerprint(worker.source),
    )


def _tell(
    progress: Callable[[int, int], None] | None, before: int, total: int, done: int, _: int
) -> None:
    if progress:
        progress(before + done, total)


def _check(loss: str, tune: str, steps: int, seed: int) -> None:
    if loss != "auto" and loss not in LOSSES:
        raise SBDError(f"The loss is auto, {', '.join(LOSSES)}; not {loss!r}.")
    if tune not in ("gains", "all"):
        raise SBDError(f"What is tuned is 'gains' or 'all' weights, not {tune!r}.")
    if not isinstance(steps, int | np.integer) or steps < 0:
        raise SBDError(f"The number of steps is a whole number from 0 up, not {steps!r}.")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise SBDError(f"The seed is a whole number from 0 up, not {seed!r}.")


def _groups(source: Micrograph, frames: Frames) -> list[list[int]]:
    """Which frames are tuned on together, as often as there are gains to be had."""
    stack = _stack(source)
    if isinstance(frames, int | np.integer) and not isinstance(frames, bool):
        if not -len(stack) <= frames < len(stack):
            raise SBDError(f"There is no frame {frames}; the image has {len(stack)}.")
        return [[int(frames)]]
    if frames == "reference":
        return [[reference_number(source)]]
    if frames == "all":
        return [list(range(len(stack)))]
    if frames == "each":
        return [[i] for i in range(len(stack))]
    raise SBDError(f"Frames are 'reference', 'all', 'each' or a number, not {frames!r}.")


def _stack(source: Micrograph) -> Any:
    return source.data if source.is_movie else source.data[None]


def _unless_blank(frame: Any) -> np.ndarray | None:
    try:
        return finite_or_nan(frame)
    except BlankImage:
        return None


def _tune(
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
    """The changes, half precision, and the report."""

    def untuned(reason: str) -> tuple[dict[str, np.ndarray], Report]:
        nothing = {n: np.zeros(c.numel(), np.float16) for n, c in places.items()}
        return nothing, Report(loss, tune, "unknown", reason)

    places = layer.over(worker.network, tune)[1]
    source, parts = worker.source, []
    noise: noises.Noise | None = None
    for frame in (_unless_blank(_stack(source)[i]) for i in group):
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
    stopped = f"Stopped after {outcome.steps} steps: " if outcome.cancelled else ""
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
