"""Denoise a file into a file, of any length."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..denoising.settings import Settings, takes_settings
from ..errors import SBDError, in_words
from ..io import check_writable, frame_writer, read, write
from ..micrograph import Micrograph
from ..session import Progress, Session, warn_of
from .overlap import overlapped
from .steps import Steps
from .unfinished import unfinished

_MOST_WORKERS = 4  # each holds a few frames and the activations of a pass


@takes_settings
def denoise_file(
    source: str | Path,
    target: str | Path,
    *,
    resume: bool = False,
    sum_frames: int = 1,
    super_resolution: int = 1,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> Path:
    """Denoise an image or a movie of any length from file to file.

    Frames of a movie are read, denoised and written at the same time, a few in memory. The result
    grows in the folder ``TARGET.partial`` and gets its name when it is complete. After a fault, of
    the power, the disk or the process, ``resume=True`` computes the frames that are missing; the
    result is the same as without the fault. Frames that cannot be read become NaN, blank ones stay
    as they are; the recipe lists both, and a warning names them. Single images, and movies for
    formats other than Zarr, TIFF and MRC, are denoised in memory. With the help of neighbours each
    frame depends on those before, so up to 16 frames are computed again.

    Parameters
    ----------
    source
        A file that ``read`` reads.
    target
        A file, or a folder ``.zarr``, that ``write`` can write.
    **settings
        Those of ``Settings``. The model is chosen, and tuned, once for the movie.
    resume
        Go on with an unfinished result; where there is none, begin.
    sum_frames, super_resolution
        How the file is read, as ``read`` takes it.
    progress
        Called with (done, total), in frames; gain tuning counts as one more.
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

    Examples
    --------
    >>> sbd.write(movie, "movie.mrc")
    >>> path = sbd.denoise_file("movie.mrc", "movie.zarr", model="hrtem")
    >>> sbd.read(path).shape
    (3, 64, 64)
    """
    path = Path(target).absolute()
    check_writable(path)
    image = read(source, sum_frames=sum_frames, super_resolution=super_resolution)
    denoise_into(image, path, Settings.of(**settings), resume, progress, should_stop)
    return path


def denoise_into(
    image: Micrograph,
    target: Path,
    settings: Settings,
    resume: bool = False,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Session:
    """Denoise an image or a lazy movie into a file, as ``denoise_file`` does.

    Returns
    -------
    The session that did it, which knows model, gains and calibration.
    """
    target = target.absolute().resolve()
    if target.exists() and image.source is not None and target.samefile(image.source):
        raise SBDError(f"The output {target} is also the input; choose another name.")
    told: dict[str, Any] = {"progress": progress, "should_stop": should_stop}
    if not image.is_movie or frame_writer(target) is None:
        with in_words():
            session = Session(image, settings, **told)
            result = session.collect()
        write(result, target)
        return session
    with unfinished(target, resume) as work, in_words():
        session = Session(image, settings, kept=work.folder, **told)
        steps = Steps(session, work)
        steps.begin()
        if session.in_order:
            _in_order(steps)
        else:
            _beside_each_other(steps)
        steps.finish()
    warn_of(steps.fates, steps.reasons, settings.frames is not None)
    return session


def _in_order(steps: Steps) -> None:
    """Denoise the frames from the first that is missing, each with the help of those around it."""
    session, done = steps.session, set(steps.fates)
    first = next((i for i in range(len(session)) if i not in done), len(session))
    for frame in session.frames(range(first, len(session)), lambda i, share: session.tell(i)):
        if frame.index not in done:
            steps.write(frame.index, frame)
    session.tell(len(session))


def _beside_each_other(steps: Steps) -> None:
    """Denoise the frames that are missing, several at a time."""
    import torch

    session, done = steps.session, len(steps.fates)
    missing = [i for i in range(len(session)) if i not in steps.fates]
    threads = torch.get_num_threads()
    workers = min(threads, _MOST_WORKERS) if session.worker.device.type == "cpu" else 1
    # Frames beside each other use cores better than threads within a frame.
    prepare = partial(torch.set_num_threads, threads // workers)
    try:
        for _ in overlapped(missing, session.read, session.compute, steps.write, workers, prepare):
            done += 1
            session.tell(done)
    finally:
        torch.set_num_threads(threads)
