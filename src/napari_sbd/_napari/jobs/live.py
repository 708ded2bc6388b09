"""What live mode computes: the part of a frame that is looked at, in a bounded time; knows no Qt.

The preview of a part is made from that part and a margin around it. Its mean and its lattice are
those of the part, so it may differ slightly from the same pixels of the whole frame denoised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...denoising.settings import Settings
from ...errors import BlankImage, in_words
from ...micrograph import Micrograph
from ...session import Session
from ..layers.micrographs import contrast_limits
from ..layers.view_state import Range
from .preferences import preference

MARGIN = 32  # working pixels around the part, of which nothing is shown
LARGEST = 256  # working pixels along a side: about a second on a laptop


@dataclass(frozen=True)
class Request:
    """What is to be seen.

    Parameters
    ----------
    source
        The micrograph.
    frame
        Number of the frame.
    shown
        Rows and columns inside the canvas.
    settings
        How to denoise.
    """

    source: Micrograph
    frame: int
    shown: tuple[Range, Range]
    settings: Settings

    @property
    def asks(self) -> tuple[object, ...]:
        """All that a session depends on; the data by identity."""
        m = self.source
        return id(m.data), m.pixel_size, m.gain, m.offset, self.settings


@dataclass(frozen=True)
class Preview:
    """What came of a request.

    Parameters
    ----------
    request
        The request.
    values
        (h, w) float32, in the source's units.
    corner
        Row and column of the first value in the frame.
    limits
        Contrast limits that show the signal.
    seconds
        What it took.
    """

    request: Request
    values: np.ndarray
    corner: tuple[int, int]
    limits: tuple[float, float]
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether it covers the frame."""
        return self.values.shape == self.request.source.shape[-2:]


class LiveDenoiser:
    """Answers requests; the model stays ready for as long as the settings are the same."""

    def __init__(self) -> None:
        self._ready: tuple[tuple[object, ...], Session] | None = None

    def __call__(self, request: Request, should_stop: Callable[[], bool]) -> Preview:
        """Denoise what the request shows.

        Raises
        ------
        SBDError
            If the frame cannot be denoised.
        Cancelled
            If ``should_stop`` said so.
        """
        begun = time.monotonic()
        with in_words():
            session = self._session(request, should_stop)
            denoiser, m = session.worker, session.source  # which is corrected by references
            frame = m.data[request.frame] if m.is_movie else m.data
            keep = bounded(request.shown, denoiser.block, m.shape[-2:])
            read = [
                (max(a - MARGIN * b, 0), min(z + MARGIN * b, n))
                for (a, z), b, n in zip(keep, denoiser.block, m.shape[-2:], strict=True)
            ]
            part = slice(*read[0]), slice(*read[1])
            values = np.asarray(frame[part])
            inner = tuple(
                slice(a - low, z - low) for (a, z), (low, _) in zip(keep, read, strict=True)
            )
            clean = session.compute(request.frame, values, should_stop=should_stop, part=part)
            if not clean.is_denoised:
                raise BlankImage(clean.reason)
        return Preview(
            request,
            clean.values[inner],
            (keep[0][0], keep[1][0]),
            contrast_limits(values, denoiser.block),
            time.monotonic() - begun,
        )

    def _session(self, request: Request, should_stop: Callable[[], bool]) -> Session:
        wanted = *request.asks, preference("tile")
        if self._ready is None or self._ready[0] != wanted:
            self._ready = wanted, Session(request.source, request.settings, should_stop=should_stop)
        return self._ready[1]


def bounded(
    shown: tuple[Range, Range], block: tuple[int, int], shape: tuple[int, ...]
) -> tuple[Range, Range]:
    """The part to denoise: of a large frame the middle of what is shown, else the whole frame.

    Parameters
    ----------
    shown
        Rows and columns inside the canvas.
    block
        Pixels summed along y and x; the part starts with a whole block of the frame.
    shape
        (Y, X) of the frame.
    """
    if all(n <= LARGEST * b for n, b in zip(shape, block, strict=True)):
        return (0, shape[0]), (0, shape[1])
    part = []
    for (low, high), b, n in zip(shown, block, shape, strict=True):
        length = min(high - low, LARGEST * b)
        length = min(max(length, 2 * MARGIN * b), n)
        start = min(max((low + high - length) // 2, 0), n - length) // b * b
        part.append((start, min(start + -(-length // b) * b, n)))
    return part[0], part[1]
