"""Frames of a watch that are denoised by the workers of a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from ..cluster import Crew
from ..denoising.settings import Settings
from ..errors import SBDError
from ..micrograph import Micrograph
from ..session import Fate
from .camera import Cameras

_ready: dict[str, tuple[Cameras, list[str]]] = {}
"""In a worker: the models made ready for the newest watch, and what was warned of."""
_lock = threading.Lock()


def denoised(
    watch: str, settings: Settings, first: Micrograph, image: Micrograph
) -> tuple[Micrograph | None, Fate, str, list[str]]:
    """Denoise a frame, as the watch itself would.

    Parameters
    ----------
    watch
        A name that no other watch has.
    settings
        How.
    first
        The frame by which the model of this camera was made ready, here as there.
    image
        (Y, X).

    Returns
    -------
    The result with its recipe, its fate, why, and all warnings of this camera so far.
    """
    with _lock:  # a worker may have several threads
        if watch not in _ready:
            said: list[str] = []
            _ready.clear()
            _ready[watch] = Cameras(settings, said.append), said
        cameras, said = _ready[watch]
        if cameras.first_like(image) is None:
            cameras.denoise(first)
    try:
        return *cameras.denoise(image), list(said)
    except (SBDError, ValueError) as error:
        return None, "unreadable", str(error), list(said)


class Helpers:
    """A cluster whose workers denoise frames of a watch.

    Parameters
    ----------
    scheduler
        Its address.
    settings
        How.
    say
        Called with each warning, once.

    Raises
    ------
    SBDError
        If no scheduler answers; from all methods, if it is lost.
    """

    def __init__(self, scheduler: str, settings: Settings, say: Callable[[str], None]) -> None:
        self._crew, self._settings, self._say = Crew(scheduler), settings, say
        self._watch, self._said = str(uuid4()), set[str]()

    def __len__(self) -> int:
        """How many frames are under way."""
        return len(self._crew)

    def has_room(self) -> bool:
        """Whether another frame would be begun soon."""
        return self._crew.has_room()

    def give(self, ticket: Any, first: Micrograph, image: Micrograph) -> None:
        """Have a frame denoised, of the camera with that first frame."""
        self._crew.give(ticket, denoised, self._watch, self._settings, first, image)

    def finished(self) -> list[tuple[Any, tuple[Micrograph | None, Fate, str]]]:
        """Tickets with result, fate and reason, as ``Cameras.denoise`` gives them."""
        found = []
        for ticket, (result, fate, reason, said) in self._crew.finished():
            for sentence in said:
                if sentence not in self._said:
                    self._said.add(sentence)
                    self._say(sentence)
            found.append((ticket, (result, fate, reason)))
        return found

    def close(self) -> None:
        """Leave the cluster."""
        self._crew.close()
