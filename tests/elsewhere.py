"""Tasks that tests have done in a process of its own, which imports this module."""

import os
import signal
import time

from napari_sbd.errors import Cancelled, SBDError


def counts(tell, should_stop):
    for number in range(3):
        tell(number)
    return os.getpid()


def goes_on(note, tell, should_stop):
    """Until it is stopped, which it notes in a file."""
    tell("begun")
    while not should_stop():
        time.sleep(0.01)
    note.write_text("stopped")
    raise Cancelled("Stopped.")


def is_deaf(tell, should_stop):
    """Looks too seldom whether to stop."""
    tell("begun")
    time.sleep(5)
    raise Cancelled("Stopped.")


def refuses(tell, should_stop):
    raise SBDError("It cannot be done; do something else.")


def breaks(tell, should_stop):
    raise ZeroDivisionError("by zero")


def is_killed(tell, should_stop):
    os.kill(os.getpid(), signal.SIGKILL)
