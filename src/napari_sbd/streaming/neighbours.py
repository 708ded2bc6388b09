"""A movie of any length denoised with neighbouring frames, into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..denoising.denoiser import Denoiser, Quality
from ..errors import in_words
from ..io import frame_writer, write
from ..micrograph import Micrograph
from ..movie.denoise import denoise_movie, frames_told
from ..movie.fusion import NEIGHBOURS, fused_frames
from ..provenance import history


def denoise_movie_into(
    movie: Micrograph,
    target: Path,
    *,
    neighbours: int = NEIGHBOURS,
    frames: str = "",
    model: str | Path = "auto",
    quality: Quality = "fast",
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> None:
    """``denoise_movie`` with few frames in memory, where the format takes frames one by one.

    The result grows in the folder ``TARGET.partial``, as that of ``denoise_file``. Each frame
    depends on those before, so what was interrupted begins again.

    Parameters
    ----------
    movie
        Lazy where it is large.
    target
        File to write; Zarr, TIFF and MRC take frames one by one.
    frames
        Which frames of the file the movie holds, for the recipe.
    neighbours, model, quality, device, seed, progress, should_stop
        As in ``denoise_movie``.

    Raises
    ------
    SBDError
        If the movie cannot be denoised or the file not be written.
    Cancelled
        If ``should_stop`` said so.
    """
    from .unfinished import unfinished

    options: dict[str, Any] = {"model": model, "quality": quality, "device": device}
    noted: dict[str, Any] = {"frames": frames} if frames else {}
    if not movie.is_movie or frame_writer(target) is None:
        told: dict[str, Any] = {"neighbours": neighbours, "seed": seed, "progress": progress}
        told["should_stop"] = should_stop
        result = denoise_movie(movie, **told, **options)
        history(result.metadata)[-1]["settings"] |= noted
        write(result, target)
        return
    with in_words(), unfinished(target.absolute().resolve(), resume=True) as work:
        worker = Denoiser(movie, **options)
        nothing = movie.replace(data=np.broadcast_to(np.float32(0), movie.shape))
        template = worker.annotate(nothing, seed=seed, neighbours=neighbours, **noted)
        job = {"source": str(movie.source), "neighbours": neighbours, "seed": seed, **noted}
        work.open(template, {**job, **{key: str(value) for key, value in options.items()}})
        told_frames = frames_told(movie.data, progress)
        stop = should_stop or (lambda: False)
        fusing = fused_frames(told_frames, worker, neighbours, seed=seed, should_stop=stop)
        for t, fused in enumerate(fusing):
            work.put(t, fused)
        work.finish(template)
