"""Results of a watch done once more, frame by frame and by the model that was made ready then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...denoising.settings import Plain, Settings
from ...errors import SBDError, warn
from ...micrograph import Micrograph
from ...recipe import CHOSEN, history, with_recipe
from ...watch.camera import Cameras
from ...watch.recipes import with_frame
from .plain import Origin

if TYPE_CHECKING:
    from .follower import Follower


class Looked(Plain):
    """The frame by which a watch made a model ready: its file, and its number in a stack."""

    path: str
    frame: int | None = None


def watched(
    image: Micrograph,
    looked: Looked,
    shape: tuple[int, ...],
    numbers: list[int] | None,
    settings: Settings,
    follower: Follower,
) -> Micrograph:
    """Denoise an image, or frames of a stack, as the watch did.

    Parameters
    ----------
    image
        The image, or the stack so far.
    looked
        By what the model was made ready.
    shape
        Of the result.
    numbers
        Of the frames that are done; None for all.
    settings
        How.
    follower
        Finds the file, and is told where it is gone.

    Raises
    ------
    SBDError
        If the image is another one.
    """
    cameras = Cameras(settings, warn, follower.tools["should_stop"] or (lambda: False))
    first = _first(looked, image, follower)
    if not image.is_movie:
        return cameras.denoise(image, first)[0]
    data = np.full(shape, np.nan, np.float32)
    step: dict[str, Any] | None = None
    for index in range(shape[0]) if numbers is None else numbers:
        result, fate, _ = cameras.denoise(image.frame(index), first)
        data[index] = result.data
        entry = next(iter(history(result.metadata)), None)
        step = with_frame(step, entry, fate, index, shape)
    whole = result.replace(data=data, frame_time=image.frame_time, metadata={})
    return with_recipe(whole, step) if step is not None else whole


def _first(looked: Looked, image: Micrograph, follower: Follower) -> Micrograph:
    """The frame by which the model was made ready; of the image itself where it is gone."""
    from ...io import read

    try:
        own = image.source is not None and image.source == Path(looked.path)
        as_image = image.metadata.get(CHOSEN, {})
        held = image if own else read(follower.find(Origin(path=looked.path)), **as_image)
        first = held.frame(looked.frame or 0)
    except (SBDError, IndexError):
        follower.remarks.append(
            f"{looked.path}, by which the model was made ready, is not there any more; it was made "
            "ready by the image itself."
        )
        return image.frame(0)
    return first if first.shape == image.shape[-2:] else image.frame(0)
