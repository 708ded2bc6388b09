"""Work in a process of its own, which can be busy as it likes and the window still answers."""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from ...errors import Cancelled, SBDError

_PATIENCE = 0.1  # s between looks at whether to stop
_GRACE = 1.0  # s for a task to stop; then it ends by itself, and nobody waits for it

Tell = Callable[[Any], None]
ShouldStop = Callable[[], bool]


def apart(task: Callable[[Tell, ShouldStop], Any], hear: Tell, should_stop: ShouldStop) -> Any:
    """Do a task in a new process and wait for its end; for a background thread.

    Parameters
    ----------
    task
        A function of a module, or a partial of one, so that the other process can import it. It is
        called there with a function that tells something, and one that says whether to stop: when
        it is asked to, or when this process is gone.
    hear
        Called here with what the task tells.
    should_stop
        Asked here, several times a second.

    Returns
    -------
    What the task returns.

    Raises
    ------
    SBDError
        If the process was killed. What the task raises is raised here, too.
    Cancelled
        If the task was asked to stop and has not done so soon: it goes on until it next looks
        whether to stop.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, task))
    process.start()
    there.close()
    try:
        with here:
            return _listen(here, hear, should_stop)
    except EOFError:
        raise SBDError(
            "The process that did the work was killed, probably for want of memory."
        ) from None
    finally:
        process.join(_PATIENCE)


def _listen(here: Connection, hear: Tell, should_stop: ShouldStop) -> Any:
    told: float | None = None
    while True:
        if told is not None and time.monotonic() - told > _GRACE:
            raise Cancelled("It was asked to stop.")
        if told is None and should_stop():
            told = time.monotonic()
            with suppress(OSError):  # it may just have ended
                here.send("stop")
        if not here.poll(_PATIENCE):
            continue
        kind, what = here.recv()
        if kind == "returned":
            return what
        if kind == "raised":
            raise what
        hear(what)


def _work(there: Connection, task: Callable[[Tell, ShouldStop], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the window

    def tell(what: Any) -> None:
        with suppress(OSError):  # nobody hears any more; the task is about to be stopped
            there.send(("told", what))

    # whatever comes through the pipe, its end too, means stop; it is never read
    try:
        outcome = "returned", task(tell, there.poll)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other process tells people
        error.add_note(traceback.format_exc())
        outcome = "raised", error
    with suppress(OSError):
        there.send(outcome)
