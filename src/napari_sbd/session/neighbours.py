"""Frames of a movie that help each other, and what is kept of them for another run."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..denoising.denoiser import Denoiser
from ..denoising.settings import Settings
from ..errors import SBDError
from ..files import replacing, write_bytes
from .fates import Frame, fate_with

if TYPE_CHECKING:
    from ..movie.choice import Way
    from ..movie.windows import Windows

_WAY, _MEMORY = "way.json", "memory.npz"
_BLANK = "It is blank or without beam."


@dataclass(frozen=True)
class Neighbours:
    """The frames of a movie, for those beside them.

    Parameters
    ----------
    settings
        How to denoise.
    read
        Gives a frame by its number, (Y, X) in file units; or a sentence where it cannot be read.
    count
        Frames of the movie.
    kept
        A folder in which is kept what was chosen and learned, and from which it is then taken.
    """

    settings: Settings
    read: Callable[[int], np.ndarray | str]
    count: int
    kept: Path | None = None

    def seen_by(self, alone: Denoiser) -> tuple[Denoiser, Windows | None, Way | None]:
        """Take a movie network where it was asked for or, among neighbours, where it helps.

        Returns
        -------
        The model, what its movie network sees, and how much of that goes into the result; None
        without such a network.
        """
        from ..movie.windows import Windows
        from ..networks import movie_model_of

        settings, worker = self.settings, alone
        if settings.model == "auto" and settings.neighbours and alone.camera.noise is None:
            card = movie_model_of(alone.card)
            worker = alone if card is None else alone.with_movie_network(card)
        if worker.movie_network is None:
            return worker, None, None
        name = worker.card.name
        if settings.gain_tuning:
            raise SBDError(f"Gain tuning is for models of images, and {name!r} is one for movies.")
        windows = Windows(worker, self.read, self.count)
        if not settings.neighbours:
            return worker, windows, None
        way = self._way(windows, worker)
        if settings.model != "auto":
            return worker, windows, way
        return (worker.explained(way.reason), windows, way) if way.share else (alone, None, way)

    def _way(self, windows: Windows, worker: Denoiser) -> Way:
        """The choice between rules and network, made once."""
        from ..movie.choice import Way, choose_way

        place = self.kept and self.kept / _WAY
        if place and place.exists():
            return Way(**json.loads(place.read_text("utf-8")))
        way = choose_way(windows, worker, self.count, self.settings.neighbours, self.settings.seed)
        if place:
            write_bytes(place, json.dumps(asdict(way)).encode())
        return way

    def fused(
        self,
        worker: Denoiser,
        first: int,
        tick: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Iterator[Frame]:
        """Denoise frames by the rules, in their order.

        Parameters
        ----------
        worker
            The model.
        first
            Number of the first frame that is wanted.
        tick
            Called with the number of each frame that is read, and 0.
        should_stop
            Asked before every pass of the network.
        """
        from ..movie.fusion import fused_frames

        n, place = self.settings.neighbours, self.kept and self.kept / _MEMORY
        memory = _remembered(place) if place else None
        if memory is not None and memory["first"] + n > first:
            memory = None
        begun = 0 if memory is None else memory["first"]
        fates: dict[int, Frame] = {}
        nothing = np.empty(0)

        def told() -> Iterator[np.ndarray]:
            for index in range(begun, self.count):
                tick(index, 0.0)
                values = self.read(index)
                if isinstance(values, str):
                    fates[index] = Frame(index, nothing, "unreadable", values)
                    values = np.full(worker.source.shape[-2:], np.nan, np.float32)
                else:
                    fates[index] = Frame(index, nothing, "blank", _BLANK)
                yield values

        def looked(index: int, left_out: np.ndarray | None) -> None:
            fates[index] = Frame(index, nothing, fate_with(left_out), left_out=left_out)

        fusing = fused_frames(
            told(),
            worker,
            n,
            seed=self.settings.seed,
            should_stop=should_stop,
            memory=memory,
            keep=partial(_remember, place) if place else None,
            looked=looked,
        )
        for index, values in enumerate(fusing, begun + n if memory else 0):
            frame = fates.pop(index)
            if index >= first:
                yield replace(frame, values=values)


def _remember(path: Path, memory: Mapping[str, Any]) -> None:
    """Write a memory of ``fused_frames`` as a file of arrays."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **dict(_flat(memory)))


def _flat(memory: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in memory.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{inside}{name}/")
        elif value is not None:
            yield inside + name, value


def _remembered(path: Path) -> dict[str, Any] | None:
    """What ``_remember`` wrote; None where nothing that is whole is there."""
    memory: dict[str, Any] = {}
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            for name in file.files:
                inside, _, last = name.rpartition("/")
                within = memory.setdefault(inside, {}) if inside else memory
                within[last] = file[name] if file[name].ndim else file[name].item()
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return memory
