"""Where the command line begins, so that Ctrl-C while it loads ends it with a sentence, too, and
SIGTERM does."""

from __future__ import annotations

import os
import signal
from typing import Any


def main() -> None:
    """Load the command line, which takes a moment, and run it."""
    before = {s: signal.signal(s, _stopped) for s in (signal.SIGINT, signal.SIGTERM)}
    from .cli import main as run

    for number, handler in before.items():
        signal.signal(number, handler)
    run()


def _stopped(number: int, frame: Any) -> None:
    """Nothing was begun: end at once, as an exception might be caught by what is being loaded."""
    os.write(2, b"napari-sbd: Stopped; nothing was written.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
