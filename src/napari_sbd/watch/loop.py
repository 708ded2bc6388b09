"""The loop of a watch, from its settings to what it came to."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from ..denoising.settings import Settings, takes_settings
from ..errors import SBDError
from ..io import choices
from .arrivals import Arrivals
from .begun import asked
from .camera import Cameras
from .elsewhere import Helpers
from .results import Results
from .turns import Seen, Summary, Turns


@takes_settings
def watch(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    glob: str = "*",
    to: str = "ome.tif",
    skip: bool = False,
    preview: bool = False,
    scheduler: str | None = None,
    idle: float | None = None,
    sum_frames: int = 1,
    super_resolution: int = 1,
    on_frame: Callable[[Seen], None] = lambda seen: None,
    say: Callable[[str], None] = lambda sentence: None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> Summary:
    """Denoise frames while a camera writes them.

    The newest frame comes first, so that what is shown is what the microscope sees; frames that a
    faster camera left behind are denoised when there is time, the newest of them first. A frame is
    taken when it lies whole in its file and, where that cannot be told, when the file has not
    changed for 0.2 s; files that another program has locked are left until they are free.

    Parameters
    ----------
    source
        A folder into which files come, each an image or a stack that may grow; or one file. It need
        not exist yet, and may vanish and come back, as network drives do.
    output
        Folder of the results, and of ``watch.csv`` with a line for each frame. A watch that is
        begun again there goes on: nothing is lost, nothing done twice. None writes nothing.
    glob
        Which files of the folder; of ``*`` those that can be read.
    to
        Suffix of the results of single images. Stacks become OME-Zarr stores that grow.
    skip
        Leave frames out that had to wait, and count them.
    preview
        Of frames too large for that, denoise the middle alone, about 5 nm (900 pixels where the
        pixel size is unknown), which two cores do some five times a second. It is what the whole
        frame would give there; the recipe names the region, and the rest is NaN.
    scheduler
        Address of a dask.distributed scheduler, whose workers denoise all frames but the first of
        each camera; they need the same model and reference files. Frames are read, and results
        written, by this process.
    idle
        End when nothing new has come for this many seconds; None goes on until it is stopped.
    sum_frames, super_resolution
        How files are read, as ``read`` takes it: a sum comes when the last of its frames is there.
    on_frame
        Called with each frame that came through.
    say
        Called with sentences: what cannot be read, warnings, drives that vanish.
    should_stop
        Asked often; True ends the watch.
    **settings
        Those of ``Settings``; tuning, neighbours and a choice of frames are not for a watch.

    Raises
    ------
    SBDError
        If the settings cannot be used, the output cannot be written at first, the source was never
        there, or no scheduler answers or it is lost; the next watch then goes on.

    Examples
    --------
    >>> import napari_sbd as sbd
    >>> summary = sbd.watch("camera/", "denoised/", idle=0.0)  # what is there now
    >>> summary.fates["denoised"]
    0
    """
    chosen = Settings.of(**settings)
    if chosen.neighbours or chosen.frames is not None or chosen.tuning:
        raise SBDError(
            "A watch denoises each frame as it comes: leave out neighbours, frames and tuning "
            "(saved gains can be given)."
        )
    if preview and scheduler:
        raise SBDError("A preview is made by this computer; take it without a cluster.")
    place = Path(source).absolute()
    folder = None if output is None else Path(output).absolute()
    if folder and folder.resolve() == place.resolve():
        raise SBDError("The results need another folder than the images.")
    if idle is not None and not idle >= 0:
        raise SBDError(f"A watch ends after 0 seconds or more without anything new, not {idle:g}.")
    read_as = choices(sum_frames, super_resolution)
    cameras = Cameras(chosen, say, should_stop, preview)
    results = (
        closing(Results(folder, to, asked(chosen, preview, read_as)))
        if folder
        else nullcontext(None)
    )
    helpers = closing(Helpers(scheduler, chosen, say)) if scheduler else nullcontext(None)
    with results as kept, helpers as crew:
        arrivals = Arrivals(place, glob, say, kept.takes if kept else None, read_as)
        return Turns(arrivals, cameras, kept, crew, skip, on_frame, say).run(idle, should_stop)
