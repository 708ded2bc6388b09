"""The frames that a denoising begins with, read one by one."""

from __future__ import annotations

import os
import threading

import numpy as np

from ..denoising.settings import Settings
from ..errors import SBDError, reason_unread
from ..io.raw_frames import frame_reader
from ..micrograph import Micrograph
from ..micrograph.frames import as_micrograph, frame_range
from ..noise.as_denoised import CORRECTIONS, camera_corrected
from ..recipe import was_moved


class Source:
    """The frames of an image or movie that settings choose, with the calibration that they tell.

    Parameters
    ----------
    image
        What to denoise.
    settings
        How.

    Attributes
    ----------
    image
        The frames that were chosen.
    numbers
        Theirs in the file; 0 for a single image.
    offset
        File units at zero electrons, as the file has them.
    state
        Size [bytes] and time of change [ns] of the file as it was at first; None without a file.

    Raises
    ------
    SBDError
        If the settings ask for what the image has not.
    """

    def __init__(self, image: Micrograph, settings: Settings) -> None:
        whole = as_micrograph(image, **settings.calibration)
        references = {name: getattr(settings, name) for name in CORRECTIONS}
        if any(references.values()) and was_moved(whole.metadata):
            raise SBDError(
                "The frames of this movie were moved to take out its drift, so dark, gain "
                "reference and fixed pattern do not lie on its pixels; give them to the drift."
            )
        self.offset = whole.offset
        whole = camera_corrected(whole, **references)
        self.numbers = frame_range(settings.frames, whole)
        self._reading = threading.Lock()
        chosen = self.numbers if settings.frames is not None else None
        part = None if chosen is None else whole.data[chosen.start : chosen.stop]
        self.image = whole if chosen is None else whole.replace(data=part)
        if settings.neighbours and not self.image.is_movie:
            raise SBDError(
                "Neighbouring frames need a movie (T, Y, X); denoise a single image alone."
            )
        # each frame is read on its own, where the file allows it from the file as it is now
        self._read = frame_reader(whole.data) if whole.is_movie else lambda _: whole.data
        self.state = _state_of(whole)

    def read(self, index: int) -> np.ndarray | str:
        """A frame in file units; of a movie, a sentence that says why it cannot be read.

        Raises
        ------
        SBDError
            If the source as a whole has vanished or changed, or this is a single image.
        """
        try:
            with self._reading:
                return np.asanyarray(self._read(self.numbers[index]))
        except MemoryError:
            raise
        except Exception as error:
            reason = reason_unread(error)
            if _state_of(self.image) != self.state:
                raise SBDError(
                    f"{self.image.source} has vanished or changed while it was read ({reason}); "
                    "the frames done so far are kept, resume when it is back."
                ) from error
            if not self.image.is_movie:
                raise SBDError(f"The data cannot be read any more: {reason}.") from error
            return reason


def _state_of(image: Micrograph) -> tuple[int, int] | None:
    if image.source is None:
        return None
    try:
        state = os.stat(image.source)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns
