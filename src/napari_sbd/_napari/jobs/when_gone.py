"""What is left to do when a widget has gone."""

from __future__ import annotations

from collections.abc import Callable
from inspect import ismethod
from typing import Any
from weakref import WeakMethod, ref

from qtpy.QtCore import QObject

_waiting: set[Callable[..., None]] = set()


def when_gone(part: QObject, act: Callable[..., Any], *given: Any) -> None:
    """Call a function once a widget is gone, unless the collector takes what it needs as well.

    A slot that only the widget knows may have been emptied by the collector when it is called,
    which ends the program; so slots wait here, and hold nothing else alive.

    Parameters
    ----------
    part
        The widget.
    act
        A function, or a method of what goes with the widget.
    given
        Passed on.
    """
    found = WeakMethod(act) if ismethod(act) else lambda: act
    things = [ref(thing) for thing in given]

    def gone(*_: Any) -> None:
        _waiting.discard(gone)
        still, left = found(), [thing() for thing in things]
        if still is not None and all(thing is not None for thing in left):
            still(*left)

    _waiting.add(gone)
    part.destroyed.connect(gone)
