"""Denoisers compared on noisy data alone, and the one that was chosen; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...denoise import denoise
from ...denoising.filters import denoisers
from ...denoising.settings import Settings
from ...errors import Cancelled, SBDError
from ...micrograph import Micrograph
from ...noise import counts as electrons
from ...noise.as_denoised import CORRECTED
from ...quality import candidates, compare
from ...quality.samples import HANDS
from ...session.source import Source
from .work import Progress, ShouldStop

if TYPE_CHECKING:
    import pandas as pd

WAYS = {
    "one image, thinned": "thinning",
    "one image, pixel by pixel": "subsampling",
    "neighbouring frames": "frames",
    "frames of a still scene": "exposures",
}
OF_ONE = "thinning", "subsampling"


@dataclass(frozen=True, eq=False)
class Made:
    """What a denoiser made of the whole image."""

    name: str
    result: Micrograph


def made(
    m: Micrograph,
    name: str,
    told: dict[str, Any],
    correction: dict[str, Any],
    progress: Progress,
    should_stop: ShouldStop,
) -> Made:
    """The whole image by the denoiser of a name: by the network with its recipe.

    Parameters
    ----------
    m
        Image or movie.
    name
        Of a row of the scores.
    told, correction
        Model and modality; for the camera.
    progress, should_stop
        Of the task.

    Raises
    ------
    SBDError
        If it is the raw image.
    """
    asked: dict[str, Any] = {"network": {}, "network, best": {"quality": "best"}}
    asked["GainTuned"] = {"gain_tuning": True}
    if name in asked:
        told = {**told, **asked[name], **correction}
        told |= {"progress": progress, "should_stop": should_stop}
        return Made(name, denoise(m, **told))
    if name == "raw":
        raise SBDError("The raw image is there already.")
    m = _corrected(m, correction)
    run = denoisers(pixel_size=m.pixel_size, gain=m.gain, offset=m.offset)[name]
    frames = m.data if m.is_movie else [m.data]
    done = []
    for index, frame in enumerate(frames):
        if should_stop():
            raise Cancelled("Stopped before all frames were done.")
        done.append(run(np.asarray(frame)))
        progress(index + 1, len(frames))
    data = np.stack(done).reshape(m.shape).astype(np.float32)
    return Made(name, m.replace(data=data, metadata={**m.metadata, CORRECTED: correction}))


def _corrected(m: Micrograph, correction: dict[str, Any]) -> Micrograph:
    """An image as it is denoised."""
    return Source(m, Settings.of(**correction)).image if correction else m


def compare_denoisers(
    m: Micrograph,
    number: int,
    way: Any,
    options: dict[str, Any],
    correction: dict[str, Any],
    progress: Progress,
    should_stop: ShouldStop,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The scores, and what each denoiser makes of the frame of that number [file units].

    Parameters
    ----------
    m
        Image or movie.
    number
        Of the frame that is shown.
    way
        A value of ``WAYS``.
    options, correction
        As ``candidates`` takes them; for the camera.
    progress, should_stop
        Of the task.

    Raises
    ------
    SBDError
        If the data cannot be compared in this way, by its name in the form.
    """
    m = _corrected(m, correction)
    shown = m.frame(number)
    m = shown if way in OF_ONE else m
    if way == "thinning":
        electrons.refuse_unless_poisson(m)
    counted = electrons.in_electrons(m)
    judged_by = electrons.counted(m) if counted else m
    made_by = partial(
        candidates, pixel_size=m.pixel_size, counts=counted, should_stop=should_stop, **options
    )
    table = made_by(method=way)
    passes = len(table) + len(table) * {"thinning": HANDS, "subsampling": 4}.get(way, m.shape[0])
    done = 0

    def watched(image: np.ndarray, denoiser: Any) -> Any:
        nonlocal done
        if should_stop():
            raise Cancelled("Stopped before the comparison was complete.")
        result = denoiser(image)
        done += 1
        progress(done, passes)
        return result

    judged: dict[str, Any] = {name: partial(watched, denoiser=d) for name, d in table.items()}
    try:
        scores = compare(judged_by, judged, method=way)
    except SBDError as error:
        raise type(error)(_by_our_names(str(error))) from error
    gain, offset = judged_by.gain or 1.0, judged_by.offset
    frame = ((np.asarray(shown.data) - offset) / gain).astype(np.float32)
    # of all pixels and electrons, where the samples have fewer
    whole = {name: partial(watched, denoiser=d) for name, d in made_by(method="frames").items()}
    pictures = {name: whole[name](frame) * gain + offset for name in scores.index}
    return scores, {name: np.asarray(p, np.float32) for name, p in pictures.items()}


def _by_our_names(words: str) -> str:
    """A sentence that names ways to compare, as the form names them."""
    for ours, theirs in WAYS.items():
        words = words.replace(f"'{theirs}'", f'"{ours}"')
    return words.replace("The method", "The way")
