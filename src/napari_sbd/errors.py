"""Errors and warnings that a user can meet; each is one sentence that says what to do."""

from __future__ import annotations

import re
import reprlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = str(Path(__file__).parent)
_NOBODY: list[str] = []  # in the place of what is heard, where nothing is
_listening: ContextVar[list[str] | None] = ContextVar("listening", default=None)
_should_stop: ContextVar[Callable[[], bool] | None] = ContextVar("should_stop", default=None)


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


class Unreadable(SBDError):
    """A part of a file that cannot be read when it is used.

    Parameters
    ----------
    reason
        As a library says it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"A part of the data cannot be read ({reason}): the file is damaged or out of reach; "
            "copy it again."
        )


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


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn in the name of the nearest caller outside this package, or tell who listens."""
    heard = _listening.get()
    if heard is not None and category is UserWarning:
        if heard is not _NOBODY and message not in heard:
            heard.append(message)
        return
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what this package warns of meanwhile, each sentence once, in place of warning.

    Unlike ``warnings.catch_warnings``, which changes the filters of all threads, it concerns the
    thread (the context) that asks.
    """
    heard: list[str] = []
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)


@contextmanager
def unheard() -> Iterator[None]:
    """Drop what this package warns of meanwhile; what is looked at only to warn is left out."""
    token = _listening.set(_NOBODY)
    try:
        yield
    finally:
        _listening.reset(token)


def is_heard() -> bool:
    """Whether a warning would reach anybody."""
    return _listening.get() is not _NOBODY


@contextmanager
def stopping(should_stop: Callable[[], bool] | None) -> Iterator[None]:
    """Let whatever this thread computes meanwhile end soon after ``should_stop`` says so.

    For work that goes through many rooms, such as to judge an image: networks ask before each tile,
    fits before each round. None leaves it to who asked around it.
    """
    token = _should_stop.set(should_stop or _should_stop.get())
    try:
        yield
    finally:
        _should_stop.reset(token)


def stop_if_asked() -> None:
    """End here if who called ``stopping`` in this thread wants an end.

    Raises
    ------
    Cancelled
        If so.
    """
    should_stop = _should_stop.get()
    if should_stop is not None and should_stop():
        raise Cancelled("Stopped before the result was complete.")


def by_name(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let keyword-only parameters be given by position for one more version, with a warning.

    Parameters
    ----------
    names
        Of the parameters, in the order that they had.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        kinds = signature(function).parameters.values()
        places = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in kinds)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            late = dict(zip(names, args[places:], strict=False))
            if not late or len(args) > places + len(names) or late.keys() & kwargs.keys():
                return function(*args, **kwargs)  # Python says what is wrong, if anything
            said = ", ".join(f"{name}=..." for name in late)
            warn(
                f"Write {said} in {function.__name__}(); by position it will be refused.",
                FutureWarning,
            )
            named: dict[str, Any] = {**kwargs, **late}
            return function(*args[:places], **named)  # type: ignore[arg-type]

        return call

    return decorate


_REFUSALS = {
    "greater_than": "it must be above {gt:g}",
    "greater_than_equal": "it must be {ge:g} or more",
    "less_than": "it must be below {lt:g}",
    "less_than_equal": "it must be {le:g} or less",
    "finite_number": "it must be a finite number",
    "literal_error": "it must be {expected}",
    "too_short": "it must have {min_length} or more entries",
    "too_long": "it must have {max_length} or fewer entries",
    "missing": "it is missing",
    "extra_forbidden": "there is nothing of that name",
    "int": "it must be a whole number",
    "float": "it must be a number",
    "bool": "it must be true or false",
    "string": "it must be a text",
    "tuple": "it must be a list in brackets",
    "list": "it must be a list in brackets",
    "dict": "it must be names with values",
    "model": "it must be names with values",
}
_WITHOUT_VALUE = "missing", "extra_forbidden", "too_short", "too_long"


def refusal(problem: Mapping[str, Any]) -> str:
    """What is wrong with a value, in words that need no knowledge of Python.

    Parameters
    ----------
    problem
        An entry of ``errors()`` of pydantic's ``ValidationError``.

    Examples
    --------
    >>> from napari_sbd.errors import refusal
    >>> refusal({"type": "greater_than", "ctx": {"gt": 0}, "input": -1})
    'it must be above 0, not -1'
    """
    kind, context, value = problem["type"], problem.get("ctx", {}), problem["input"]
    if "error" in context:
        return str(context["error"]).rstrip(".")
    words = _REFUSALS.get(kind) or _REFUSALS.get(kind.partition("_")[0])
    if words is None:
        words = f"it cannot be understood ({problem['msg']})"
    words = words.format(**context)
    if kind in _WITHOUT_VALUE:
        return words
    return (
        f"{words}, and is empty" if value in (None, "") else f"{words}, not {reprlib.repr(value)}"
    )


def reason_of(error: OSError) -> str:
    """What went wrong with a file, in words: numpy has its own for a full disk."""
    if error.strerror is None and re.fullmatch(r"\d+ requested and \d+ written", str(error)):
        return "no space left on device"
    return error.strerror or str(error)


def reason_unread(error: Exception) -> str:
    """Why a frame cannot be read: the first line of what a library says."""
    if isinstance(error, Unreadable):
        return error.reason
    return str(error).partition("\n")[0] or type(error).__name__


@contextmanager
def unreadable() -> Iterator[None]:
    """Turn whatever a library says of damaged data into one sentence.

    Raises
    ------
    Unreadable
        In place of any error but MemoryError and our own.
    """
    try:
        yield
    except (SBDError, MemoryError):
        raise
    except Exception as error:
        raise Unreadable(reason_unread(error)) from error


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
        raise SBDError(f"The data cannot be read any more: {reason_of(error)}.") from error
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise SBDError(f"The computation failed: {reason}") from error
