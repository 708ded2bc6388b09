"""Errors and warnings that a user can meet; each is one sentence that says what to do."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGE = str(Path(__file__).parent)


class SBDError(ValueError):
    """Input that cannot be used, with a sentence that says what is wrong and what to do.

    Not a ``RuntimeError``: Qt generator workers swallow those.

    Examples
    --------
    >>> try:
    ...     sbd.denoise(np.ones((8, 8)))
    ... except sbd.SBDError as error:
    ...     print(error)
    The image is 8 x 8 pixels; ...
    """


class BlankImage(SBDError):
    """An image that is constant or holds no finite pixel, such as a frame without beam."""


class DeviceFull(SBDError):
    """The memory of a graphics card does not suffice for a pass."""


class Cancelled(Exception):
    """The caller's ``should_stop`` asked for an end before the result was complete.

    Not an ``SBDError``: nothing is wrong with the input.

    Examples
    --------
    >>> try:
    ...     sbd.denoise(noisy, should_stop=lambda: True)
    ... except sbd.Cancelled:
    ...     print("stopped")
    stopped
    """


def warn(message: str) -> None:
    """Warn in the name of the nearest caller outside this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what goes wrong in memory, files or the device into one sentence.

    Raises
    ------
    SBDError
        In place of MemoryError, OSError and RuntimeError.
    """
    try:
        yield
    except MemoryError as error:
        raise SBDError(
            "The result does not fit into memory; crop the image or take fewer frames."
        ) from error
    except OSError as error:
        raise SBDError(f"The data cannot be read any more: {error}.") from error
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise SBDError(f"The computation failed: {reason}") from error
