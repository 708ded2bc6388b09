"""Tune a model to one image or movie."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ..denoising.denoiser import Denoiser
from ..denoising.settings import TuningRequest
from ..errors import SBDError, in_words
from ..micrograph import Micrograph, PixelSize
from ..micrograph.frames import as_micrograph, reference_number
from ..networks import is_bundled
from ..networks.choice import Modality
from . import layer
from .losses import LOSSES
from .on_frames import stack_of, tuned_on
from .tuned import Tuned, fingerprint

_logger = logging.getLogger(__name__)

Frames = Literal["reference", "all", "each"] | int

USUAL = TuningRequest()


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
    groups = groups_of(worker.source, frames)
    total, found = steps * len(groups), []
    for s, group in enumerate(groups):
        found.append(
            tuned_on(
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
    if progress and total:  # of no steps nothing can be told
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


def groups_of(source: Micrograph, frames: Frames) -> list[list[int]]:
    """Which frames are tuned on together, as often as there are gains to be had.

    Parameters
    ----------
    source
        An image or a movie.
    frames
        As ``gain_tune`` takes them.
    """
    stack = stack_of(source)
    if isinstance(frames, int | np.integer) and not isinstance(frames, bool):
        if not -len(stack) <= frames < len(stack):
            raise SBDError(f"There is no frame {frames}; the image has {len(stack)}.")
        return [[int(frames) % len(stack)]]
    if frames == "reference":
        return [[reference_number(source)]]
    if frames == "all":
        return [list(range(len(stack)))]
    if frames == "each":
        return [[i] for i in range(len(stack))]
    raise SBDError(f"Frames are 'reference', 'all', 'each' or a number, not {frames!r}.")
