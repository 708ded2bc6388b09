"""A movie denoised with the help of neighbouring frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..denoising.denoiser import Denoiser, Quality
from ..errors import SBDError, in_words
from ..frames import as_micrograph
from ..micrograph import Micrograph, PixelSize
from .fusion import NEIGHBOURS, fused_frames


def denoise_movie(
    movie: Micrograph | np.ndarray,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    *,
    neighbours: int = NEIGHBOURS,
    model: str | Path = "auto",
    quality: Quality = "fast",
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Any:
    """Estimate the noise-free movie, frame by frame with the counts of neighbouring frames.

    Drift is estimated on the way and taken out of the neighbours, by whole pixels. Where the scene
    is still, a frame gets the counts of all frames of its window; where it changes, those of the
    neighbours are weighted down (see ``movie.fusion``). One frame costs some two and a half times
    what ``denoise`` takes.

    Parameters
    ----------
    movie
        A micrograph, or an array (T, Y, X) in any linear unit.
    pixel_size, gain, offset, model, quality, device, progress, should_stop
        As ``denoise`` takes them. The offset matters here, since it tells the noise of dark places.
    neighbours
        Frames on each side of a frame: its window has ``2 neighbours + 1`` frames.
    seed
        Of the noise from which the expected difference of still frames is learned.

    Returns
    -------
    The expected value of each pixel, float32, same shape and units as the input.

    Raises
    ------
    SBDError
        If this is no movie, or cannot be denoised.
    Cancelled
        If ``should_stop`` said so.
    """
    source = as_micrograph(movie, pixel_size, gain, offset)
    if not source.is_movie:
        raise SBDError("Neighbouring frames need a movie (T, Y, X); denoise a single image alone.")
    stop = should_stop or (lambda: False)
    with in_words():
        result = np.empty(source.shape, np.float32)
        worker = Denoiser(source, model=model, quality=quality, device=device)
        frames = frames_told(source.data, progress)
        for t, fused in enumerate(
            fused_frames(frames, worker, neighbours, seed=seed, should_stop=stop)
        ):
            result[t] = fused
    if progress:
        progress(len(result), len(result))
    if not isinstance(movie, Micrograph):
        return result
    return worker.annotate(source.replace(data=result), seed=seed, neighbours=neighbours)


def frames_told(data: Any, progress: Callable[[float, float], None] | None) -> Iterator[Any]:
    """The frames, with word of each as it is asked for."""
    for t, frame in enumerate(data):
        if progress:
            progress(t, len(data))
        yield frame
