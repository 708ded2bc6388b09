"""Denoise a file into a file, of any length."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..denoise import Progress, denoise
from ..denoising.denoiser import Denoiser, Quality
from ..errors import Cancelled, SBDError, in_words
from ..frames import as_micrograph
from ..io import check_writable, frame_writer, read, write
from ..micrograph import Micrograph, PixelSize
from ..provenance import history
from .overlap import overlapped
from .steps import Steps
from .unfinished import Unfinished, unfinished

if TYPE_CHECKING:
    from ..gaintuning import Tuned

_MOST_WORKERS = 4  # each holds a few frames and the activations of a pass


def denoise_file(
    source: str | Path,
    target: str | Path,
    pixel_size: PixelSize | None = None,
    gain: float | None = None,
    offset: float | None = None,
    *,
    frames: slice | None = None,
    model: str | Path = "auto",
    gain_tuning: bool | str | Path | Tuned = False,
    quality: Quality = "fast",
    device: str = "auto",
    seed: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Denoise an image or a movie of any length from file to file.

    Frames of a movie are read, denoised and written at the same time, a few in memory. The result
    grows in the folder ``TARGET.partial`` and gets its name when it is complete. After a fault, of
    the power, the disk or the process, ``resume=True`` computes the frames that are missing; the
    result is the same as without the fault. Frames that cannot be read become NaN, blank ones stay
    as they are; the recipe lists both, and a warning names them. Single images, and movies for
    formats other than Zarr, TIFF and MRC, are denoised in memory.

    Parameters
    ----------
    source
        A file that ``read`` reads.
    target
        A file, or a folder ``.zarr``, that ``write`` can write.
    pixel_size, gain, offset, model, gain_tuning, quality, device, seed
        As in ``denoise``. The model is chosen, and tuned, once for the movie.
    frames
        Of a movie, a range of frames without a step; all by default.
    resume
        Go on with an unfinished result; where there is none, begin.
    progress
        Called with (done, total), in frames.
    should_stop
        Asked before every tile, by several threads; True ends the work, which can be resumed.

    Returns
    -------
    The absolute path of the result.

    Raises
    ------
    SBDError
        If the input cannot be used or the result not be written; what was done is kept.
    Cancelled
        If ``should_stop`` said so.
    """
    target = Path(target).absolute()
    check_writable(target)
    target = target.resolve()
    m = as_micrograph(read(source), pixel_size, gain, offset)
    if target.exists() and m.source is not None and target.samefile(m.source):
        raise SBDError(f"The output {target} is also the input; choose another name.")
    numbers = _numbers(m, frames)
    chosen = m if frames is None else m.replace(data=m.data[frames])
    options: dict[str, Any] = {"model": model, "quality": quality, "device": device}
    if not m.is_movie or frame_writer(target) is None:
        told: dict[str, Any] = {"progress": progress, "should_stop": should_stop, "seed": seed}
        result = denoise(chosen, gain_tuning=gain_tuning, **options, **told)
        write(_noted(result, frames), target)
        return target
    if quality not in ("fast", "best"):
        raise SBDError(f"The quality is 'fast' or 'best', not {quality!r}.")
    stop = should_stop or (lambda: False)
    with unfinished(target, resume) as work, in_words():
        worker, tuned, settings = _prepared(chosen, gain_tuning, seed, options, work, stop)
        shape = (len(numbers), *m.shape[1:])
        blank = chosen.replace(data=np.broadcast_to(np.float32(0), shape))
        template = _noted(worker.annotate(blank, seed=seed, gain_tuning=settings), frames)
        steps = Steps(m, numbers, worker, tuned, work, stop)
        steps.begin(template)
        _run(steps, progress)
        steps.finish(template)
    _warn(steps)
    return target


def _run(steps: Steps, progress: Progress | None) -> None:
    """Denoise the frames that are missing."""
    import torch

    total, done = len(steps.numbers), len(steps.work.entries)
    missing = [i for i in range(total) if i not in steps.work.entries]
    threads = torch.get_num_threads()
    workers = min(threads, _MOST_WORKERS) if steps.worker.device.type == "cpu" else 1
    # Frames beside each other use cores better than threads within a frame.
    prepare = partial(torch.set_num_threads, threads // workers)
    try:
        for _ in overlapped(missing, steps.read, steps.compute, steps.write, workers, prepare):
            done += 1
            if progress:
                progress(done, total)
    finally:
        torch.set_num_threads(threads)


def _prepared(
    m: Micrograph,
    gain_tuning: Any,
    seed: int,
    options: dict[str, Any],
    work: Unfinished,
    stop: Callable[[], bool],
) -> tuple[Denoiser, Tuned | None, dict[str, Any] | None]:
    """A model made ready for a movie, its gains, and what the recipe says of them."""
    if not gain_tuning:
        return Denoiser(m, **options), None, None
    from ..gaintuning.tuned import given

    if gain_tuning is True:
        worker = Denoiser(m, **options)
        tuned = _tuned_once(worker, seed, work.folder / "gains.safetensors", stop)
    else:
        tuned, which = given(gain_tuning, options["model"])
        worker = Denoiser(m, **{**options, **which})
    tuned.check(worker.card, len(m.data))
    settings = tuned.settings(m)
    if gain_tuning is True:
        settings["on_this_image"] = True
    elif isinstance(gain_tuning, str | Path):
        settings["file"] = str(Path(gain_tuning).absolute())
    return worker, tuned, settings


def _tuned_once(worker: Denoiser, seed: int, kept: Path, stop: Callable[[], bool]) -> Tuned:
    """The gains that an earlier run kept in a file; else new ones, kept there."""
    from ..gaintuning import Tuned
    from ..gaintuning.tune import tune_model

    if not kept.exists():
        tuned = tune_model(worker, seed=seed, should_stop=stop)
        if tuned.report.cancelled:
            raise Cancelled("Stopped before the tuning was complete.")
        tuned.save(kept)
    return Tuned.load(kept)


def _numbers(m: Micrograph, frames: slice | None) -> range:
    """Numbers in the file of the frames of the result."""
    if frames is None:
        return range(m.shape[0] if m.is_movie else 1)
    if not m.is_movie or frames.step not in (None, 1):
        raise SBDError("A range of frames, without a step, can be chosen of a movie only.")
    numbers = range(m.shape[0])[frames]
    if not numbers:
        raise SBDError(f"The range chooses none of the {m.shape[0]} frames.")
    return numbers


def _noted(result: Micrograph, frames: slice | None) -> Micrograph:
    """Note in the recipe which frames were taken."""
    if frames is not None:
        text = ":".join("" if n is None else str(n) for n in (frames.start, frames.stop))
        history(result.metadata)[-1]["settings"]["frames"] = text
    return result


def _warn(steps: Steps) -> None:
    if blank := steps.having("blank"):
        warnings.warn(f"Frames {blank} are blank and were left as they are.", stacklevel=3)
    if lost := steps.having("unreadable"):
        reason = steps.work.entries[lost[0]].reason
        warnings.warn(f"Frames {lost} could not be read and are NaN ({reason}).", stacklevel=3)
